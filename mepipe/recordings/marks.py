"""The marks of a run as they go out to other programs and come back: clips and recordings.

A clip has one movement or none; a recording, whose movements are clips ``NAME#1``, ``NAME#2``, ...
of the run, has any number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mepipe.cache.manifest import FEATURES
from mepipe.clips.correction_rows import COLUMNS as CLIP_COLUMNS
from mepipe.clips.correction_rows import parse_row, read_rows
from mepipe.datasets.csv_tables import csv_text
from mepipe.errors import UsageError
from mepipe.recordings.corrected import COLUMNS as EVENT_COLUMNS
from mepipe.recordings.corrected import read_events
from mepipe.recordings.written import EVENTS
from mepipe.schema import KEY_FRAMES

_CODERS = frozenset({"annotation", "erratum", "correction"})


@dataclass(frozen=True)
class Movement:
    """The marks of one movement, in the dataset's own frame numbers; None: not marked."""

    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    emotion: str = ""

    @property
    def empty(self) -> bool:
        """True if nothing is marked and nothing said."""
        return self == Movement()


@dataclass(frozen=True)
class Marked:
    """A clip or a recording with its marks.

    Parameters
    ----------
    name
        Its id.
    movements
        Its movements; of a clip one at most.
    still
        True if the coder saw no movement, False if one; None if nobody says.
    recording
        True for a recording.
    fps
        Frames per second; None if unknown.
    first
        The dataset's number of its first frame; None if it cannot be told.
    frames
        How many there are; 0: unknown.
    subject
        The subject; empty if unknown.
    """

    name: str
    movements: tuple[Movement, ...] = ()
    still: bool | None = None
    recording: bool = False
    fps: float | None = None
    first: int | None = None
    frames: int = 0
    subject: str = ""


@dataclass(frozen=True)
class ReadMarks:
    """Marks that were read, and what there is to say of what was not understood."""

    marked: tuple[Marked, ...]
    notes: tuple[str, ...] = field(default=())


def marks_of_run(out: Path) -> list[Marked]:
    """Return the marks that a run used, sorted by name.

    Parameters
    ----------
    out
        Its output folder, or its features.h5.

    Raises
    ------
    UsageError
        If there is no features.h5.
    """
    from mepipe.features import load

    path = out if out.is_file() else out / FEATURES
    if not path.is_file():
        raise UsageError(
            f"{out} has no {FEATURES}", "Give the folder of `mepipe run --out`, after a run."
        )
    # A clip of another set may be called x#1, too.
    searched = (path.parent / EVENTS).is_file()
    return marks_of(load(path).columns, searched=searched)


def marks_of(columns: Mapping[str, Any], *, searched: bool) -> list[Marked]:
    """Return the marks in the columns of a features.h5.

    Parameters
    ----------
    columns
        As `mepipe.features.Features.columns`: arrays by name.
    searched
        Whether clips called ``NAME#1`` are movements of recordings.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    recordings = set()
    for index, clip in enumerate(columns["clip"]):
        whole, _, number = str(clip).rpartition("#")
        is_movement = searched and number.isdecimal() and bool(whole)
        name = whole if is_movement else str(clip)
        rows[name].append({key: values[index] for key, values in columns.items()})
        if is_movement:
            recordings.add(name)
    found = []
    for name, some in sorted(rows.items()):
        marked = [_marked(row) for row in some]
        firsts = {one.first for one in marked if one.first is not None}
        found.append(
            replace(
                marked[0],
                name=name,
                movements=tuple(one.movements[0] for one in marked if one.movements),
                recording=name in recordings,
                # Where frames are missing, numbers do not follow from positions.
                first=firsts.pop() if len(firsts) == 1 else None,
            )
        )
    return found


def _marked(row: Mapping[str, Any]) -> Marked:
    places = {name: int(row[name]) for name in KEY_FRAMES}
    numbers = {name: int(row[f"{name}_number"]) for name in KEY_FRAMES if places[name] >= 0}
    shifts = {number - places[name] for name, number in numbers.items()}
    fps = float(row["fps"])
    # Of annotated marks only a coder says so; where marks were spotted, it may be the noise.
    still = not row["movement"] and all(
        row[f"{name}_source"] in _CODERS for name in KEY_FRAMES if places[name] >= 0
    )
    one = Movement(**numbers, emotion=str(row["emotion"]))
    return Marked(
        str(row["clip"]),
        () if one.empty or still else (one,),
        True if still else None,
        fps=fps if fps > 0 else None,  # NaN is unknown
        first=shifts.pop() if len(shifts) == 1 else None,
        frames=int(row["frames"]),
        subject=str(row["subject"]),
    )


def clips_csv(marked: Sequence[Marked]) -> str:
    """Return the marks of clips as a table of corrections, which `mepipe run` reads."""
    rows = []
    for one in marked:
        movement = one.movements[0] if one.movements else Movement()
        said = "" if one.still is None else "no" if one.still else "yes"
        rows.append({"clip": one.name, **_cells(movement), "movement": said})
        if one.still:
            rows[-1]["emotion"] = ""
    return _csv(CLIP_COLUMNS, rows)


def recordings_csv(marked: Sequence[Marked]) -> str:
    """Return the marks of recordings as a table of corrected movements."""
    rows = []
    for one in marked:
        names = {"recording": one.name, "subject": one.subject}
        rows += [{**names, **_cells(movement)} for movement in one.movements] or [names]
    return _csv(EVENT_COLUMNS, rows)


def _cells(one: Movement) -> dict[str, str]:
    cells = {"emotion": one.emotion}
    for name in KEY_FRAMES:
        number = getattr(one, name)
        cells[name] = "" if number is None else str(number)
    return cells


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    return csv_text(columns, ([row.get(name, "") for name in columns] for row in rows))


def read_csv(path: Path) -> ReadMarks:
    """Return the marks in a table: of clips, or (with a column ``recording``) of recordings.

    Raises
    ------
    UsageError
        If it is neither a table of corrections nor one of corrected movements, or a cell is not
        valid: with file and row.
    """
    if _is_of_recordings(path):
        events = read_events(path).events
        return ReadMarks(
            tuple(
                Marked(
                    name,
                    tuple(Movement(x.onset, x.apex, x.offset, x.emotion) for x in some),
                    recording=True,
                )
                for name, some in events.items()
            )
        )
    rows, ignored = read_rows(path)
    marked: dict[str, Marked] = {}
    for row in rows:
        one = parse_row(row, path)
        name = row["clip"].strip("/")
        if name in marked:
            raise UsageError(
                f"{path}: row {row.number} is for {name}, and so is an earlier row",
                "Merge the two rows.",
            )
        movement = Movement(**one.marks, emotion=one.emotion)
        still = None if one.movement is None else not one.movement
        marked[name] = Marked(name, () if movement.empty else (movement,), still)
    listed = ", ".join(map(str, ignored))
    return ReadMarks(
        tuple(marked.values()),
        (f"{path.name}: rows that name no clip: {listed}",) if listed else (),
    )


def _is_of_recordings(path: Path) -> bool:
    from mepipe.datasets.grids import read_grids
    from mepipe.datasets.sheets import heading

    _, grids = read_grids(path)
    cells = {heading(cell) for grid in grids for _, row in grid[:5] for cell in row}
    return "recording" in cells and "clip" not in cells
