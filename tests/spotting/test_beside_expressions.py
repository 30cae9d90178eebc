"""What moves in a face and is no expression: blinks, turns of the head, speech."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.spotting.blinks import find_blinks, find_turns, running_median
from mepipe.spotting.speech import find_speech, without_syllables

RATES = pytest.mark.parametrize("fps", [25, 30, 60, 200])


def times(seconds, fps):
    return np.arange(round(seconds * fps)) * 1000.0 / fps


def lids(t, *blinks, height=0.5):
    """The look of the eyes (N, 2): each blink is given by its middle and its length, ms."""
    rng = np.random.default_rng(0)
    eyes = 0.01 * rng.normal(size=(len(t), 2))
    for middle, length in blinks:
        eyes[:, 0] += height * np.exp(-(((t - middle) / (0.35 * length)) ** 2))
    return eyes


@RATES
def test_blinks_are_found_where_they_are(fps):
    t = times(10, fps)
    found = find_blinks(lids(t, (2000, 250), (6000, 200)), t)
    assert len(found) == 2
    for (_, peak, _), middle in zip(found, (2000, 6000), strict=True):
        assert abs(t[peak] - middle) < 41
    for first, peak, last in found:
        assert first <= peak <= last
        assert 70 <= t[last] - t[first] <= 500


@RATES
def test_a_double_blink_is_two(fps):
    t = times(6, fps)
    found = find_blinks(lids(t, (3000, 160), (3400, 160)), t)
    assert len(found) == 2
    assert found[0][2] < found[1][0]


def test_a_gaze_and_closed_eyes_are_no_blinks():
    t = times(8, 30)
    gaze = lids(t)
    gaze[(t > 3000) & (t < 3400)] += 0.08
    assert find_blinks(gaze, t) == []
    asleep = lids(t)
    asleep[t > 3000] += 0.6
    assert find_blinks(asleep, t) == []
    long = lids(t)
    long[(t > 3000) & (t < 3700)] += 0.6
    assert find_blinks(long, t) == []


def test_eyes_that_are_not_seen_do_not_blink():
    t = times(2, 30)
    assert find_blinks(np.zeros((len(t), 0)), t) == []
    assert find_blinks(np.ones((2, 1)), t[:2]) == []
    assert find_turns(np.ones((2, 6)), t[:2]) == []


@settings(deadline=None, max_examples=25)
@given(st.integers(3, 200), st.integers(0, 1000))
def test_blinks_are_in_order_and_apart_whatever_is_given(count, seed):
    rng = np.random.default_rng(seed)
    eyes = rng.normal(scale=0.15, size=(count, 2))
    t = np.cumsum(rng.uniform(5, 60, count))
    found = find_blinks(eyes, t)
    for first, peak, last in found:
        assert 0 <= first <= peak <= last < count
    for one, following in pairwise(found):
        assert one[2] < following[0]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 60), st.floats(1, 3000), st.integers(0, 1000))
def test_a_running_median_lies_within_the_values(count, width, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 2))
    result = running_median(values, np.cumsum(rng.uniform(5, 60, count)), width)
    assert result.shape == values.shape
    assert np.all(result >= values.min(axis=0))
    assert np.all(result <= values.max(axis=0))


@RATES
def test_a_turn_is_found_and_slow_sway_is_none(fps):
    t = times(12, fps)
    head = np.zeros((len(t), 6))
    head[:, 5] = np.radians(4) * np.clip((t - 5000) / 400, 0, 1)
    ((first, middle, last),) = find_turns(head, t)
    assert abs(t[first] - 5040) < 60
    assert abs(t[last] - 5360) < 60
    assert first <= middle <= last
    sway = np.zeros((len(t), 6))
    sway[:, 4] = np.radians(2) * np.sin(2 * np.pi * t / 6000)
    assert find_turns(sway, t) == []
    shift = np.zeros((len(t), 6))
    shift[t > 5000, 0] = 0.3  # of the head, not a turn
    assert find_turns(shift, t) == []


def test_a_turn_there_and_back_is_two_turns():
    t = times(12, 30)
    head = np.zeros((len(t), 6))
    head[:, 4] = np.radians(5) * (np.clip((t - 3000) / 300, 0, 1) - np.clip((t - 7000) / 300, 0, 1))
    assert [round(t[middle], -3) for _, middle, _ in find_turns(head, t)] == [3000, 7000]


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 150), st.integers(0, 10_000))
def test_turns_begin_before_they_end_whatever_is_given(count, seed):
    rng = np.random.default_rng(seed)
    head = np.cumsum(rng.normal(scale=0.01, size=(count, 6)), axis=0)
    t = np.cumsum(rng.uniform(5, 60, count))
    for first, middle, last in find_turns(head, t):
        assert 0 <= first <= middle <= last < count


def jaw(t, *spans, rate=4.5, height=0.01):
    speaks = np.zeros(len(t))
    for begin, end in spans:
        speaks += np.clip((t - begin) / 150, 0, 1) * np.clip((end - t) / 150, 0, 1)
    noise = np.random.default_rng(0).normal(scale=2e-4, size=len(t))
    return noise + height * np.sin(2 * np.pi * rate * t / 1000) * speaks


@RATES
@pytest.mark.parametrize("rate", [3.5, 6.0])
def test_speech_is_found_where_it_is(fps, rate):
    t = times(12, fps)
    first, second = find_speech(jaw(t, (2000, 4000), (7000, 9500), rate=rate), t)
    for (begin, end), (true_begin, true_end) in ((first, (2000, 4000)), (second, (7000, 9500))):
        assert abs(begin - true_begin) < 350
        assert abs(end - true_end) < 350


def test_a_short_pause_is_part_of_the_speech():
    t = times(10, 60)
    assert len(find_speech(jaw(t, (2000, 4000), (4300, 6000)), t)) == 1


def test_an_open_mouth_a_smile_and_noise_are_no_speech():
    t = times(10, 30)
    open_ = 0.05 * np.sin(np.pi * np.clip((t - 3000) / 800, 0, 1)) ** 2
    assert find_speech(jaw(t) + open_, t) == []
    assert find_speech(jaw(t) + 0.03 * np.clip((t - 3000) / 300, 0, 1), t) == []
    assert find_speech(jaw(t), t) == []
    assert find_speech(np.zeros(1), t[:1]) == []


def test_a_smile_while_speaking_stays_and_syllables_go():
    t = times(10, 30)
    smile = 0.03 * np.clip((t - 4000) / 500, 0, 1) * np.clip((7500 - t) / 500, 0, 1)
    said = jaw(t, (2000, 9000))
    regions = np.stack([np.stack([smile, smile], 1), np.stack([smile, said + smile], 1)], axis=1)
    quiet = without_syllables(regions, t, [(2000.0, 9000.0)], mouth=[1])
    inside = (t > 3000) & (t < 8000)
    assert np.abs(quiet[inside] - smile[inside, None, None]).max() < 0.01
    before = t < 1700
    np.testing.assert_array_equal(quiet[before], regions[before])
    assert without_syllables(regions, t, [], mouth=[1]) is regions


def test_cheeks_that_follow_a_speaking_mouth_are_quiet_and_a_brow_is_not():
    t = times(10, 30)
    said = jaw(t, (2000, 8000))
    brow = 0.01 * np.exp(-(((t - 5000) / 120) ** 2))
    regions = np.stack([brow, 0.3 * said, said], axis=1)[..., None] * np.ones(2)
    quiet = without_syllables(regions, t, [(2000.0, 8000.0)], mouth=[2])
    inside = (t > 2500) & (t < 7500)
    assert np.abs(quiet[inside, 1]).max() < 0.1 * np.abs(regions[inside, 1]).max()
    assert np.abs(quiet[inside, 0] - regions[inside, 0]).max() < 0.15 * brow.max()
