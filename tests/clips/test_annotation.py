from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.clips.annotation import DroppedError, KeyFrame, resolve
from mepipe.datasets.clip import Clip, Mark, Video
from mepipe.datasets.marks import mark, parse_number
from mepipe.errors import BadDataError


def clip(onset=None, apex=None, offset=None):
    def entry(value):
        return Mark(value) if isinstance(value, int) else value and Mark(None, text=value)

    return Clip(
        "d/s/c",
        "d",
        "s",
        "d/s",
        Video(Path("c.mp4")),
        onset=entry(onset),
        apex=entry(apex),
        offset=entry(offset),
    )


def run(row, numbers=range(100), repair="spot", missing="nearest", max_missing=2):
    return resolve(clip(*row), numbers, repair=repair, missing=missing, max_missing=max_missing)


def positions(resolved):
    frames = (resolved.onset, resolved.apex, resolved.offset)
    return tuple(frame and frame.position for frame in frames)


def test_resolve_keeps_a_whole_annotation_as_positions_and_numbers():
    result = run((46, 59, 86), range(44, 90))
    assert result.onset == KeyFrame(2, 46, "annotation")
    assert result.apex == KeyFrame(15, 59, "annotation")
    assert result.offset == KeyFrame(42, 86, "annotation")
    assert result.notes == ()


def test_resolve_leaves_unannotated_fields_open_without_a_note():
    assert positions(run((None, None, None), repair="error", missing="error")) == (
        None,
        None,
        None,
    )
    assert positions(run((3, None, 9), repair="error")) == (3, None, 9)


@pytest.mark.parametrize(
    ("row", "left", "note"),
    [
        ((26, "/", 90), (26, None, 90), "the apex holds '/', not a frame number"),
        ((26, 26, 90), (26, None, 90), "the apex 26 equals the onset 26"),
        ((26, 20, 90), (26, None, 90), "the apex 20 is before the onset 26"),
        ((26, 95, 90), (26, None, 90), "the apex 95 is after the offset 90"),
        ((26, 95, None), (26, 95, None), ""),
        ((None, 95, 90), (None, None, 90), "the apex 95 is after the offset 90"),
        ((50, 60, 40), (None, None, None), "the onset 50 is not before the offset 40"),
        ((50, 50, 50), (None, None, None), "the onset 50 is not before the offset 50"),
        ((50, None, 40), (None, None, None), "the onset 50 is not before the offset 40"),
        ((26, 300, 90), (26, None, 90), "the apex frame 300 lies outside the clip"),
        ((26, 40, 110), (26, 40, None), "the offset frame 110 lies outside the clip"),
        (("x", 40, 90), (None, 40, 90), "the onset holds 'x'"),
        ((5, -50, 90), (5, None, 90), "the apex frame -50 lies outside"),
    ],
)
def test_repair_spot_leaves_the_broken_field_open(row, left, note):
    result = run(row)
    assert positions(result) == left
    assert any(note in text for text in result.notes) == bool(note)


def test_an_offset_outside_the_clip_keeps_the_onset():
    assert positions(run((50, 60, 0), range(40, 90))) == (10, 20, None)


def test_repair_midpoint_puts_a_broken_apex_in_the_middle():
    result = run((20, "/", 30), range(10, 40), repair="midpoint")
    assert result.apex == KeyFrame(15, 25, "middle")
    assert any("is the middle of onset and offset" in text for text in result.notes)
    assert positions(run((20, 20, 21), repair="midpoint")) == (20, 21, 21)


def test_repair_midpoint_needs_onset_and_offset():
    assert positions(run((20, "/", None), repair="midpoint")) == (20, None, None)
    assert positions(run((50, 60, 40), repair="midpoint")) == (None, None, None)
    assert positions(run((20, None, 30), repair="midpoint")) == (20, None, 30)


def test_repair_drop_and_error_name_field_and_values():
    with pytest.raises(DroppedError, match=r"apex 95 is after the offset 90 .onset 26, apex 95"):
        run((26, 95, 90), repair="drop")
    with pytest.raises(BadDataError, match="apex 95 is after the offset 90") as caught:
        run((26, 95, 90), repair="error")
    assert "--set data.repair=" in caught.value.remedy


