"""events.csv and curve.csv: known cells, and what is written is read back."""

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_recordings import BLINK, MACRO, MICRO, OPEN, motion, recording

from mepipe.datasets.name_cells import check_name, name_cell, name_in_cell
from mepipe.errors import UsageError
from mepipe.evaluation.spotting_metrics import Event as Scored
from mepipe.evaluation.spotting_metrics import read_events
from mepipe.recordings.events import Event
from mepipe.recordings.tables import EVENT_COLUMNS, curve_csv, events_csv


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def read_back(folder, *recordings, numbers=False):
    path = folder / "events.csv"
    path.write_bytes(events_csv(recordings).encode())
    return read_events(path, numbers=numbers)


def test_every_cell_of_a_movement():
    (row,) = rows_of(events_csv([recording([MICRO], cuts=(), first=101)]))
    assert row == {
        "recording": "s1/interview", "subject": "s1", "face": "1", "kind": "micro",
        "onset": "30", "apex": "35", "offset": "42",
        "onset_ms": "1200", "apex_ms": "1400", "offset_ms": "1680",
        "onset_number": "131", "apex_number": "136", "offset_number": "143",
        "fps": "25", "strength": "3.25", "confidence": "0.875", "px": "2",
        "regions": "upper_lip+chin", "ended": "yes", "origin": "spotted",
    }  # fmt: skip
    assert tuple(row) == EVENT_COLUMNS


def test_rows_are_in_the_order_of_time_and_what_is_unknown_is_empty():
    rows = rows_of(events_csv([recording()]))
    assert [(row["kind"], row["onset"]) for row in rows] == [
        ("micro", "30"), ("macro", "40"), ("blink", "50"), ("macro", "120"), ("cut", "150"),
    ]  # fmt: skip
    blink, ended, cut = rows[2:]
    assert {blink[name] for name in ("strength", "confidence", "px", "regions")} == {""}
    # The movement at 120 went on when the scene was cut at 150.
    assert (ended["offset"], ended["ended"]) == ("149", "no")
    assert {name for name in cut if cut[name]} == {
        "recording", "subject", "kind", "onset", "onset_ms", "onset_number", "fps",
    }  # fmt: skip


def test_a_return_has_a_strength_and_no_confidence():
    came_back = replace(OPEN, kind="return", confidence=0.0)
    rows = rows_of(events_csv([recording([came_back], cuts=())]))
    assert [row["kind"] for row in rows] == ["", "return"]
    assert (rows[1]["strength"], rows[1]["confidence"]) == ("2.5", "")


def test_a_recording_without_movements_is_there(tmp_path):
    still = recording([BLINK], "still", cuts=())
    rows = rows_of(events_csv([still, recording(name="b")]))
    assert {name: cell for name, cell in rows[0].items() if cell} == {
        "recording": "still", "subject": "s1", "fps": "25",
    }  # fmt: skip
    found = read_back(tmp_path, still, recording([MICRO], "b", subject=""))
    assert list(found.recordings) == ["still", "b"]
    assert found.events == (Scored("b", 30, 42, 25.0, "micro", apex=35),)
    assert (found.recordings["still"].fps, found.recordings["still"].subject) == (25.0, "s1")


def test_an_unknown_rate_is_an_empty_cell(tmp_path):
    found = read_back(tmp_path, recording([MICRO], fps=None))
    assert found.recordings["s1/interview"].fps is None


def test_a_movement_that_had_not_ended_lasts_to_the_end_of_its_scene(tmp_path):
    found = read_back(tmp_path, recording())
    assert [(one.onset, one.offset) for one in found.events] == [(30, 42), (40, 90), (120, 149)]
    assert any("of the kind cut" in note for note in found.notes)
    # An empty cell is an error: nobody knows what was meant.
    other = tmp_path / "other.csv"
    other.write_text("recording,onset,offset,kind\na,10,,macro\n")
    with pytest.raises(UsageError, match="column offset: the cell is empty"):
        read_events(other)


