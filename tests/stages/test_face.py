"""The face stage on clips that lie on their side, in the dark, and without a face."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from test_contract import QUICK, clip_input, walk

from mepipe.clips.clip_input import ClipInput
from mepipe.config import load_config
from mepipe.errors import BadDataError
from mepipe.frames import FramesInMemory, Timing
from mepipe.stages import STAGES, Upstream
from mepipe.stages.face import face_notes

FACE = STAGES[0]


@pytest.fixture(scope="module")
def images(portrait):
    """Eleven frames in which the mouth's corners rise and fall."""
    image = cv2.resize(portrait, (640, 560), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    bump = np.exp(-((x - 320) ** 2 + (y - 330) ** 2) / (2 * 40**2))
    return [
        cv2.remap(image, x, (y + 3 * np.sin(np.pi * i / 10) * bump).astype(np.float32), 1)
        for i in range(11)
    ]


def clip(images):
    marks = clip_input(("a",) * 11)
    return ClipInput(
        FramesInMemory(images), Timing(50.0), marks.onset, marks.apex, marks.offset
    )  # fmt: skip


def face(images, *settings, box=None):
    one = replace(clip(images), face_box=box)
    return FACE.compute(one, load_config(None, [*QUICK, *settings]), Upstream({}, lambda _: {}))


def rolled(images, degrees):
    height, width = images[0].shape[:2]
    way = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    return [cv2.warpAffine(image, way, (width, height), **how) for image in images]


@pytest.fixture(scope="module")
def upright(images):
    return walk(clip(images), load_config(None, QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_clip_on_its_side_gives_the_flow_of_the_upright_one(images, upright, quarters):
    turned = [np.ascontiguousarray(np.rot90(image, quarters)) for image in images]
    found = walk(clip(turned), load_config(None, QUICK))
    here, there = (one["flow"][2].arrays["uv"] for one in (found, upright))
    assert np.abs(here).mean() == pytest.approx(np.abs(there).mean(), rel=0.1)
    assert np.corrcoef(here.ravel(), there.ravel())[0, 1] > 0.95
    values = found["face"][2].values
    assert abs((values["roll"] + 90 * quarters + 180) % 360 - 180) < 5
    eyes = upright["face"][2].values["inter_ocular_px"]
    assert values["inter_ocular_px"] == pytest.approx(eyes, rel=0.03)
    assert any("rolled by" in note for note in face_notes(values))
    assert not face_notes(upright["face"][2].values)


@pytest.mark.parametrize("degrees", [20, 40])
def test_a_rolled_head_gives_the_flow_of_the_upright_one(images, upright, degrees):
    found = walk(clip(rolled(images, degrees)), load_config(None, QUICK))
    here, there = (one["flow"][2].arrays["uv"] for one in (found, upright))
    assert np.abs(here).mean() == pytest.approx(np.abs(there).mean(), rel=0.1)
    assert np.corrcoef(here.ravel(), there.ravel())[0, 1] > 0.9
    level = upright["face"][2].values["roll"]
    assert found["face"][2].values["roll"] - level == pytest.approx(degrees, abs=2)


def test_a_clip_on_its_side_is_aligned_per_frame(images):
    turned = [np.ascontiguousarray(np.rot90(image)) for image in images]
    values = face(turned, "face.align=per-frame").values
    assert len(values["transforms"]) == 11
    assert values["roll"] == pytest.approx(-90, abs=5)


def test_a_frame_without_a_plausible_face_takes_its_neighbours_transform(images):
    broken = list(images)
    broken[4] = np.full_like(images[0], 90)
    values = face(broken, "face.align=per-frame", "face.steady_ms=1").values
    np.testing.assert_allclose(values["transforms"][4], values["transforms"][3], atol=1e-3)


def test_another_frame_is_taken_where_the_first_is_implausible(images):
    broken = [np.full_like(images[0], 90), *images[1:]]
    assert face(broken).values["searched"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image: np.rint(image * 0.15).astype(np.uint8), "too dark"),
        (lambda image: np.clip(image * 1.6, 0, 255).astype(np.uint8), "exposed"),
        # Slow: every frame is searched in every turn.
        pytest.param(
            lambda image: np.full_like(image, 90), "no face was found", marks=pytest.mark.slow
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(images, change, words):
    for settings in ([], ["face.align=per-frame"]):
        with pytest.raises(BadDataError, match=words) as refused:
            face([change(image) for image in images], *settings)
        assert "from the front" in refused.value.remedy


def test_a_dim_clip_is_used_with_a_note(images):
    values = face([np.rint(image * 0.35).astype(np.uint8) for image in images]).values
    assert any("little contrast" in note for note in face_notes(values))


def test_a_corrected_box_without_a_plausible_face_is_refused_with_its_numbers(images):
    with pytest.raises(BadDataError, match="face box 0 0 70 70: what was found") as refused:
        face(images, box=(0, 0, 70, 70))
    assert "face_box" in refused.value.remedy


def test_a_corrected_box_in_a_clip_on_its_side(images, upright):
    x0, y0, x1, y1 = upright["face"][2].arrays["box"].round().astype(int).tolist()
    turned = [np.ascontiguousarray(np.rot90(image)) for image in images]
    width = images[0].shape[1]
    values = face(turned, box=(y0, width - x1, y1, width - x0)).values
    assert values["roll"] == pytest.approx(-90, abs=5)
    assert values["quality"] == 1.0


def test_notes_of_an_earlier_version_are_fewer():
    assert face_notes({"faces": 2}) == ["2 faces found: the larger and more central one is used"]


@pytest.mark.parametrize(("eyes", "said"), [(14.5, "too small"), (20.0, "small"), (40.0, "")])
def test_a_small_face_is_cautioned_and_a_smaller_one_refused(images, upright, eyes, said):
    scale = eyes / upright["face"][2].values["inter_ocular_px"]
    small = [cv2.resize(i, None, fx=scale, fy=scale, interpolation=3) for i in images]
    padded = [cv2.copyMakeBorder(i, 40, 40, 40, 40, cv2.BORDER_REPLICATE) for i in small]
    if said == "too small":
        with pytest.raises(BadDataError, match=r"too small: its eyes are \d+ px apart, 16"):
            face(padded)
        return
    notes = face_notes(face(padded).values)
    assert any("the face is small" in note for note in notes) == bool(said)
