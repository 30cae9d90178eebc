from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.clips.excerpts import excerpt
from mepipe.datasets.clip import Clip, Images, Mark, Video


def clip(numbers, *marks, fps=30.0):
    source = Images(Path("f"), tuple(f"img{n}.jpg" for n in numbers), tuple(numbers))
    marks = (None if n is None else Mark(n) for n in marks)
    return Clip("d/s/c#1", "d", "s", "d/s", source, fps, *marks, excerpt=True)


def span(clip):
    numbers = excerpt(clip).source.numbers
    return numbers[0], numbers[-1]


def test_a_second_on_either_side_is_kept():
    assert span(clip(range(1, 3001), 600, 610, 640)) == (570, 670)
    assert span(clip(range(1, 3001), 600, 610, 640, fps=200.0)) == (400, 840)


def test_an_unknown_end_is_looked_for_at_most_four_seconds_away():
    assert span(clip(range(1, 3001), 600, 610, None)) == (570, 610 + 120 + 30)
    assert span(clip(range(1, 3001), None, 610, 640)) == (610 - 120 - 30, 670)
    assert span(clip(range(1, 3001), None, 610, None)) == (460, 760)


def test_the_recording_ends_where_it_ends():
    assert span(clip(range(1, 700), 10, 20, 690)) == (1, 699)


def test_names_stay_with_their_numbers_over_gaps():
    cut = excerpt(clip([n for n in range(1, 901) if n % 7], 400, 410, 420)).source
    assert cut.names == tuple(f"img{n}.jpg" for n in cut.numbers)
    assert (cut.numbers[0], cut.numbers[-1]) == (370, 450)


def test_signs_for_unknown_and_numbers_outside_are_no_key_frames():
    whole = range(1, 3001)
    assert span(clip(whole, 600, 610, 0)) == span(clip(whole, 600, 610, None))
    assert span(clip(whole, 600, 610, 9999)) == span(clip(whole, 600, 610, None))


@pytest.mark.parametrize(
    "whole",
    [
        clip(range(1, 3001)),
        clip(range(1, 3001), 5000, 5010, 5020),
        clip(range(1, 3001), 600, 610, 640, fps=None),
        replace(clip(range(1, 3001), 600, 610, 640), excerpt=False),
        replace(clip(range(1, 3001), 600, 610, 640), source=Video(Path("a.mp4"))),
    ],
)
def test_a_clip_that_cannot_be_cut_stays_whole(whole):
    assert excerpt(whole) is whole


@settings(deadline=None)
@given(
    st.sets(st.integers(0, 900), min_size=1),
    st.tuples(*[st.none() | st.integers(-2, 910)] * 3),
    st.sampled_from([25.0, 30.0, 200.0]),
)
def test_no_key_frame_is_cut_off(numbers, marks, fps):
    whole = clip(sorted(numbers), *marks, fps=fps)
    cut = excerpt(whole).source.numbers
    assert set(cut) <= numbers
    for number in marks:
        assert (number in cut) == (number in numbers)
