"""Short recordings of a made face, rendered once."""

from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def made_recording(tmp_path_factory):
    """Eleven seconds of a face with two movements and a blink: frames, and a video of them."""
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    from videos import encoded

    from mepipe.sample.everyday import Everyday
    from mepipe.sample.identity import make_subject
    from mepipe.sample.photos import load_photos
    from mepipe.sample.recordings import render_frames
    from mepipe.sample.timeline import plan_recording

    person = make_subject(load_photos(None)[0], 0, 0)
    everyday = Everyday(head=False, light=False, speech=False)
    plan = plan_recording((4, 0, 0), seconds=11, fps=25, everyday=everyday)
    # Half as large: enough for a face, and quick.
    frames = np.stack([frame[::2, ::2] for frame in render_frames(person, plan)])
    path = tmp_path_factory.mktemp("made") / "talk.mp4"
    path.write_bytes(encoded(frames, rate=25, options={"crf": "10", "preset": "ultrafast"}))
    return SimpleNamespace(frames=frames, path=path, plan=plan)


@pytest.fixture(scope="session")
def brief(made_recording, tmp_path_factory):
    """A video of two seconds of it, with a movement: bytes."""
    from videos import encoded

    frames = made_recording.frames[130:180]
    return encoded(frames, rate=25, options={"crf": "10", "preset": "ultrafast"})


@pytest.fixture
def short_chunks(monkeypatch):
    """Chunks of four seconds, so that a short recording has several."""
    from mepipe.recordings import chunks

    monkeypatch.setattr(chunks, "CORE_MS", 4000.0)
    monkeypatch.setattr(chunks, "BESIDE_MS", 1000.0)
