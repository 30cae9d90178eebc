"""Frames with 10, 12 or 14 bits in 16-bit files get one scale for a clip."""

import cv2
import numpy as np
import pytest
from image_files import chunk, packed, tiff, with_chunk

from mepipe.errors import BadDataError, UsageError
from mepipe.frames import FrameReader, FramesInMemory, clip_bits, decode_image, image_size

DEPTHS = (8, 10, 12, 14, 16)


@pytest.fixture
def grey(texture):
    image = texture(64)
    return (image - image.min()) / (image.max() - image.min())


def deep_png(grey, bits):
    return cv2.imencode(".png", np.round(grey * (2**bits - 1)).astype(np.uint16))[1].tobytes()


def written(folder, *contents):
    files = []
    for number, content in enumerate(contents):
        files.append(folder / f"{number}.png")
        files[-1].write_bytes(content)
    return tuple(files)


@pytest.mark.parametrize("bits", DEPTHS)
def test_white_is_white_whatever_the_camera(grey, tmp_path, bits):
    files = written(tmp_path, *[deep_png(grey, bits)] * 3)
    found = clip_bits(files)
    assert found == (bits if bits < 16 else None)
    image = FrameReader(files, 3, None, lambda _: None, found).image(1)
    np.testing.assert_allclose(image[..., 0], 255 * grey, atol=1)
    assert image.dtype == np.uint8


