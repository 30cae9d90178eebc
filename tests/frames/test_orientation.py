"""A picture that is stored lying has the size of the upright one, for a check as for a run."""

import cv2
import numpy as np
import pytest
from image_files import (
    exif,
    exif_segment,
    segment,
    tiff,
    webp_with_exif,
    with_chunk,
    with_segments,
)

from mepipe.errors import BadDataError
from mepipe.frames import decode_image, image_size
from mepipe.frames.orientation import orientation

HEIGHT, WIDTH = 30, 50
FORMATS = (".jpg", ".png", ".webp", ".tiff")


@pytest.fixture
def picture(texture):
    return np.dstack([np.resize(texture(64, seed=seed), (HEIGHT, WIDTH)) for seed in range(3)])


def encoded(image, extension, *options):
    return cv2.imencode(extension, image.astype(np.uint8), options)[1].tobytes()


def turned(image, extension, number, order="<"):
    if extension == ".jpg":
        return with_segments(encoded(image, extension), exif_segment(number, order=order))
    if extension == ".png":
        return with_chunk(encoded(image, extension), b"eXIf", exif(number, order))
    if extension == ".webp":
        lossless = encoded(image, extension, cv2.IMWRITE_WEBP_QUALITY, 101)
        return webp_with_exif(lossless, WIDTH, HEIGHT, exif(number, order))
    return tiff(image[..., 0].astype(np.uint8), 8, t274=number)


def measured(tmp_path, data):
    path = tmp_path / "frame1.png"
    path.write_bytes(data)
    return image_size(path)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("number", range(10))
def test_check_and_run_see_the_same_size_in_every_orientation(picture, tmp_path, extension, number):
    data = turned(picture, extension, number)
    decoded = decode_image(data)
    expected = (HEIGHT, WIDTH) if number in {5, 6, 7, 8} else (WIDTH, HEIGHT)
    assert measured(tmp_path, data) == expected
    assert decoded.shape[1::-1] == expected
    # As OpenCV turns it, so that the bytes of earlier results hold.
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded, theirs)
    assert decoded.flags.c_contiguous


@pytest.mark.parametrize("extension", [".png", ".webp"])
def test_the_pixels_are_turned_as_exif_defines(picture, extension):
    sound = decode_image(turned(picture, extension, 1))
    np.testing.assert_array_equal(decode_image(turned(picture, extension, 6)), np.rot90(sound, -1))
    np.testing.assert_array_equal(
        decode_image(turned(picture, extension, 8, order=">")), np.rot90(sound, 1)
    )
    np.testing.assert_array_equal(decode_image(turned(picture, extension, 3)), sound[::-1, ::-1])


XMP = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
LONG_TEXT = segment(0xFE, bytes(6000))  # longer than what a check reads of a file first


@pytest.mark.parametrize(
    "segments",
    [
        (XMP, exif_segment(6)),
        (exif_segment(6), exif_segment(1)),
        (exif_segment(6, order=">", more=9),),
        (LONG_TEXT, exif_segment(6)),
        (exif_segment(6, more=400), XMP),
    ],
)
def test_exif_data_anywhere_before_the_picture_count(picture, tmp_path, segments):
    data = with_segments(encoded(picture, ".jpg"), *segments)
    assert measured(tmp_path, data) == (HEIGHT, WIDTH)
    assert decode_image(data).shape[:2] == (WIDTH, HEIGHT)


def test_exif_data_behind_the_frame_header_count(picture, tmp_path):
    jpeg = encoded(picture, ".jpg")
    at = jpeg.index(b"\xff\xda")
    data = jpeg[:at] + exif_segment(6) + jpeg[at:]
    assert measured(tmp_path, data) == (HEIGHT, WIDTH)
    assert decode_image(data).shape[:2] == (WIDTH, HEIGHT)


@pytest.mark.parametrize("scale", [1, 8])
def test_exif_data_behind_the_picture_of_a_png_count(picture, tmp_path, scale):
    large = np.kron(picture, np.ones((scale, scale, 1)))
    large = np.clip(large + np.random.default_rng(1).integers(0, 9, large.shape), 0, 255)
    data = with_chunk(encoded(large, ".png"), b"eXIf", exif(6), behind=True)
    assert len(data) > (10_000 if scale > 1 else 0)
    assert measured(tmp_path, data) == (scale * HEIGHT, scale * WIDTH)
    assert decode_image(data).shape[:2] == (scale * WIDTH, scale * HEIGHT)


def test_damaged_exif_data_turn_nothing(picture, tmp_path):
    cut = segment(0xE1, b"Exif\0\0" + exif(6)[:14])
    jpeg = with_segments(encoded(picture, ".jpg"), cut)
    whole = with_chunk(encoded(picture, ".png"), b"eXIf", exif(6))
    at = whole.index(b"eXIf") + 4 + len(exif(6))
    png = whole[:at] + b"abcd" + whole[at + 4 :]
    for data in (jpeg, png):
        assert measured(tmp_path, data) == (WIDTH, HEIGHT)
        assert decode_image(data).shape[:2] == (HEIGHT, WIDTH)


def test_deep_frames_are_turned_too(picture, tmp_path):
    deep = cv2.imencode(".png", picture.astype(np.uint16)[..., 0] * 4)[1].tobytes()
    data = with_chunk(deep, b"eXIf", exif(6))
    assert measured(tmp_path, data) == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(
        decode_image(data, bits=10), np.rot90(decode_image(deep, bits=10), -1)
    )


def test_a_truncated_file_that_is_turned_is_still_refused(picture, tmp_path):
    data = turned(picture, ".jpg", 6)
    with pytest.raises(BadDataError, match="truncated JPEG"):
        measured(tmp_path, data[:-80])


def test_what_ends_early_says_nothing(picture):
    data = turned(picture, ".jpg", 6)
    assert orientation(data) == 6
    assert orientation(data[:30]) is None
