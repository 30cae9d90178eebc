"""Reads events: from a table, from the output folder of `mepipe spot`, from a dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from mepipe.datasets.emotions import normalise
from mepipe.datasets.marks import parse_number
from mepipe.datasets.missing import is_missing
from mepipe.datasets.name_cells import name_in_cell
from mepipe.datasets.sheets import SHEET_SUFFIXES, Row, read_table
from mepipe.datasets.time_cells import is_time
from mepipe.errors import UsageError, suggest
from mepipe.evaluation.event_lists import EventList, listed, recordings_of
from mepipe.evaluation.spotting_events import Event, Kind, overlapping
from mepipe.plausible import RATES, is_rate
from mepipe.schema import KEY_FRAMES

EVENTS = "events.csv"
_SUFFIXES = SHEET_SUFFIXES | {".txt"}
_REQUIRED = {"recording": ("recording", "video"), "onset": ("onset",), "offset": ("offset",)}
_OPTIONAL = {
    "fps": ("fps",),
    "kind": ("kind", "type"),
    "apex": ("apex",),
    "subject": ("subject",),
    "emotion": ("emotion",),
    "label": ("label",),
    **{f"{name}_number": (f"{name}_number",) for name in KEY_FRAMES},
}
_KINDS: Mapping[str, Kind] = {
    "micro": "micro", "me": "micro", "microexpression": "micro",
    "macro": "macro", "mae": "macro", "macroexpression": "macro",
}  # fmt: skip
# What a file of events may hold beside expressions; it is neither found nor missed.
_OTHER_KINDS = frozenset(
    {"blink", "blinks", "turn", "headturn", "head", "gaze", "speech", "cut", "shot", "pose"}
    | {"return", "light", "noface"}
)
_EVENTS_HINT = "Write one event a row, with the columns recording, onset, offset (and fps)."


def read(path: str, *, numbers: bool = False) -> EventList:
    """Return the events at ``path``; see `mepipe.evaluation.spotting_metrics.read_events`."""
    place = Path(path).expanduser()
    if place.is_dir() and (place / EVENTS).is_file():
        place = place / EVENTS
    if place.is_dir() or (not place.is_file() and "=" in path):
        return _read_dataset(path, numbers=numbers)
    if not place.exists():
        raise UsageError(f"there is no file or folder {path}", "Check the path.")
    if place.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"{path} is not a table of events", f"Give a .csv or .xlsx. {_EVENTS_HINT}"
        )
    return _read_table(place, numbers=numbers)


def _read_table(path: Path, *, numbers: bool) -> EventList:
    table = read_table(path, key="recording", required=_REQUIRED, optional=_OPTIONAL)
    if table.ignored:
        raise UsageError(
            f"{path}, line {table.ignored[0]}, column recording: no recording is named"
            + (f" (and in {len(table.ignored) - 1} more lines)" if table.ignored[1:] else ""),
            "Name the recording of each event, or delete the line.",
        )
    columns = {name for row in table.rows for name in row.cells}
    if numbers and not {"onset_number", "offset_number"} <= columns:
        numbers = False  # its onset and offset are the dataset's numbers already
    notes: list[str] = []
    events: list[Event] = []
    lines: list[int] = []
    others: dict[str, int] = defaultdict(int)
    unkind: list[int] = []
    for row in table.rows:
        kind = _kind(path, row)
        if kind is None:
            others[row["kind"]] += 1
            continue
        onset, offset = (_frame(path, row, name, numbers=numbers) for name in ("onset", "offset"))
        if onset is None and offset is None:
            continue  # a recording without events
        if onset is None or offset is None:
            column = "onset" if onset is None else "offset"
            raise _cell_error(
                path, row, column, "the cell is empty",
                "Write the frame, or empty both cells if the recording has no event.",
            )  # fmt: skip
        _check_order(path, row, onset, offset)
        if not kind and "kind" in columns:
            unkind.append(row.number)
        events.append(
            Event(
                name_in_cell(row["recording"]),
                onset,
                offset,
                _rate(path, row),
                kind,
                name_in_cell(row["subject"]),
                _class(row),
                _frame(path, row, "apex", numbers=numbers),
            )
        )
        lines.append(row.number)
    for word, count in others.items():
        notes.append(f"{path}: {count} rows of the kind {word} are not expressions: not scored")
    if unkind:
        notes.append(
            f"{path}: the kind is empty in {_lines(unkind)}: it follows from the length there"
        )
    notes += _repeat_notes(path, events, lines)
    stated = (
        (
            name_in_cell(row["recording"]),
            _rate(path, row),
            name_in_cell(row["subject"]),
            f", line {row.number}",
        )
        for row in table.rows
    )
    return EventList(str(path), tuple(events), recordings_of(str(path), stated), notes=tuple(notes))


def _cell_error(path: Path, row: Row, column: str, problem: str, remedy: str) -> UsageError:
    return UsageError(f"{path}, line {row.number}, column {column}: {problem}", remedy)


def _frame(path: Path, row: Row, column: str, *, numbers: bool) -> int | None:
    """Return the frame in a cell; None if it is empty."""
    name = f"{column}_number" if numbers else column
    cell = row[name]
    if is_missing(cell):
        return None
    number = parse_number(cell)
    if number is None:
        remedy = (
            "Frames are compared: write the number of the frame, its time x fps."
            if is_time(cell)
            else "Write a whole number."
        )
        raise _cell_error(path, row, name, f"{cell[:40]!r} is not the number of a frame", remedy)
    if number < 0:
        if column == "apex":
            return None  # how mepipe itself writes an unknown frame
        raise _cell_error(
            path, row, name, f"{cell} is not a frame",
            "Frames count from 0: write 0 if the event is under way when the recording begins. If "
            "the frame is unknown, find it, or delete the row.",
        )  # fmt: skip
    return number


def _check_order(path: Path, row: Row, onset: int, offset: int) -> None:
    if offset >= onset:
        return
    unknown = " In CAS(ME)2 an offset of 0 is an unknown one: find it." if offset == 0 else ""
    raise _cell_error(
        path, row, "offset", f"the offset {offset} lies before the onset {onset}",
        f"Correct one of them, or delete the row.{unknown}",
    )  # fmt: skip


def _rate(path: Path, row: Row) -> float | None:
    cell = row["fps"]
    if is_missing(cell):
        return None
    try:
        fps = float(cell.replace(",", "."))
    except ValueError:
        fps = float("nan")
    if not is_rate(fps):
        raise _cell_error(
            path, row, "fps", f"{cell[:40]!r} is not a rate", f"Write frames per second, {RATES}."
        )
    return fps


def _kind(path: Path, row: Row) -> Kind | Literal[""] | None:
    """Return the kind in a row, empty if it states none; None if it is no expression."""
    cell = row["kind"]
    if is_missing(cell):
        return ""
    word = "".join(letter for letter in cell.casefold() if letter.isalpha())
    word = word if word in _KINDS else word.removesuffix("s")
    if word in _KINDS:
        return _KINDS[word]
    if word in _OTHER_KINDS:
        return None
    hint = suggest(word, ("micro", "macro", *sorted(_OTHER_KINDS)))
    raise _cell_error(
        path, row, "kind", f"{cell[:40]!r} is not a kind of event{hint}",
        "Write micro or macro, or leave the cell empty: then the length decides.",
    )  # fmt: skip


def _class(row: Row) -> str:
    cell = row["emotion"] or row["label"]
    return "" if is_missing(cell) else normalise(cell)


def _repeat_notes(path: Path, events: Sequence[Event], lines: Sequence[int]) -> list[str]:
    """Return what to say of events that are stated twice, and of those that overlap."""
    seen: dict[tuple[str, int, int], int] = {}
    twice, overlaps = [], []
    for event, line in zip(events, lines, strict=True):
        before = seen.setdefault((event.recording, event.onset, event.offset), line)
        if before != line:
            twice.append((before, line))
    for one, other in overlapping(events):
        if (events[one].onset, events[one].offset) != (events[other].onset, events[other].offset):
            overlaps.append((lines[one], lines[other]))
    notes = []
    for what, found in (("state the same event", twice), ("overlap", overlaps)):
        if found:
            first, second = sorted(found[0])
            more = f" ({len(found)} such rows in all)" if len(found) > 1 else ""
            notes.append(f"{path}: lines {first} and {second} {what}{more}: each counts")
    return notes


def _lines(numbers: Sequence[int]) -> str:
    word = "line" if len(numbers) == 1 else "lines"
    return f"{word} {listed([str(number) for number in numbers])}"


def _read_dataset(spec: str, *, numbers: bool) -> EventList:
    """Return the annotated events of a dataset, or why a folder is none."""
    from mepipe.evaluation.dataset_events import dataset_events

    return dataset_events(spec, numbers=numbers)
