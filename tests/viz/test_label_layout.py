"""Labels along a line: whatever is wanted, none covers another and none leaves the picture."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mepipe.viz.label_layout import spread_labels, text_width
from mepipe.viz.motion_curve import WIDTH, draw_curve

PLACE = st.floats(-500, 1500, allow_nan=False)


@given(st.lists(st.tuples(PLACE, st.floats(1, 300)), max_size=12), st.floats(0, 20))
def test_labels_never_overlap_and_never_leave_the_picture(labels, gap):
    wanted, widths = [w for w, _ in labels], [w for _, w in labels]
    found = spread_labels(wanted, widths, 10, 330, gap)
    assert len(found) == len(labels)
    edges = [
        (row, centre - width / 2, centre + width / 2, want)
        for (row, centre), width, want in zip(found, widths, wanted, strict=True)
    ]
    assert all(left >= 10 - 0.01 and right <= 330 + 0.01 for _, left, right, _ in edges)
    for one, other in itertools.pairwise(sorted(edges)):
        if one[0] == other[0]:
            assert other[1] - one[2] >= gap - 0.011
            assert one[3] <= other[3]


@given(st.lists(PLACE, min_size=1, max_size=3))
def test_labels_with_room_stay_where_they_are_wanted(wanted):
    apart = sorted(min(max(place, 20), 300) for place in wanted)
    if all(b - a >= 24 for a, b in itertools.pairwise(apart)):
        assert [centre for _, centre in spread_labels(apart, [20] * len(apart), 0, 340)] == [
            round(place, 2) for place in apart
        ]


@given(st.integers(1, 4000), st.lists(st.integers(0, 4000), min_size=3, max_size=3))
def test_the_names_of_a_curve_never_cover_each_other(frames, places):
    marks = [
        (name, min(place, frames - 1), "spotted")
        for name, place in zip(("onset", "apex", "offset"), places, strict=True)
    ]
    drawn = sorted(draw_curve((), frames, marks=marks).marks, key=lambda mark: mark.label)
    halves = [text_width(mark.name, 11) / 2 for mark in drawn]
    assert drawn[0].label - halves[0] >= -0.1
    assert drawn[-1].label + halves[-1] <= WIDTH + 0.1
    for (one, a), (other, b) in itertools.pairwise(zip(drawn, halves, strict=True)):
        assert other.label - b > one.label + a
