"""The peak of the expressive motion is found, whatever the head and the light do."""

import numpy as np
import pytest
from faces import INTER_OCULAR, course, crops, polygons

from mepipe.spotting import flow_peak

TIMES = np.arange(60) * 5.0


def spot(frames, times=TIMES, **options):
    return flow_peak(frames, times[: len(frames)], polygons(), inter_ocular=INTER_OCULAR, **options)


@pytest.fixture(scope="module")
def smile(texture):
    return crops(course(), texture)


def test_flow_peak_finds_onset_apex_and_offset_of_a_smile(smile):
    found = spot(smile)
    assert found.movement
    assert abs(found.apex - 28) <= 2
    # The tenth of the motion is reached a few frames behind the first that moves.
    assert 11 <= found.onset <= 19
    assert 41 <= found.offset <= 49
    assert found.curve.shape == (60,)
    assert found.curve.dtype == np.float32
    # The mean over a region is less than the peak of the bump in it.
    assert 0.4 < found.curve[found.apex] < 1.3
    assert 0 < found.apex_confidence <= 1


def test_flow_peak_finds_a_movement_of_the_brows(texture):
    frames = crops(
        course(), texture, where=("left_inner_brow", "right_inner_brow"), peak=(0.3, 1.0), seed=1
    )
    assert abs(spot(frames).apex - 28) <= 2


def test_flow_peak_removes_head_drift(texture):
    t = np.linspace(0, 1, 60)
    drift = np.stack([2.5 * t, -1.5 * np.sin(3 * t)], axis=1)
    assert abs(spot(crops(course(), texture, drift=drift)).apex - 28) <= 2


def test_a_still_face_has_no_movement_but_a_candidate(texture):
    still = [crops(np.zeros(60), texture, seed=seed) for seed in range(4)]
    found = [spot(frames) for frames in still]
    assert not any(one.movement for one in found)
    for one in found:
        assert 0 <= one.onset <= one.apex <= one.offset < 60
    assert max(one.apex_confidence for one in found) < 0.5


def test_identical_frames_have_no_movement(smile):
    found = spot(np.repeat(smile[:1], 20, axis=0))
    assert not found.movement
    assert np.isfinite(found.curve).all()


def test_flow_peak_tells_how_each_expressive_region_moves(smile):
    found = spot(smile)
    names = [one.name for one in polygons() if one.role == "expressive"]
    assert found.regions.shape == (60, len(names), 2)
    assert found.regions.dtype == np.float32
    corner = found.regions[:, names.index("left_mouth_corner")]
    # Up is negative; the brow rests.
    assert corner[found.apex, 1] < -0.4
    assert np.abs(found.regions[found.apex, names.index("left_inner_brow")]).max() < 0.2
    assert spot(smile[:1]).regions.tolist() == np.zeros((1, len(names), 2)).tolist()


def test_flow_peak_keeps_annotated_positions_and_searches_between(smile):
    found = spot(smile, onset=30, offset=45)
    assert (found.onset, found.offset) == (30, 45)
    assert (found.onset_confidence, found.offset_confidence) == (1.0, 1.0)
    assert 30 < found.apex < 45
    assert spot(smile, apex=20).apex == 20


def test_flow_peak_at_a_varying_frame_rate(smile):
    times = np.cumsum(np.tile([3.0, 7.0], 30))
    assert abs(spot(smile, times).apex - 28) <= 2


def test_flow_peak_on_one_and_two_frames(smile):
    assert spot(smile[:1]).apex == 0
    found = spot(smile[[0, 28]])
    assert 0 <= found.onset <= found.apex <= found.offset <= 1


@pytest.mark.parametrize(
    ("frames", "times", "options", "words"),
    [
        (np.zeros((3, 8, 9), np.uint8), np.arange(3.0), {}, "not .N, S, S."),
        (np.zeros((3, 160, 160)), np.arange(3.0), {}, "float64"),
        (np.zeros((3, 160, 160), np.uint8), np.zeros(3), {}, "ascending"),
        (np.zeros((3, 160, 160), np.uint8), np.arange(3.0), {"onset": 2, "apex": 1}, "ascending"),
        (np.zeros((3, 160, 160), np.uint8), np.arange(3.0), {"apex": 3}, "ascending"),
    ],
)
def test_flow_peak_refuses_inconsistent_input(frames, times, options, words):
    with pytest.raises(ValueError, match=words):
        flow_peak(frames, times, polygons(), inter_ocular=INTER_OCULAR, **options)


@pytest.mark.parametrize("fps", [25.0, 50.0])
def test_a_movement_that_rises_within_a_frame_still_begins_before_its_peak(texture, fps):
    shares = np.array([0.0] * 8 + [1.0, 0.9, 0.8, 0.6, 0.4, 0.2] + [0.0] * 6)
    found = spot(crops(shares, texture), np.arange(20) * 1000.0 / fps)
    assert found.onset < found.apex < found.offset
    assert abs(found.apex - 8) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("left", [0.0, 0.2, 0.35])
def test_the_offset_is_where_the_fall_ends_however_much_is_left(texture, left):
    rising = np.sin(np.pi / 2 * np.clip((np.arange(120) - 20) / 20, 0, 1)) ** 2
    falling = np.sin(np.pi / 2 * np.clip((70 - np.arange(120)) / 24, 0, 1)) ** 2
    shares = rising * (left + (1 - left) * falling)
    truth = np.flatnonzero(shares >= left + 0.1 * (1 - left))[-1]
    found = spot(crops(shares, texture), np.arange(120) * 5.0)
    assert found.movement
    assert abs(found.apex - 43) <= 4
    assert abs(found.offset - truth) <= 5
    assert 20 <= found.onset <= 28


def test_a_clip_that_ends_before_the_fall_does_has_its_offset_at_the_end(texture):
    found = spot(crops(course(60, 12, 28, 60)[:40], texture))
    assert found.offset == 39
