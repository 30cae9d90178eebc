"""The picture of a recording: where things stand in it, and that nothing lies over another."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.viz.lettering import Lettering
from mepipe.viz.palette import LIGHT
from mepipe.viz.timeline import Timeline, TimelineEvent, draw_timeline, timeline_png
from mepipe.viz.timeline_layout import clock, gaps, place_labels, row_length, thinned, tick_step

LEFT, WIDE = 80, 1290  # px of the rows in the picture


def event(kind, onset, offset, face=1):
    return TimelineEvent(kind, face, onset * 1e3, (onset + offset) * 500, offset * 1e3)


def timeline(seconds, events=(), *, fps=25, name="s1/interview", cuts=()):
    times = np.arange(int(seconds * fps) + 1) * (1000 / fps)
    curve = np.full(len(times), 0.1, np.float32)
    return Timeline(name, times, curve, tuple(events), tuple(1e3 * cut for cut in cuts))


def crowd(seconds, every, seed=0, faces=1):
    rng = np.random.default_rng(seed)
    kinds = ("micro", "macro", "blink", "turn", "speech", "return")
    return [
        event(rng.choice(kinds), at, at + rng.uniform(0.1, 2), int(rng.integers(faces)) + 1)
        for at in np.arange(0, seconds - 2, every)
    ]


def picture(made):
    return cv2.imdecode(np.frombuffer(timeline_png(made), np.uint8), cv2.IMREAD_COLOR)


def columns_of(image, colour):
    """The columns of the rows in which there are at least three px of about this colour."""
    bgr = [int(LIGHT[colour][i : i + 2], 16) for i in (5, 3, 1)]
    near = np.abs(image[70:].astype(int) - bgr).max(axis=2) <= 8
    same = near.sum(axis=0) >= 3
    return set(np.flatnonzero(same).tolist())


def at(seconds, of):
    return LEFT + WIDE * seconds / of


def test_a_movement_is_a_span_of_its_colour_at_its_time():
    made = timeline(20, [event("micro", 4, 4.4), event("macro", 10, 12)])
    image = picture(made)
    micro, macro = columns_of(image, "apex"), columns_of(image, "bar")
    assert abs(min(micro) - at(4, 20)) <= 2
    assert abs(max(micro) - at(4.4, 20)) <= 2
    assert abs(min(macro) - at(10, 20)) <= 2
    assert abs(max(macro) - at(12, 20)) <= 2


def test_a_short_movement_in_a_long_recording_is_seen():
    image = picture(timeline(3600, [event("micro", 1000, 1000.2)]))
    assert 2 <= len(columns_of(image, "apex")) <= 8


@pytest.mark.parametrize(
    ("kind", "colour"),
    [("blink", "onset"), ("turn", "offset"), ("speech", "warn"), ("return", "muted")],
)
def test_other_events_are_marks_in_their_lane(kind, colour):
    with_it = picture(timeline(20, [event(kind, 8, 9)]))
    found = columns_of(with_it, colour)
    assert found
    assert at(8, 20) - 2 <= min(found) <= max(found) <= at(9, 20) + 2
    assert not columns_of(picture(timeline(20)), colour)
    assert with_it.shape[0] > picture(timeline(20)).shape[0]  # a lane more


def test_a_cut_is_a_mark_where_it_is():
    without, cut = picture(timeline(20)), picture(timeline(20, cuts=[5]))
    assert cut.shape[0] > without.shape[0]
    dark = (cut[-60:-40, LEFT + 3 : LEFT + WIDE - 3] < 60).all(axis=2).sum(axis=0)
    assert {round(at(5, 20)) - 1, round(at(5, 20)), round(at(5, 20)) + 1} & set(
        (np.flatnonzero(dark >= 8) + LEFT + 3).tolist()
    )


def test_where_no_face_is_seen_there_is_no_curve():
    made = timeline(20)
    made.curve[250:300] = np.nan  # from 10 s to 12 s
    grey = picture(made)[100:250]
    changed = (grey != picture(timeline(20))[100:250]).any(axis=2).any(axis=0)
    found = np.flatnonzero(changed)
    assert abs(found.min() - at(10, 20)) <= 3
    assert abs(found.max() - at(12, 20)) <= 3


def texts(figure):
    """The words of a picture that are drawn, each with its place in px."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    found = [*figure.texts]
    for axes in figure.axes:
        found += axes.texts
        found += [label for one in (axes.xaxis, axes.yaxis) for label in one.get_ticklabels()]
        found += [axes.yaxis.label]
    found += [words for legend in figure.legends for words in legend.get_texts()]
    shown = [one for one in found if one.get_visible() and one.get_text()]
    return [(one.get_text(), one.get_window_extent(renderer)) for one in shown]


