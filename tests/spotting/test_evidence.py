"""The most likely movement, and what explains itself without one."""

import numpy as np
import pytest
from faces import INTER_OCULAR, SIZE, course, crops, polygons

from mepipe.spotting.evidence import MAX_KNOTS, find_movement
from mepipe.spotting.motion import face_motion, fit_head

TIMES = np.arange(80) * 5.0
PATTERN = np.array([0.008, -0.004, 0.0, 0.002])


def motion(share, seed=0):
    noise = np.random.default_rng(seed).normal(0, 5e-4, (len(share), 4))
    return share[:, None] * PATTERN + noise


def find(vectors, times=TIMES, nuisance=None, centres=None):
    nuisance = np.zeros((len(times), 0)) if nuisance is None else nuisance
    centres = centres or slice(1, len(times) - 1)
    return find_movement(vectors, times, nuisance, first=0, centres=centres)


def bump(middle, width=60.0, times=TIMES):
    return np.exp(-(((times - middle) / width) ** 2))


def test_a_movement_is_found_with_its_pattern():
    found = find(motion(bump(210)))
    assert found.evidence > 50
    assert abs(TIMES[np.argmax(found.course)] - 210) <= 20
    np.testing.assert_allclose(found.pattern, PATTERN, atol=1.5e-3)


def test_noise_has_less_evidence_than_no_movement():
    found = find(motion(0 * TIMES))
    assert found.evidence < 0
    assert found.strength < 1


@pytest.mark.parametrize("slope", [2e-3, -4e-3])
def test_a_slow_drift_is_no_movement(slope):
    drift = slope * TIMES[:, None] / 1000 * np.ones(4)
    assert find(motion(0 * TIMES) + drift).evidence < 0


def test_motion_that_follows_the_eyes_is_no_movement_and_hides_none():
    blink = bump(300, 40)
    vectors = motion(0.3 * blink)
    nuisance = 2e-3 * blink[:, None]
    assert find(vectors).evidence > 10
    assert find(vectors, nuisance=nuisance).evidence < 5
    both = find(motion(bump(120)) + 0.3 * blink[:, None] * PATTERN, nuisance=nuisance)
    assert abs(TIMES[np.argmax(both.course)] - 120) <= 20


def test_a_clip_does_not_begin_at_the_height_of_its_movement():
    """Returning to rest is no movement from it in the opposite direction."""
    vectors = motion(np.clip((TIMES - 100) / 120, 0, 1))
    found = find(vectors)
    assert found.course[0] <= 0.2
    assert found.pattern @ PATTERN > 0


def test_a_long_clip_is_averaged_to_knots():
    times = np.arange(5 * MAX_KNOTS) * 5.0
    found = find(motion(bump(3000, 80, times)), times)
    assert found.residual.shape == (len(times), 4)
    assert abs(times[np.argmax(found.course)] - 3000) <= 50


@pytest.mark.parametrize("count", [2, 3, 5])
def test_find_movement_in_a_clip_of_a_few_frames(count):
    found = find(motion(np.linspace(0, 1, count)), TIMES[:count], centres=slice(0, count))
    assert np.isfinite(found.evidence)
    assert found.course.shape == (count,)


def test_a_head_that_turns_is_explained_by_its_relief():
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 60))
    one, none = np.ones(60), np.zeros(60)
    columns = np.stack(
        [np.stack([one, none, x, -y, z, none], 1), np.stack([none, one, y, x, none, z], 1)], 1
    )
    head = rng.normal(size=(7, 6)) * 0.02
    cells = np.einsum("pdi,ni->npd", columns, head)
    cells[:, :6] += 0.05  # what an expression moves
    fitted, rest = fit_head(cells, columns, np.ones(60))
    np.testing.assert_allclose(fitted, head, atol=2e-3)
    assert np.abs(rest[:, 6:]).max() < 5e-3


def test_eyes_that_change_move_no_region(texture):
    """The lids take no part in any cell's window, and their change is told apart."""
    frames = crops(np.zeros(40), texture)
    eyes = [p for p in polygons() if p.role == "eye"]
    rng = np.random.default_rng(1)
    for region in eyes:
        x, y = region.vertices.mean(axis=0).astype(int)
        frames[15:25, y - 4 : y + 4, x - 8 : x + 8] = rng.integers(0, 255, (8, 16))
    found = face_motion(frames, polygons(), inter_ocular=INTER_OCULAR, reference=slice(0, 5))
    assert np.abs(found.regions).max() * INTER_OCULAR < 0.15
    closed = np.abs(found.eyes[15:25, 0]).min()
    assert closed > 5 * np.abs(found.eyes[:15, 0]).max()


def test_light_that_moves_moves_no_region(texture):
    frames = crops(np.zeros(30), texture).astype(float)
    plane = 1 + 0.15 * np.linspace(-1, 1, SIZE)
    for index in range(30):
        frames[index] *= 0.9 + 0.1 * (index % 2)
        frames[index] *= plane if index > 15 else 1
    lit = np.clip(frames, 0, 255).astype(np.uint8)
    found = face_motion(lit, polygons(), inter_ocular=INTER_OCULAR, reference=slice(0, 5))
    assert np.abs(found.regions).max() * INTER_OCULAR < 0.15


def test_a_movement_is_measured_in_its_region(texture):
    share = course()
    found = face_motion(
        crops(share, texture), polygons(), inter_ocular=INTER_OCULAR, reference=slice(0, 5)
    )
    expressive = [p.name for p in polygons() if p.role == "expressive"]
    corner = found.regions[:, expressive.index("left_mouth_corner"), 1] * INTER_OCULAR
    assert np.corrcoef(-corner, share)[0, 1] > 0.98
    assert 0.4 < -corner[28] < 1.3
