"""Frames from the middle of a video are the frames of a video decoded from its start."""

import io
from dataclasses import replace

import numpy as np
import pytest
from videos import encoded, moving

from mepipe.frames import probe_video, video_frames
from mepipe.frames.decoder import Opened

KINDS = {
    "h264 mp4": ("mp4", "libx264", {"g": "12", "bf": "2"}),
    "h264 mkv, open groups": ("matroska", "libx264", {"g": "12", "x264-params": "open-gop=1"}),
    "h264 ts": ("mpegts", "libx264", {"g": "12", "bf": "2"}),
    "h265 mp4, open groups": (
        "mp4",
        "libx265",
        {"x265-params": "keyint=12:min-keyint=12:open-gop=1:log-level=none:pools=1"},
    ),
    "mpeg2 ts": ("mpegts", "mpeg2video", {"g": "12", "bf": "2"}),
    "mpeg4 avi": ("avi", "mpeg4", {"g": "12"}),
    "vp9 webm": ("webm", "libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "ffv1 mkv": ("matroska", "ffv1", {}),
    "mjpeg mov": ("mov", "mjpeg", {}),
}
# In other containers the demuxer does not go where it is told, and decoding begins at the start.
SKIPPING = {"h264 mp4", "h264 mkv, open groups", "h265 mp4, open groups", "vp9 webm", "ffv1 mkv"}
PLACES = (3, 59, 60, 71, 72, 73, 100, 143)


@pytest.fixture(scope="module")
def images():
    return moving(144, (64, 96))


@pytest.fixture
def decoded_packets(monkeypatch):
    """Count the packets that are decoded."""
    counts = []
    frames = Opened.frames

    def counted(self):
        yield from frames(self)

    def closing(self):
        try:
            yield from counted(self)
        finally:
            counts.append(len(self.packets))

    monkeypatch.setattr(Opened, "frames", closing)
    return counts


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_from_the_middle_is_that_from_the_start(kind, images, decoded_packets):
    container, codec, options = KINDS[kind]
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    file = io.BytesIO(encoded(images, container, codec, pixels=pixels, options=options))
    facts = probe_video(file)
    every = [image for _, image in video_frames(file, facts=facts)]
    decoded_packets.clear()
    for place in PLACES:
        ((position, image),) = video_frames(file, {place}, facts=facts)
        assert position == place
        assert np.array_equal(image, every[place]), place
    # The last place is far behind: not all of the video was decoded for it.
    if kind in SKIPPING:
        assert decoded_packets[-1] < 60, decoded_packets


def test_several_frames_come_in_order(images):
    file = io.BytesIO(encoded(images, options={"g": "12"}))
    facts = probe_video(file)
    every = dict(video_frames(file, facts=facts))
    some = list(video_frames(file, {140, 80, 95}, facts=facts))
    assert [position for position, _ in some] == [80, 95, 140]
    assert all(np.array_equal(image, every[position]) for position, image in some)


@pytest.mark.parametrize("wrong", ["later", "earlier", "unknown"])
def test_time_stamps_of_another_file_are_not_followed(images, wrong):
    file = io.BytesIO(encoded(images, options={"g": "12"}))
    facts = probe_video(file)
    stamps = {
        "later": tuple(one + 512 for one in facts.key_stamps),
        "earlier": tuple(max(one - 512, number) for number, one in enumerate(facts.key_stamps)),
        "unknown": tuple(10**9 + one for one in facts.key_stamps),
    }[wrong]
    right = dict(video_frames(file, {100}, facts=facts))
    found = dict(video_frames(file, {100}, facts=replace(facts, key_stamps=stamps)))
    assert np.array_equal(found[100], right[100])


def test_a_damaged_or_interlaced_video_is_decoded_from_its_start(images, decoded_packets):
    file = io.BytesIO(encoded(images, options={"g": "12"}))
    facts = replace(probe_video(file), combed=True)
    decoded_packets.clear()
    list(video_frames(file, {100}, facts=facts))
    assert decoded_packets[0] > 100
