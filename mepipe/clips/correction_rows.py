"""The rows of a table of corrections: its columns, what a cell may hold, which clip is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.clips.editable_table import unknown_column
from mepipe.datasets import emotions
from mepipe.datasets.clip import Dataset, Note
from mepipe.datasets.csv_tables import csv_text
from mepipe.datasets.marks import parse_number
from mepipe.datasets.name_cells import name_in_cell
from mepipe.datasets.sheets import Row, read_table, without_missing
from mepipe.errors import UsageError, suggest
from mepipe.schema import KEY_FRAMES

COLUMNS = (
    "clip", *KEY_FRAMES, "emotion", "movement", "face_box", "exclude", "why", "who", "when",
)  # fmt: skip
HEADINGS = {
    **{name: (name,) for name in COLUMNS},
    "face_box": ("face_box", "face box"),
}
SIGNED = ("who", "when")
"""The columns that say who wrote a row and when."""

# As people and spreadsheets fill in a cell for yes or no.
_YES, _NO = {"yes", "y", "true", "1", "x"}, {"no", "n", "false", "0"}


@dataclass(frozen=True)
class Correction:
    """One row of the table, with its cells parsed; ``where`` is its place, for messages."""

    where: str
    marks: Mapping[str, int]
    emotion: str
    movement: bool | None
    face_box: tuple[int, int, int, int] | None
    exclude: bool
    why: str
    who: str = ""

    @property
    def empty(self) -> bool:
        """True if the row corrects nothing."""
        return not (
            self.marks or self.emotion or self.movement is not None or self.face_box or self.exclude
        )


def read_corrections(
    datasets: Sequence[Dataset], path: Path
) -> tuple[dict[str, Correction], list[Note]]:
    """Return the correction of each clip that has one, and what to say of other rows.

    Raises
    ------
    UsageError
        As `mepipe.clips.corrections.correct`.
    """
    table = read_rows(path)
    ids = [clip.id for d in datasets for clip in d.clips]
    ids += [reject.clip for d in datasets for reject in d.rejects]
    by_clip: dict[str, Correction] = {}
    notes: list[Note] = []
    empty = []
    for row in table[0]:
        correction = parse_row(row, path)
        clip = _find_clip(row, path, ids, datasets)
        if clip is None:
            notes.append(
                Note(
                    None,
                    f"{correction.where} is for {row['clip']}, and no dataset of that name is here",
                    "not used",
                )
            )
        elif clip in by_clip:
            raise UsageError(
                f"{path}: row {row.number} is for {clip}, and so is an earlier row",
                "Merge the two rows.",
            )
        else:
            by_clip[clip] = correction
        if correction.empty:
            empty.append(row.number)
    for numbers, what in ((empty, "correct nothing"), (table[1], "name no clip")):
        if numbers:
            listed = ", ".join(map(str, numbers))
            notes.append(Note(None, f"{path.name}: rows that {what}: {listed}", "not used"))
    return by_clip, notes


def read_rows(path: Path) -> tuple[list[Row], Sequence[int]]:
    """Return the rows of a table of corrections, and the numbers of those that name no clip.

    Raises
    ------
    UsageError
        If the file is no such table, or has an unknown column.
    """
    optional = {name: HEADINGS[name] for name in COLUMNS if name != "clip"}
    table = without_missing(
        read_table(path, key="clip", required={"clip": HEADINGS["clip"]}, optional=optional)
    )
    if table.unused:
        raise unknown_column(path, table.unused[0], COLUMNS)
    rows = [
        Row(row.number, {name: name_in_cell(text) for name, text in row.cells.items()})
        for row in table.rows
    ]
    return rows, table.ignored


def template(problems: Mapping[str, Iterable[str]]) -> str:
    """Return a table for the user to fill in.

    Parameters
    ----------
    problems
        The problems of each clip, by its id. They are written to ``why``.
    """
    cells = {clip: "; ".join(dict.fromkeys(texts)) for clip, texts in problems.items()}
    rows = ({"clip": clip, "why": why} for clip, why in sorted(cells.items()))
    return csv_text(COLUMNS, ([row.get(name, "") for name in COLUMNS] for row in rows))


def _find_clip(row: Row, path: Path, ids: Sequence[str], datasets: Sequence[Dataset]) -> str | None:
    """Return the id of the clip that a row means; None if its dataset is not in this run."""
    name = row["clip"].strip("/")
    found = [name] if name in ids else [one for one in ids if one.endswith(f"/{name}")]
    if len(found) == 1:
        return found[0]
    where = f"{path}: row {row.number}"
    if found:
        raise UsageError(
            f"{where}: {name!r} may be {', '.join(found[:4])}", "Write the whole id of the clip."
        )
    # One table may serve several datasets, so a row for an absent one is no mistake. Only a
    # whole id (dataset/subject/clip) says which dataset is meant.
    here = {one.partition("/")[0] for one in ids} | {dataset.name for dataset in datasets}
    if name.count("/") >= 2 and name.partition("/")[0] not in here:
        return None
    meant = suggest(name, ids, cutoff=0.7, form=" (did you mean {}?)")
    raise UsageError(
        f"{where}: there is no clip {name!r}{meant}",
        "`mepipe check DATASET --write-corrections FILE` writes ids that are known.",
    )


def parse_row(row: Row, path: Path) -> Correction:
    """Return what a row corrects.

    Raises
    ------
    UsageError
        If a cell is not valid, or two contradict each other. It names file, row and column.
    """

    def wrong(column: str, should: str) -> UsageError:
        return UsageError(
            f"{path}: row {row.number}, {column}: {row[column][:40]!r} is {should}",
            "Correct the cell, or empty it.",
        )

    marks: dict[str, int] = {}
    for column in KEY_FRAMES:
        number = parse_number(row[column])
        if number is not None:
            marks[column] = number
        elif row[column]:
            raise wrong(column, "not a frame number")
    said: dict[str, bool | None] = {}
    for question in ("exclude", "movement"):
        word = row[question].casefold()
        if word and word not in _YES | _NO:
            raise wrong(question, "neither yes nor no")
        said[question] = word in _YES if word else None
    box = None
    if row["face_box"]:
        numbers = [parse_number(part) for part in row["face_box"].replace(",", " ").split()]
        if len(numbers) != 4 or None in numbers:
            raise wrong("face_box", "not four whole numbers x0 y0 x1 y1")
        x0, y0, x1, y1 = (number or 0 for number in numbers)
        # A corner may lie outside the frame, where a face is cut off, but not absurdly far.
        if not (x0 < x1 and y0 < y1 and max(map(abs, (x0, y0, x1, y1))) < 2**20):
            raise wrong("face_box", "not a box with x0 < x1 and y0 < y1 in px")
        box = (x0, y0, x1, y1)
    emotion = emotions.normalise(row["emotion"])
    if emotion and said["movement"] is False:
        raise UsageError(
            f"{path}: row {row.number} says movement no, and the emotion {row['emotion'][:40]!r}: "
            "where nothing moves no emotion is seen",
            "Empty one of the two cells.",
        )
    return Correction(
        f"row {row.number} of {path.name}",
        marks,
        emotion,
        said["movement"],
        box,
        bool(said["exclude"]),
        row["why"],
        row["who"],
    )
