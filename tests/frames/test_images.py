import cv2
import numpy as np
import pytest

from mepipe.errors import BadDataError
from mepipe.frames import decode_image


@pytest.fixture
def picture(texture):
    return np.dstack([texture(64, seed=seed) for seed in range(3)]).astype(np.uint8)


def encoded(image, extension):
    return cv2.imencode(extension, image)[1].tobytes()


@pytest.mark.parametrize("extension", [".png", ".bmp"])
def test_lossless_images_come_back(picture, extension):
    np.testing.assert_array_equal(decode_image(encoded(picture, extension)), picture)


def test_a_jpeg_is_close(picture):
    assert np.abs(decode_image(encoded(picture, ".jpg")).astype(int) - picture).mean() < 6


def test_grey_and_deep_and_transparent_images_become_three_channels(picture):
    grey = picture[..., 0]
    assert (decode_image(encoded(grey, ".png")) == grey[..., None]).all()
    deep = decode_image(encoded(grey.astype(np.uint16) * 257, ".png"))
    np.testing.assert_allclose(deep, np.repeat(grey[..., None], 3, 2), atol=1)
    transparent = np.dstack([picture, np.full_like(grey, 9)])
    np.testing.assert_array_equal(decode_image(encoded(transparent, ".png")), picture)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.999])
def test_a_truncated_image_is_an_error_that_names_the_frame(picture, extension, share):
    data = encoded(picture, extension)
    with pytest.raises(BadDataError) as caught:
        decode_image(data[: int(len(data) * share)], position=7)
    assert caught.value.position == 7
    assert "Restore" in caught.value.remedy


@pytest.mark.parametrize(("data", "what"), [(b"", "empty"), (b"not an image", "not an image")])
def test_what_is_no_image_is_said_so(data, what):
    with pytest.raises(BadDataError, match=what):
        decode_image(data)


def test_bytes_behind_a_whole_jpeg_do_no_harm(picture):
    data = encoded(picture, ".jpg")
    np.testing.assert_array_equal(decode_image(data + b"\0" * 100), decode_image(data))
