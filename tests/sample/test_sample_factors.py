"""What makes a made clip hard, and that its truth stays the truth."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")

from mepipe.errors import UsageError
from mepipe.sample import HARD, NONE, Factors, write
from mepipe.sample.eyes import find_eyes, look_up
from mepipe.sample.factors import blinks, head_motion, varied_course
from mepipe.sample.identity import make_subject
from mepipe.sample.photos import astronaut
from mepipe.sample.render import frames, make_scene


@pytest.fixture(scope="module")
def subject():
    return make_subject(astronaut(), 1, 0)


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_a_varied_course_has_one_peak_and_is_long_enough(seed):
    share = varied_course((seed, 0, 0))
    assert share.max() == 1
    assert np.count_nonzero(share == 1) == 1
    assert share.min() >= 0
    assert len(share) >= 60


@given(st.integers(0, 10_000), st.integers(60, 300))
@settings(max_examples=40)
def test_blinks_and_heads_stay_within_their_bounds(seed, count):
    closed, gaze = blinks((seed, 0, 0), count)
    assert closed.shape == (count,)
    assert 0 <= closed.min() <= closed.max() <= 1
    assert np.abs(gaze).max() <= 4.5
    moved = head_motion((seed, 0, 0), np.linspace(0, 1, count))
    assert np.abs(moved[:, 4:]).max() <= np.deg2rad(1.5) + 1e-9


def test_a_factor_leaves_the_others_as_they_were(subject):
    plain, blinking = (make_scene(subject, 1, 0, 0, f) for f in (NONE, Factors(blinks=True)))
    np.testing.assert_array_equal(plain.course.share, blinking.course.share)
    np.testing.assert_array_equal(plain.drift, blinking.drift)
    both = make_scene(subject, 1, 0, 0, Factors(blinks=True, light=True))
    np.testing.assert_array_equal(both.closed, blinking.closed)


def test_uneven_units_still_peak_at_the_amplitude(subject):
    scene = make_scene(subject, 1, 0, 0, Factors(uneven=True))
    apex = scene.course.apex
    field = sum(part.share[apex] * part.field for part in scene.parts)
    # The truth looks at every fourth pixel.
    assert np.hypot(*np.moveaxis(field, 2, 0)).max() == pytest.approx(scene.amplitude, rel=0.01)
    assert scene.course.share[apex] == 1


def test_closed_lids_cover_the_eye_and_nothing_else(subject):
    eye, _ = find_eyes(subject.landmarks)
    x0, y0, x1, y1 = eye.box
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    still = np.zeros(2)
    skin, _, open_ = look_up(eye, xs, ys, 0.0, still)
    np.testing.assert_array_equal(skin, ys)
    _, _, shut = look_up(eye, xs, ys, 1.0, still)
    assert open_.sum() > 100
    assert shut.sum() < 0.2 * open_.sum()
    assert open_[0].max() == open_[-1].max() == 0


@pytest.mark.slow
def test_a_blink_changes_the_eyes_and_not_the_chin(subject):
    scene = make_scene(subject, 1, 0, 0, Factors(blinks=True, still=True))
    quiet = replace(
        scene, drift=scene.drift * 0, light=np.ones_like(scene.light),
        closed=np.linspace(0, 1, len(scene.light)), gaze=scene.gaze * 0,
    )  # fmt: skip
    clip = list(frames(quiet))
    change = np.abs(clip[-1].astype(float) - clip[0]).mean(axis=2)
    eye = subject.landmarks[36:42].mean(axis=0).astype(int)
    chin = subject.landmarks[8].astype(int)

    def near(point):
        return change[point[1] - 5 : point[1] + 5, point[0] - 8 : point[0] + 8].mean()

    assert near(eye) > 4 * near(chin)


@pytest.mark.slow
def test_a_still_sample_says_so(tmp_path):
    write(tmp_path / "s", subjects=1, clips=1, factors=replace(HARD, still=True))
    text = (tmp_path / "s" / "truth.csv").read_text(encoding="utf-8")
    (truth,) = csv.DictReader(text.splitlines())
    assert (truth["apex"], truth["onset"], float(truth["amplitude_px"])) == ("", "", 0)
    assert truth["label"] == "neutral"
    with pytest.raises(UsageError, match="casme2"):
        write(tmp_path / "c", layout="casme2", subjects=1, clips=1, factors=Factors(still=True))
