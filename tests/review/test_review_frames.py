"""The frames of the clip that is looked at lie ready, and memory is bounded."""

import threading

import cv2
import numpy as np
import pytest
from videos import encoded

from mepipe.frames import FrameReader, probe_video
from mepipe.review.frames import ALIGNED_PX, Tape, Tapes

COUNT = 90
# The middle of a frame of 64 x 48.
UPRIGHT = [np.array([[1 / 40, 0, -0.3], [0, 1 / 40, -0.1]])]


def picture(number):
    """Return a frame whose brightness says its number."""
    return np.full((48, 64, 3), 2 * number + 20, np.uint8)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    files = tuple(folder / f"{number:03}.png" for number in range(COUNT))
    for number, path in enumerate(files):
        cv2.imwrite(str(path), picture(number))
    return FrameReader(files, COUNT, None, lambda path: None)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    path.write_bytes(encoded([picture(number) for number in range(COUNT)], options={"g": "15"}))
    with path.open("rb") as file:
        facts = probe_video(file)
    return FrameReader((path,), COUNT, facts, lambda one: "known")


@pytest.fixture
def tape():
    made = []

    def make(*args, **how):
        made.append(Tape(*args, **{"width": 960, **how}))
        return made[-1]

    yield make
    for one in made:
        one.close()


DARKER = {"images": 0, "video": 3}  # the codec's rounding of a grey, the same for all


def number(data, kind="video"):
    """Return the number of a frame from its brightness."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    level = float(image[image.shape[0] // 2, image.shape[1] // 2]) + DARKER[kind]
    return pytest.approx((level - 20) / 2, abs=0.6)


@pytest.mark.parametrize("kind", ["images", "video"])
def test_any_frame_in_any_order(kind, tape, request):
    one = tape(request.getfixturevalue(kind), UPRIGHT)
    for place in (0, 89, 40, 41, 3, 88):
        pair = one.pair(place)
        assert place == number(pair.whole, kind)
        assert place == number(pair.aligned, kind)
    assert one.frame_size == (64, 48)


def test_the_whole_clip_becomes_ready_by_itself(video, tape):
    one = tape(video, UPRIGHT)
    one.pair(50)
    for _ in range(600):
        if one.ready == COUNT:
            break
        threading.Event().wait(0.05)
    assert one.ready == COUNT
    assert number(one.pair(12, wait=False).whole) == 12


@pytest.mark.parametrize("kind", ["images", "video"])
def test_memory_is_bounded_and_what_is_near_stays(kind, tape, request):
    reader = request.getfixturevalue(kind)
    size = tape(reader, UPRIGHT).pair(0).size
    one = tape(reader, UPRIGHT, budget=60 * size)
    for place in (0, 45, 89, 20):
        one.pair(place)
    for _ in range(40):
        threading.Event().wait(0.02)
    assert one.ready <= 66
    assert one.pair(20, wait=False) is not None
    assert one.pair(23, wait=False) is not None


def test_a_wide_frame_is_scaled_down(tmp_path, tape):
    path = tmp_path / "wide.png"
    cv2.imwrite(str(path), np.zeros((540, 2000, 3), np.uint8))
    pair = tape(FrameReader((path,), 1, None, lambda one: None), []).pair(0)
    assert cv2.imdecode(np.frombuffer(pair.whole, np.uint8), 1).shape == (259, 960, 3)
    assert pair.aligned is None


def test_the_aligned_face_has_one_size(images, tape):
    data = np.frombuffer(tape(images, UPRIGHT).pair(5).aligned, np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_UNCHANGED).shape == (ALIGNED_PX, ALIGNED_PX)


def test_frames_that_cannot_be_read_have_words(tmp_path, tape):
    files = tuple(tmp_path / f"{name}.png" for name in "abc")
    for path in files:
        cv2.imwrite(str(path), picture(5))
    files[1].write_bytes(b"no picture")
    one = tape(FrameReader(files, 3, None, lambda path: None), UPRIGHT)
    assert one.pair(1).whole is None
    assert one.pair(1).problem
    assert one.pair(2).whole
    assert one.pair(0).whole


def test_tapes_of_the_last_clips_are_kept(images, video):
    tapes = Tapes(2)
    first = tapes.tape(0, images, UPRIGHT, 960)
    assert tapes.tape(0, images, UPRIGHT, 960) is first
    assert tapes.tape(0, images, UPRIGHT, 1600) is not first
    second = tapes.tape(1, video, UPRIGHT, 960)
    tapes.tape(2, images, UPRIGHT, 960)
    assert tapes.tape(1, video, UPRIGHT, 960) is second
    # Other frames under the same number: the run was read again.
    assert tapes.tape(1, images, UPRIGHT, 960) is not second
    tapes.close()
