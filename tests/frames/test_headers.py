import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames import clip_bits, decode_image, image_size
from mepipe.frames.orientation import orientation


def encoded(extension, shape=(30, 50, 3), dtype=np.uint8):
    image = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    return cv2.imencode(extension, image)[1].tobytes()


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
@pytest.mark.parametrize("shape", [(30, 50, 3), (30, 50), (200, 300, 3)])
def test_image_size_of_every_format(tmp_path, extension, shape):
    path = tmp_path / "frame1.jpg"
    path.write_bytes(encoded(extension, shape))
    assert image_size(path) == (shape[1], shape[0])


def test_image_size_of_deep_and_transparent_images(tmp_path):
    path = tmp_path / "frame1.png"
    for data in (encoded(".png", (30, 50), np.uint16), encoded(".png", (30, 50, 4))):
        path.write_bytes(data)
        assert image_size(path) == (50, 30)


def test_a_jpeg_with_a_long_preamble_and_bytes_behind(tmp_path):
    data = encoded(".jpg")
    comment = b"\xff\xfe\xff\xf0" + bytes(0xFFEE)
    path = tmp_path / "frame1.jpg"
    path.write_bytes(data[:2] + comment + data[2:] + b"more")
    assert image_size(path) == (50, 30)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_image_size_refuses_truncated_files(tmp_path, extension, share):
    data = encoded(extension, (200, 300, 3))
    path = tmp_path / f"frame1{extension}"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadDataError):
        decode_image(path.read_bytes())
    with pytest.raises(BadDataError):
        image_size(path)


def test_image_size_refuses_text_renamed_to_jpg(tmp_path):
    path = tmp_path / "frame1.jpg"
    path.write_text("not an image at all, " * 400)
    with pytest.raises(BadDataError, match="not an image"):
        image_size(path)


def test_image_size_of_an_unreadable_file(tmp_path):
    with pytest.raises(UnreadableInputError, match=r"none1\.jpg"):
        image_size(tmp_path / "none1.jpg")


STARTS = [
    b"",
    b"\xff\xd8",
    b"\xff\xd8\xff\xe1\0\x40Exif\0\0II*\0\x08\0\0\0",
    b"\x89PNG\r\n\x1a\n",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x09\0\0\0\x09\x10\0\0\0\0",
    b"BM",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"RIFF\0\0\0\0WEBPVP8X",
]


@given(st.sampled_from(STARTS), st.binary(max_size=200))
def test_any_bytes_have_a_size_or_are_bad(tmp_path_factory, start, rest):
    path = tmp_path_factory.mktemp("h") / "frame1.jpg"
    path.write_bytes(start + rest)
    orientation(start + rest)
    assert clip_bits([path]) in {None, 8, 10, 12, 14}
    try:
        width, height = image_size(path)
    except BadDataError:
        return
    assert width > 0
    assert height > 0