def overlaps(one, other):
    return (
        min(one.x1, other.x1) - max(one.x0, other.x0) > 0.5
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 0.5
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "every", "faces"),
    [(2.4, 0.2, 1), (10, 0.3, 1), (10, 0.3, 2), (60, 0.4, 3), (90, 1, 1), (130, 1, 1),
     (900, 3, 2), (3600, 6, 1), (4000, 20, 1)],
)  # fmt: skip
def test_no_words_lie_over_others_or_outside(seconds, every, faces):
    made = timeline(seconds, crowd(seconds, every, faces=faces), fps=5, cuts=[seconds / 3])
    figure = draw_timeline(made, Lettering.of([made.name]))
    found = texts(figure)
    width, height = figure.get_size_inches() * figure.dpi
    assert len(found) > 10
    for i, (words, box) in enumerate(found):
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.5, words
        for other, place in found[:i]:
            assert not overlaps(box, place), (words, other)


def labels(made, lettering=None):
    figure = draw_timeline(made, lettering or Lettering.of([made.name]))
    return [words.get_text() for axes in figure.axes for words in axes.texts]


def test_movements_are_numbered_in_their_order_and_other_events_are_not():
    events = [event("micro", 1, 1.4), event("blink", 2, 2.2), event("macro", 5, 8)]
    assert labels(timeline(20, events)) == ["1", "2"]
    events[2] = event("macro", 5, 8, face=2)
    assert labels(timeline(20, events)) == ["1, face 1", "2, face 2"]


def test_words_beside_a_number_are_drawn_as_they_are_and_never_too_long():
    words = ["negative", "$5 \\frac{", "厌恶", "a" * 500, "two\nlines"]
    events = [TimelineEvent("macro", 1, s, s, s + 500, word) for s, word in
              zip(range(1000, 20_000, 4000), words, strict=True)]  # fmt: skip
    made = timeline(20, events)
    assert timeline_png(made).startswith(b"\x89PNG")
    shown = labels(made, Lettering((), frozenset("厌恶")))
    assert shown[:3] == ["1 negative", r"2 \$5 \frac{", r"3 \u538c\u6076"]
    assert len(shown[3]) < 40
    assert shown[4] == "5 two lines"
    figure = draw_timeline(made, Lettering((), frozenset("厌恶")))
    found = texts(figure)
    for i, (_, box) in enumerate(found):
        assert 0 <= box.x0 <= box.x1 <= 1400
        assert not any(overlaps(box, place) for _, place in found[:i])


def test_the_last_frame_and_the_border_of_two_rows_have_their_numbers():
    assert labels(timeline(20, [TimelineEvent("macro", 1, 19_000, 20_000, 20_000)])) == ["1"]
    across = TimelineEvent("macro", 1, 59_000, 60_000, 61_000)
    assert labels(timeline(120, [across])) == ["1"]


