"""Damaged videos and images: no traceback, no frame of another clip, nothing used in silence."""

import io
import random

import cv2
import numpy as np
import pytest
from videos import encoded, moving

from mepipe.errors import BadDataError
from mepipe.frames import Changes, decode_image, probe_video, video_frames

IMAGES = moving(32, colour=0)
OTHER = moving(32, colour=2, seed=9)
FORMATS = {
    "mp4": ("mp4", "libx264", "yuv420p", {"g": "12"}),
    "mov": ("mov", "libx264", "yuv420p", {"g": "250"}),
    "mkv": ("matroska", "ffv1", "bgr0", {"slicecrc": "1", "g": "1"}),
    "avi": ("avi", "mpeg4", "yuv420p", {"b": "4M"}),
    "gif": ("gif", "gif", "rgb8", {}),
    "mjpeg": ("avi", "mjpeg", "yuvj420p", {"b": "8M"}),
}
VARIANTS = 50  # of each: 300 in all


def spoilt(data, dice, *, whole=False):
    """Return data with bytes changed, or with the end cut off."""
    changed = bytearray(data)
    kind = dice.choice(["few", "many", "run", "cut", "zero"])
    first = 0 if whole else len(data) // 20
    if kind == "cut":
        return bytes(changed[: dice.randrange(first, len(data))])
    for _ in range({"few": 2, "many": 40}.get(kind, 1)):
        at = dice.randrange(first, len(data))
        length = {"run": 48, "zero": 200}.get(kind, 1)
        for place in range(at, min(at + length, len(data))):
            changed[place] = 0 if kind == "zero" else changed[place] ^ dice.randrange(1, 256)
    return bytes(changed)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.slow
def test_damaged_videos_are_refused_or_give_only_frames_of_their_own(name):
    container, codec, pixels, options = FORMATS[name]
    data = encoded(IMAGES, container, codec, pixels=pixels, options=options)
    other = encoded(OTHER, container, codec, pixels=pixels, options=options)
    clean = [image for _, image in video_frames(io.BytesIO(data))]
    foreign = [image.astype(np.int16) for _, image in video_frames(io.BytesIO(other))]
    dice = random.Random(name)
    told = silent = 0
    for number in range(VARIANTS):
        broken = spoilt(data, dice, whole=number % 5 == 0)
        # The memory of the decoder holds another clip's pictures.
        list(video_frames(io.BytesIO(other)))
        try:
            facts = probe_video(io.BytesIO(broken))
        except BadDataError:
            told += 1
            continue
        damaged = {n for one in facts.damage for n in range(one.first, one.last + 1)}
        good = sorted(set(range(facts.count)) - damaged)
        used = dict(video_frames(io.BytesIO(broken), good, facts=facts))
        again = dict(video_frames(io.BytesIO(broken), good, facts=facts))
        for position, image in used.items():
            np.testing.assert_array_equal(image, again[position])
            if image.shape == clean[0].shape:
                nearest = min(float(np.abs(image - theirs).mean()) for theirs in foreign)
                assert nearest > 8, f"frame {position} is another clip's"
        same = facts.count == len(clean) and all(
            (image == clean[position]).all() for position, image in used.items()
        )
        noted = facts.damage or facts.sudden or facts.doubt or facts.mended
        noted = noted or facts.count != len(clean)
        told += bool(noted)
        silent += not same and not noted
    print(f"{name}: {told} of {VARIANTS} told or refused, {silent} changed in silence")
    # A GIF has no checksum, MPEG-4 and JPEG nearly none. What FFmpeg cannot see is no promise.
    most = {"mp4": 0.06, "mov": 0.06, "mkv": 0.0, "avi": 0.16, "gif": 0.2, "mjpeg": 0.16}
    assert silent <= most[name] * VARIANTS


def test_a_damaged_key_group_spoils_only_itself():
    data = encoded(moving(48), "mp4", "libx264", options={"g": "12", "sc_threshold": "0"})
    broken = bytearray(data)
    middle = len(data) // 2
    for place in range(middle, middle + 60, 3):
        broken[place] ^= 0x55
    facts = probe_video(io.BytesIO(bytes(broken)))
    assert 1 <= len(facts.damage) <= 2
    spoiled = sum(one.last - one.first + 1 for one in facts.damage)
    assert spoiled <= 24
    first = facts.damage[0].first
    before = list(range(first))
    found = dict(video_frames(io.BytesIO(bytes(broken)), before, facts=facts))
    clean = dict(video_frames(io.BytesIO(data), before))
    for position, image in found.items():
        np.testing.assert_array_equal(image, clean[position])
    with pytest.raises(BadDataError, match=rf"damaged.*frames {first} to") as caught:
        list(video_frames(io.BytesIO(bytes(broken)), {first}, facts=facts))
    assert caught.value.position == first


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_damaged_images_are_refused_or_decoded(suffix):
    data = cv2.imencode(suffix, IMAGES[0])[1].tobytes()
    dice = random.Random(suffix)
    for number in range(VARIANTS):
        try:
            image = decode_image(spoilt(data, dice, whole=number % 5 == 0))
        except BadDataError:
            continue
        assert image.dtype == np.uint8
        assert image.ndim == 3


def test_blocks_that_appear_at_once_are_sudden_and_a_movement_is_not():
    changes = Changes()
    for number, image in enumerate(moving(40, (192, 256))):
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if number >= 20:
            grey[64:96, 32:160] = 255 - grey[64:96, 32:160]
        changes.look(grey)
    assert [one.position for one in changes.found] == [20]
    assert not changes.found[0].is_cut


def test_another_scene_is_a_cut():
    changes = Changes()
    for image in np.concatenate([moving(10, (192, 256)), moving(10, (192, 256), seed=4)]):
        changes.look(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    assert [(one.position, one.is_cut) for one in changes.found] == [(10, True)]


def test_a_file_that_breaks_off_gives_the_frames_before():
    data = encoded(IMAGES, "avi", "mjpeg", pixels="yuvj420p")
    facts = probe_video(io.BytesIO(data[: len(data) * 2 // 3]))
    assert facts.torn == 1
    assert facts.damage == ()
    assert 15 < facts.count < 25
    found = list(video_frames(io.BytesIO(data[: len(data) * 2 // 3]), facts=facts))
    assert len(found) == facts.count