def test_colour_and_transparency(grey, tmp_path):
    ten = np.round(grey * 1023).astype(np.uint16)
    colour = np.dstack([ten, ten // 2, ten // 4])
    transparent = np.dstack([colour, np.full_like(ten, 65535)])
    data = [cv2.imencode(".png", image)[1].tobytes() for image in (colour, transparent)]
    assert clip_bits(written(tmp_path, *data)) == 10, "transparency is no sample"
    for one in data:
        np.testing.assert_array_equal(decode_image(one, bits=10), colour >> 2)


def test_files_that_fill_their_bits_keep_the_bytes_of_before(grey):
    for image in (grey * 65535, grey * 255):
        depth = np.uint16 if image.max() > 255 else np.uint8
        data = cv2.imencode(".png", np.round(image).astype(depth))[1].tobytes()
        before = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(decode_image(data), before)
        np.testing.assert_array_equal(decode_image(data, bits=16), before)


def test_a_dark_frame_stays_dark(grey, tmp_path):
    dark, bright = deep_png(grey / 8, 12), deep_png(grey, 12)
    files = written(tmp_path, dark, dark, bright, dark)
    bits = clip_bits(files)
    assert bits == 12
    reader = FrameReader(files, 4, None, lambda _: None, bits)
    assert reader.image(0).max() in range(30, 33)
    assert reader.image(2).max() == 255


def test_only_three_frames_are_decoded(grey, tmp_path, monkeypatch):
    files = written(tmp_path, *[deep_png(grey, 10)] * 9)
    count = []
    decode = cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda *given: count.append(1) or decode(*given))
    assert clip_bits(files) == 10
    assert len(count) == 3
    count.clear()
    assert clip_bits(files, given=12) == 12
    assert not count, "who says the bits need not wait"


def test_frames_of_8_bits_are_not_decoded(grey, tmp_path, monkeypatch):
    image = np.round(grey * 255).astype(np.uint8)
    suffixes = (".png", ".jpg", ".bmp", ".webp", ".tiff")
    data = [cv2.imencode(suffix, image)[1].tobytes() for suffix in suffixes]
    monkeypatch.setattr(cv2, "imdecode", lambda *_: 1 / 0)
    for one in data:
        assert clip_bits(written(tmp_path, one)) is None
        assert clip_bits(written(tmp_path, one), given=10) is None


def test_digests_name_the_bits_and_those_of_8_bits_stay(grey, tmp_path):
    files = written(tmp_path, deep_png(grey, 10))
    plain = FrameReader(files, 1, None, lambda _: None)
    ten = FrameReader(files, 1, None, lambda _: None, 10)
    assert len(plain.digest(0)) == 64
    assert ten.digest(0) == f"{plain.digest(0)}:bits=10"
    assert ten.known() == plain.known()


def test_a_frame_above_the_bits_of_its_clip_is_refused_with_the_way_out(grey, tmp_path):
    dark, bright = deep_png(grey / 8, 12), deep_png(grey, 12)
    files = written(tmp_path, dark, bright, dark, dark, dark)
    bits = clip_bits(files)
    assert bits == 10
    with pytest.raises(BadDataError, match=r"4095.*10 bits") as caught:
        FrameReader(files, 5, None, lambda _: None, bits).image(1)
    assert "data.bits=12" in caught.value.remedy
    assert caught.value.position == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_that_states_its_bits(grey, tmp_path, channels):
    dark = np.round(grey / 8 * 4095).astype(np.uint16)
    dark = dark if channels == 1 else np.dstack([dark] * 3)
    data = cv2.imencode(".png", dark)[1].tobytes()
    assert clip_bits(written(tmp_path, data)) == 10
    stated = with_chunk(data, b"sBIT", bytes([12]) * channels)
    assert clip_bits(written(tmp_path, stated)) == 12


def test_a_png_that_is_scaled_as_the_specification_demands(grey, tmp_path):
    left = np.round(grey * 1023).astype(np.uint16) << 6
    data = with_chunk(cv2.imencode(".png", left)[1].tobytes(), b"sBIT", bytes([10]))
    assert clip_bits(written(tmp_path, data)) is None
    np.testing.assert_allclose(decode_image(data)[..., 0], 255 * grey, atol=1.01)


@pytest.mark.parametrize("tag", ["t281", "t341"])
def test_a_tiff_that_states_its_largest_sample(grey, tmp_path, tag):
    dark = np.round(grey / 8 * 4095).astype(np.uint16)
    assert clip_bits(written(tmp_path, tiff(dark, 16))) == 10
    files = written(tmp_path, tiff(dark, 16, **{tag: 4095}))
    assert clip_bits(files) == 12
    reader = FrameReader(files, 1, None, lambda _: None, 12)
    np.testing.assert_array_equal(reader.image(0)[..., 0], dark >> 4)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_tiff_without_gaps(grey, tmp_path, bits):
    samples = np.round(grey * (2**bits - 1)).astype(np.uint16)
    files = written(tmp_path, tiff(samples, bits))
    assert clip_bits(files) is None
    image = FrameReader(files, 1, None, lambda _: None).image(0)
    np.testing.assert_array_equal(image[..., 0], samples >> (bits - 8))
    assert image_size(files[0]) == image.shape[1::-1]


def test_files_that_cannot_be_used_and_black_frames_decide_nothing(grey, tmp_path):
    black = deep_png(grey * 0, 16)
    assert clip_bits(written(tmp_path, black)) is None
    sound = deep_png(grey, 10)
    files = written(tmp_path, sound[: len(sound) // 2], black, sound)
    assert clip_bits(files) == 10
    files[2].unlink()
    assert clip_bits(files) is None


# Kinds of samples


FLOATS = tiff(np.zeros((8, 8)), 32, np.zeros((8, 8), "<f4").tobytes(), t339=3)
SIGNED = tiff(np.zeros((8, 8)), 16, t339=2)
WIDE = tiff(np.zeros((8, 8)), 32, np.zeros((8, 8), "<u4").tobytes())
ELEVEN = tiff(np.zeros((8, 8)), 11, packed(np.zeros((8, 8)), 11))


def twelve_bit_jpeg():
    data = bytearray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    data[data.index(b"\xff\xc0") + 4] = 12
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (FLOATS, "32-bit floating-point"),
        (SIGNED, "16-bit signed"),
        (WIDE, "32 bits a sample"),
        (ELEVEN, "11 bits a sample"),
        (twelve_bit_jpeg(), "a JPEG with 12 bits"),
    ],
)
def test_samples_that_are_not_read_are_refused_by_name(data, words, tmp_path):
    with pytest.raises(BadDataError, match=words) as caught:
        decode_image(data, 4)
    assert "8 or 16 bits" in caught.value.remedy
    assert caught.value.position == 4
    (path,) = written(tmp_path, data)
    with pytest.raises(BadDataError, match=words):
        image_size(path)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_and_palettes_are_scaled_to_255(bits):
    samples = np.arange(16).reshape(4, 4) % 2**bits

    def png(colours, extra=b""):
        rows = b"".join(b"\0" + packed([row], bits) for row in samples)
        import zlib

        head = (4).to_bytes(4) * 2 + bytes([bits, colours, 0, 0, 0])
        body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows))
        return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")

    np.testing.assert_array_equal(decode_image(png(0))[..., 0], samples * 255 // (2**bits - 1))
    palette = np.arange(48, dtype=np.uint8).reshape(16, 3)
    np.testing.assert_array_equal(
        decode_image(png(3, chunk(b"PLTE", palette.tobytes()))), palette[samples][..., ::-1]
    )


@pytest.mark.parametrize(
    ("dtype", "words"),
    [(np.uint16, "bits of the camera"), (np.float32, "255"), (np.float64, "255")],
)
def test_arrays_that_are_not_8_bits_are_refused_with_the_way_out(dtype, words):
    with pytest.raises(UsageError, match=np.dtype(dtype).name) as caught:
        FramesInMemory(np.zeros((3, 20, 20), dtype))
    assert words in caught.value.remedy
    assert "alike" in caught.value.remedy
