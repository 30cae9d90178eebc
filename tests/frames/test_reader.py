import hashlib

import cv2
import numpy as np
import pytest

from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames import FrameReader, VideoFacts


@pytest.fixture
def files(tmp_path):
    paths = []
    for position in range(4):
        path = tmp_path / f"img{position}.png"
        cv2.imwrite(str(path), np.full((8, 8, 3), 10 * position, np.uint8))
        paths.append(path)
    return tuple(paths)


def reader(files, known=lambda path: None):
    return FrameReader(files, len(files), None, known)


def test_digests_are_those_of_the_files(files):
    assert reader(files).digest(2) == hashlib.sha256(files[2].read_bytes()).hexdigest()


def test_a_known_digest_is_not_read_again(files):
    files[1].unlink()
    assert reader(files, lambda path: "known").digest(1) == "known"


def test_images_come_sorted_and_once(files):
    found = [(position, image[0, 0, 0]) for position, image in reader(files).images([3, 1, 3])]
    assert found == [(1, 10), (3, 30)]


def test_a_file_that_changes_after_it_was_hashed_is_an_error(files):
    frames = reader(files)
    frames.digest(0)
    cv2.imwrite(str(files[0]), np.full((8, 8, 3), 99, np.uint8))
    with pytest.raises(UnreadableInputError, match="changed"):
        frames.image(0)


def test_a_missing_file_is_an_error_that_names_it(files):
    files[2].unlink()
    with pytest.raises(UnreadableInputError, match="img2"):
        reader(files).digest(2)


def test_a_damaged_frame_names_its_position(files):
    files[3].write_bytes(b"text")
    with pytest.raises(BadDataError) as caught:
        list(reader(files).images())
    assert caught.value.position == 3


def test_a_frame_of_a_video_is_its_file_and_its_position(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"anything")
    frames = FrameReader((path,), 5, VideoFacts(5, 5, 25.0), lambda _: None)
    digest = hashlib.sha256(b"anything").hexdigest()
    assert [frames.digest(i) for i in (0, 4)] == [f"{digest}:0", f"{digest}:4"]


def test_a_video_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from mepipe.frames import reader as module

    path = tmp_path / "v.avi"
    path.write_bytes(b"first")
    frames = FrameReader((path,), 3, VideoFacts(3, 3, 25.0), lambda _: None)

    def meanwhile(stream, wanted, facts):
        yield 0, np.zeros((2, 2, 3), np.uint8)
        path.write_bytes(b"second, longer")

    monkeypatch.setattr(module, "video_frames", meanwhile)
    with pytest.raises(UnreadableInputError, match="changed while"):
        list(frames.images())
    with pytest.raises(UnreadableInputError, match="changed while"):
        list(frames.images())


def test_what_had_to_be_hashed_is_remembered(files):
    frames = reader(files)
    frames.digest(1)
    (facts,) = frames.learnt.values()
    assert facts.sha256 == hashlib.sha256(files[1].read_bytes()).hexdigest()
    assert facts.size == files[1].stat().st_size
    assert not facts.settled, "the file is younger than a time stamp can tell"
    known = reader(files, lambda path: "known")
    known.digest(1)
    assert known.learnt == {}