def test_an_apex_on_the_offset_is_kept_and_noted():
    result = run((26, 90, 90), repair="error")
    assert positions(result) == (26, 90, 90)
    assert any("suspicious" in text for text in result.notes)


def test_a_missing_frame_is_replaced_by_the_nearest_and_noted():
    numbers = [*range(10, 20), *range(23, 60)]
    result = run((12, 21, 50), numbers)
    assert result.apex.number == 20 - 1
    assert "the apex frame 21 is missing: frame 19, 2 away, is used" in result.notes
    assert run((12, 22, 50), numbers).apex.number == 23
    assert run((9, 15, 61), numbers).onset.number == 10
    assert run((9, 15, 61), numbers).offset.number == 59


def test_a_missing_frame_too_far_from_any_fails():
    numbers = [*range(10, 20), *range(30, 60)]
    with pytest.raises(BadDataError, match=r"the apex frame 25 is missing.*within 2 of it"):
        run((12, 25, 50), numbers)
    assert run((12, 25, 50), numbers, max_missing=6).apex.number == 30


def test_missing_error_replaces_no_frame():
    numbers = [1, 2, 3, 5, 6]
    with pytest.raises(BadDataError, match="the apex frame 4 is missing"):
        run((2, 4, 6), numbers, missing="error")
    with pytest.raises(BadDataError, match="the offset frame 7 is missing"):
        run((2, 3, 7), numbers, missing="error")


def test_two_missing_frames_replaced_by_one_are_a_broken_apex():
    result = run((10, 11, 30), [10, *range(13, 40)])
    assert positions(result) == (0, None, 18)
    assert any("the apex 11 is before the onset" in t or "equals" in t for t in result.notes)


def test_resolve_keeps_the_origin_of_a_mark():
    entry = clip(26, None, 90)
    entry = Clip(**{**entry.__dict__, "apex": Mark(30, "erratum")})
    result = resolve(entry, range(100), repair="spot", missing="nearest", max_missing=2)
    assert result.apex.origin == "erratum"


def test_resolve_refuses_a_clip_without_frames():
    with pytest.raises(BadDataError, match="no frames"):
        run((1, 2, 3), ())


number = st.none() | st.integers(-5, 40) | st.integers() | st.text(min_size=1, max_size=3)


@given(
    row=st.tuples(number, number, number),
    numbers=st.sets(st.integers(-3, 40), max_size=25).map(sorted),
    repair=st.sampled_from(["spot", "midpoint", "drop", "error"]),
    missing=st.sampled_from(["nearest", "error"]),
    max_missing=st.integers(0, 5),
)
def test_resolve_of_any_row_is_in_order(row, numbers, repair, missing, max_missing):
    try:
        result = run(row, numbers, repair, missing, max_missing)
    except (BadDataError, DroppedError):
        return
    frames = (result.onset, result.apex, result.offset)
    for stated, frame in zip(row, frames, strict=True):
        if frame is None:
            continue
        assert numbers[frame.position] == frame.number
        if frame.origin != "middle":
            assert abs(frame.number - stated) <= (max_missing if missing == "nearest" else 0)
        elif repair != "midpoint":
            pytest.fail("a middle nobody asked for")
    onset, apex, offset = positions(result)
    assert onset is None or apex is None or onset < apex
    assert apex is None or offset is None or apex <= offset
    assert onset is None or offset is None or onset < offset
    lost = [s for s, f in zip(row, frames, strict=True) if s is not None and f is None]
    assert not lost or (result.notes and repair in {"spot", "midpoint"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("46", 46),
        (" 046 ", 46),
        ("46.0", 46),
        ("46.", 46),
        ("-3", -3),
        ("46.5", None),
        ("/", None),
        ("", None),
        ("٣", None),
        ("1e3", None),
        ("9" * 5000, None),
    ],
)
def test_parse_number_reads_whole_numbers_only(text, value):
    assert parse_number(text) == value


@given(st.text(max_size=30))
def test_mark_of_any_cell_is_a_mark_or_none(text):
    found = mark(text)
    assert (found is None) == (not text.strip())
    if found is not None:
        assert (found.number is None) == bool(found.text)