def test_what_has_no_place_is_said():
    made = timeline(60, [event("micro", 10 + i / 100, 10.2 + i / 100) for i in range(40)])
    shown = labels(made)
    said = draw_timeline(made, Lettering.of([""])).texts[1].get_text()
    assert said.startswith("40 micro and 0 macro movements in 1:00; ")
    assert said.endswith(f": {40 - len(shown)}")
    assert 0 < len(shown) < 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "rows"), [(0, 1), (10, 1), (90, 1), (91, 2), (3600, 12), (86_400, 36)]
)
def test_rows_are_of_some_minutes(seconds, rows):
    made = timeline(seconds, fps=0.2 if seconds > 4000 else 5)
    image = picture(made)
    assert image.shape[1] == 1400
    assert image.shape[0] < 10_000
    assert len(draw_timeline(made, Lettering.of([""])).axes) == rows


@pytest.mark.parametrize("name", ["$5 \\frac{", "厌恶/情绪", "a" * 500, "Straße", ""])
def test_odd_names(name):
    made = timeline(10, name=name)
    assert timeline_png(made) == timeline_png(made)
    figure = draw_timeline(made, Lettering.of([name]))
    title = figure.texts[0].get_window_extent(figure.canvas.get_renderer())
    assert title.x1 <= 1400


def test_nothing_was_seen():
    nothing = Timeline("a", np.zeros(0), np.zeros(0, np.float32), ())
    assert picture(nothing).shape[1] == 1400
    one = Timeline("a", np.array([40.0]), np.array([np.nan], np.float32), ())
    assert picture(one).shape[1] == 1400
    dark = timeline(20)
    dark.curve[:] = np.nan
    assert picture(dark).shape == picture(timeline(20)).shape


@given(
    st.lists(st.tuples(st.floats(-50, 1400), st.floats(1, 200)), max_size=40),
    st.integers(1, 4),
)
@settings(deadline=None)
def test_placed_labels_do_not_overlap(wanted, levels):
    wanted.sort()
    centres, widths = [c for c, _ in wanted], [w for _, w in wanted]
    places = place_labels(centres, widths, 0.0, 1300.0, levels)
    assert len(places) == len(wanted)
    shown = [(*place, width) for place, width in zip(places, widths, strict=True) if place]
    for i, (level, x, width) in enumerate(shown):
        assert 0 <= level < levels
        assert min(x - width / 2, 1300 - x - width / 2) >= -1e-6
        for other, y, wide in shown[:i]:
            assert level != other or abs(x - y) >= (width + wide) / 2 - 1e-6
    assert not wanted or places[0] is not None


@given(
    st.lists(st.floats(-5, 50, width=32) | st.just(float("nan")), max_size=80), st.integers(1, 20)
)
@settings(deadline=None)
def test_a_thinned_curve_keeps_peaks_and_order(values, bins):
    curve, times = np.array(values, np.float32), np.arange(len(values), dtype=np.float64)
    t, y = thinned(times, curve, bins)
    assert len(t) == len(y) <= max(2 * bins, 1) or len(curve) <= 2 * bins
    assert (np.diff(t) >= 0).all()
    seen = curve[~np.isnan(curve)]
    if len(seen):
        assert np.nanmax(y) == seen.max()
        assert np.nanmin(y) == seen.min()
    else:
        assert np.isnan(y).all()


@given(st.lists(st.booleans(), max_size=40))
def test_gaps_are_where_nothing_is_seen(lost):
    curve = np.where(lost, np.nan, 1.0).astype(np.float32)
    found = gaps(np.arange(len(lost), dtype=np.float64), curve)
    inside = [any(begin <= i < end or begin == i for begin, end in found) for i in range(len(lost))]
    last = len(lost) - 1
    assert inside[:-1] == lost[:-1]
    assert all(0 <= begin <= end <= last for begin, end in found)


@given(st.floats(0, 1e8))
def test_a_row_has_some_ticks(length):
    row = row_length(length)
    assert row * 36 >= length
    assert row >= 1
    assert row / tick_step(row) <= 14 + 1e-9
    if length >= 1500:
        assert row / tick_step(row) >= 4


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "0:00"), (59_999, "1:00"), (3_599_400, "59:59"), (3_600_000, "60:00")]
)
def test_times_are_minutes_and_seconds(ms, words):
    assert clock(ms) == words
