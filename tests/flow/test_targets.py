import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.flow import target_frames


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 64))
def test_target_frames_are_evenly_spaced_and_end_at_the_offset(onset, length, count):
    found = target_frames(onset, onset + length, count)
    assert len(found) == count
    assert found[-1] == onset + length
    assert list(found) == sorted(found)
    for k, position in enumerate(found, 1):
        assert abs(position - onset - k * length / count) <= 0.5 + 1e-9
    if length >= count:
        # Enough frames for each: none stands twice, and the onset is none of them.
        assert len({onset, *found}) == count + 1


def test_target_frames_of_known_clips():
    assert target_frames(10, 20, 5) == (12, 14, 16, 18, 20)
    assert target_frames(0, 5, 2) == (2, 5)  # 2.5 goes to the even number
    assert target_frames(3, 5, 4) == (3, 4, 5, 5)  # fewer frames than positions: 0.5, 1, 1.5, 2
    assert target_frames(7, 7, 3) == (7, 7, 7)


@pytest.mark.parametrize("wrong", [(5, 4, 2), (0, 5, 0)])
def test_target_frames_refuses_an_early_offset_or_no_positions(wrong):
    with pytest.raises(ValueError, match=r"no \d+ positions"):
        target_frames(*wrong)