@pytest.mark.parametrize(
    "name",
    ["=1+2", "-1", "+a", "@SUM(A1)", "'=x", "'tis", "a, b; c", 'the "first"', "日本/表情", "＝1",
     "Straße\N{NO-BREAK SPACE}1", "NA", "a\\b", "é"],
)  # fmt: skip
def test_odd_names_come_back_and_are_no_formulas(tmp_path, name):
    found = read_back(tmp_path, recording([MICRO], name, subject=name))
    assert list(found.recordings) == [name]
    assert (found.events[0].recording, found.events[0].subject) == (name, name)
    (row,) = rows_of(events_csv([recording([MICRO], name, cuts=())]))
    assert row["recording"][0] not in "=+-@＝"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two\nlines", r"the character '\\n'"),
        ("tab\tstop", r"the character '\\t'"),
        ("\udcff.mp4", r"the character '\\udcff'"),
        ("\N{LINE SEPARATOR}", "the character"),
        ("", "is empty"),
        (" a", "begins or ends with a blank"),
    ],
)
def test_a_name_that_no_table_can_hold_is_refused(name, words):
    with pytest.raises(UsageError, match=words) as error:
        events_csv([recording(name=name)])
    assert error.value.remedy == "Rename it."


@given(st.text(st.sampled_from("'=+-@ab "), max_size=6) | st.text(max_size=8))
@settings(deadline=None)
def test_a_cell_gives_the_name_back(name):
    cell = name_cell(name)
    assert name_in_cell(cell) == name
    assert not cell.startswith(("=", "+", "-", "@"))


def is_name(text):
    try:
        check_name(text)
    except UsageError:
        return False
    return True


names = st.text(min_size=1, max_size=12).filter(is_name)
places = st.integers(0, 199)
spans = st.tuples(places, places, places).map(sorted)
rates = st.none() | st.floats(1, 1000) | st.sampled_from([25.0, 29.97, 30000 / 1001])


@given(
    st.dictionaries(
        names,
        st.tuples(
            st.lists(st.tuples(spans, st.sampled_from(["micro", "macro", "blink", "turn"]))),
            rates,
            st.sets(st.integers(1, 199), max_size=4),
            st.just("") | names,
            st.integers(0, 10**6),
        ),
        max_size=4,
    )
)
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_back_exactly(tmp_path_factory, made):
    recordings = [
        recording(
            [Event(kind, 1, *span, motion=motion(chin=0.01), eyes_px=90) for span, kind in events],
            name, fps=fps, cuts=sorted(cuts), subject=subject, first=first,
        )
        for name, (events, fps, cuts, subject, first) in made.items()
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("written")
    for numbers in (False, True):
        found = read_back(folder, *recordings, numbers=numbers)
        assert list(found.recordings) == list(made)
        expected = [
            Scored(
                one.name,
                *(place + numbers * one.numbers[0] for place in (event.onset, event.offset)),
                one.fps, event.kind, one.subject, apex=event.apex + numbers * one.numbers[0],
            )
            for one in recordings
            for event in sorted(one.events, key=lambda event: event.onset)
            if event.is_movement
        ]  # fmt: skip
        assert list(found.events) == expected
        for one in recordings:
            assert found.recordings[one.name].fps == one.fps
            assert found.recordings[one.name].subject == one.subject


def test_the_curve_has_a_row_for_each_frame_and_no_motion_without_a_face():
    made = recording(first=7)
    rows = rows_of(curve_csv(made))
    assert [int(row["position"]) for row in rows] == list(range(200))
    assert [int(row["number"]) for row in rows] == list(range(7, 207))
    assert [float(row["time_ms"]) for row in rows] == made.times_ms.tolist()
    read = np.array([float(row["motion_px"] or math.nan) for row in rows])
    assert np.array_equal(np.isnan(read), np.isnan(made.curve))
    assert np.nanmax(np.abs(read - made.curve)) < 1e-4


def test_shots_and_where_an_event_without_an_end_is_shown_to():
    made = recording(cuts=(0, 60, 150))
    assert made.shots == [(0, 59), (60, 149), (150, 199)]
    assert [made.last_of(event) for event in made.events] == [42, 90, 54, 149]
    assert recording(cuts=()).last_of(OPEN) == 199
    assert made.span_ms(MACRO) == (1600, 3600)
    assert not made.several_faces


@pytest.mark.parametrize(
    "wrong",
    [{"numbers": range(3)}, {"curve": np.zeros(3, np.float32)}, {"cuts": (200,)},
     {"cuts": (9, 5)}, {"events": (replace(MICRO, offset=200),)}],
)  # fmt: skip
def test_lengths_and_positions_are_checked(wrong):
    with pytest.raises(ValueError, match="s1/interview"):
        replace(recording(), **wrong)
