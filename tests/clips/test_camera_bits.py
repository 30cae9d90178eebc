"""The bits of a clip's frames: decided when it is prepared, in its keys, and said."""

import cv2
import numpy as np
import pytest

from mepipe.clips.file_index import DigestIndex
from mepipe.clips.prepare import prepare
from mepipe.config import load_config
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "data" / "anna" / "smile1"
    place.mkdir(parents=True)

    def write(scale, dtype=np.uint16, frames=5):
        for number in range(1, frames + 1):
            image = np.full((20, 30), round(200 * scale) + number, dtype)
            cv2.imwrite(str(place / f"{number}.png"), image)
        return tmp_path / "data"

    return write


def prepared(root, tmp_path, *settings):
    dataset = open_dataset(str(root))
    index = DigestIndex(tmp_path / "cache", root)
    found = prepare([dataset], {dataset.name: index}, load_config(None, settings))
    (clip,) = found.clips
    return clip, [note.text for note in found.notes if note.clip]


@pytest.mark.parametrize(("scale", "bits"), [(1023 / 255, 10), (4095 / 255, 12), (16383 / 255, 14)])
def test_the_bits_are_said_and_stand_in_the_digests(folder, tmp_path, scale, bits):
    clip, notes = prepared(folder(scale), tmp_path)
    (note,) = notes
    assert f"{bits} bits in 16-bit files: scaled by 1/{2 ** (bits - 8)}" in note
    assert clip.input.frames.digest(2).endswith(f":bits={bits}")
    image = clip.input.frames.image(2)
    assert image.max() in range(199, 202)
    # A worker reads the same frames under the same keys.
    there = clip.task().anywhere().open().frames
    assert there.digest(2) == clip.input.frames.digest(2)
    np.testing.assert_array_equal(there.image(2), image)


@pytest.mark.parametrize(("scale", "dtype"), [(1, np.uint8), (257, np.uint16)])
def test_frames_that_fill_their_bits_have_the_keys_of_before(folder, tmp_path, scale, dtype):
    root = folder(scale, dtype)
    clip, notes = prepared(root, tmp_path)
    assert notes == []
    assert len(clip.input.frames.digest(0)) == 64
    again, notes = prepared(root, tmp_path, "data.bits=16")
    assert notes == []
    assert again.input.frames.digest(0) == clip.input.frames.digest(0)


def test_8_bits_in_16_bit_files_are_not_scaled(folder, tmp_path):
    clip, (note,) = prepared(folder(1), tmp_path)
    assert "8 bits in 16-bit files: not scaled" in note
    assert clip.input.frames.image(0).max() == 201


def test_the_user_states_the_bits(folder, tmp_path):
    root = folder(1023 / 255)
    clip, notes = prepared(root, tmp_path, "data.bits=12")
    assert notes == [], "who says it knows it"
    assert clip.input.frames.digest(0).endswith(":bits=12")
    assert clip.input.frames.image(0).max() == 803 >> 4


def test_the_bits_of_a_camera_do_not_matter_to_frames_of_8_bits(folder, tmp_path):
    clip, notes = prepared(folder(1, np.uint8), tmp_path, "data.bits=10")
    assert notes == []
    assert len(clip.input.frames.digest(0)) == 64


@pytest.mark.parametrize("bits", [7, 17, 10.5])
def test_impossible_bits_are_a_usage_error(bits):
    with pytest.raises(UsageError, match=r"data\.bits"):
        load_config(None, [f"data.bits={bits}"])
