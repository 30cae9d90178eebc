"""What asks for more than an image of a face can need is refused before it is decoded."""

import io

import cv2
import numpy as np
import pytest
from hostile import HEADERS, gif

from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames import FrameReader, decode_image, image_size, images, probe, probe_video


@pytest.mark.parametrize("name", HEADERS)
def test_a_huge_header_is_bad_data_and_nothing_is_decoded(name, tmp_path, monkeypatch):
    def decoded(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", decoded)
    data = HEADERS[name]
    with pytest.raises(BadDataError) as caught:
        decode_image(data, 3)
    assert caught.value.position == 3
    assert caught.value.remedy
    path = tmp_path / "1.png"
    path.write_bytes(data)
    with pytest.raises(BadDataError) as checked:
        image_size(path)
    assert checked.value.message == caught.value.message, "a check says what a run says"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("png", "60000 x 60000 px"),
        ("bmp, top down", "60000 x 60000 px"),
        ("jpeg", "60000 x 60000 px"),
        ("webp, lossy", "16383 x 16383 px"),
        ("bmp below the bound", "truncated BMP"),
        ("tiff, huge tiles", "60000 x 60000 px"),
        ("tiff, cut off", "not an image"),
        ("big tiff", "a BigTIFF image"),
        ("pam, deep", "a PAM image"),
        ("sun raster", "a Sun raster image"),
        ("netpbm P6", "a PNM image"),
    ],
)
def test_the_message_says_what_it_is(name, words):
    with pytest.raises(BadDataError, match=words):
        decode_image(HEADERS[name])


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
@pytest.mark.parametrize("shape", [(30, 50, 3), (31, 1, 3), (1, 33, 3), (17, 19)])
def test_sound_images_of_every_kind_still_decode(texture, tmp_path, extension, shape):
    image = np.resize(texture(64), shape).astype(np.uint8)
    data = cv2.imencode(extension, image)[1].tobytes()
    decoded = decode_image(data)
    np.testing.assert_array_equal(decoded, cv2.imdecode(np.frombuffer(data, np.uint8), 1))
    path = tmp_path / "1.jpg"
    path.write_bytes(data)
    assert image_size(path) == shape[1::-1]


@pytest.mark.parametrize("lossless", [80, 101])
def test_webp_is_measured_as_it_is_decoded(lossless):
    from mepipe.frames.formats import stated_size

    picture = np.full((70, 90, 3), 7, np.uint8)
    data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, lossless])[1].tobytes()
    assert stated_size(data) == (90, 70)


def test_what_opencv_refuses_is_bad_data(monkeypatch):
    def refused(*_):
        raise cv2.error("its own limit")

    data = cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes()
    monkeypatch.setattr(cv2, "imdecode", refused)
    with pytest.raises(BadDataError, match="not an image that can be decoded"):
        decode_image(data)


@pytest.fixture
def clip(tmp_path):
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(files[-1]), np.full((20, 20, 3), number, np.uint8))
    return FrameReader(tuple(files), 3, None, lambda _: None)


def test_memory_that_runs_out_says_nothing_of_the_data(clip, monkeypatch):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr(cv2, "imdecode", exhausted)
    with pytest.raises(UnreadableInputError, match=r"memory.*1\.png") as caught:
        clip.image(1)
    assert caught.value.remedy


def test_a_file_too_long_for_a_frame_is_neither_hashed_nor_read(clip, monkeypatch):
    monkeypatch.setattr(images, "MOST_BYTES", 50)
    for use in (clip.digest, clip.image, lambda position: image_size(clip.files[position])):
        with pytest.raises(UnreadableInputError, match=r"2\.png.*bytes"):
            use(2)


def test_a_small_animation_that_would_be_decoded_for_hours_is_given_up(monkeypatch):
    """618 bytes of 9999 x 9999 px, and 10 kB of 3000 x 3000, ran for minutes and for hours."""
    monkeypatch.setattr("mepipe.plausible.FREE_PIXELS", 200_000)
    monkeypatch.setattr("mepipe.plausible.PIXELS_A_BYTE", 100)
    film = gif(150, 150, 60)
    seen = 0
    real = probe._Seen.look

    def look(self, *given):
        nonlocal seen
        seen += 1
        real(self, *given)

    monkeypatch.setattr(probe._Seen, "look", look)
    with pytest.raises(BadDataError, match=r"\d+ bytes, and its first 9 frames of 150 x 150 px"):
        probe_video(io.BytesIO(film))
    assert seen == 9


def test_the_same_animation_is_read_where_it_takes_no_time():
    assert probe_video(io.BytesIO(gif(100, 80, 30))).count == 30


def test_an_animation_of_16_000_px_a_side_is_refused_by_its_header():
    with pytest.raises(BadDataError, match="16000 x 16000 px"):
        probe_video(io.BytesIO(gif(16_000, 16_000, 26)))
