"""The sheet of CAS(ME)2, which has no header, and the two sheets of its codes.

The columns have their places: subject, video, onset, apex, offset, action units, emotion,
macro or micro, self-report. A row's subject is a number, and its video a word such as
``disgust1_2``. Two more sheets say which folders these are: subject 1 is ``s15``, and
``disgust1`` is the code ``0101``. They are recognised by what they map, not by their order,
which differs between copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from mepipe.datasets.clip import Note
from mepipe.datasets.coding import kind_in
from mepipe.datasets.coding_sheets import lines
from mepipe.datasets.frames_on_disk import list_folder
from mepipe.datasets.grids import Grid, read_grids
from mepipe.datasets.marks import parse_number
from mepipe.datasets.missing import is_not_available
from mepipe.datasets.sheets import Row, Table, find_sheets
from mepipe.datasets.subject_names import numbered_subject
from mepipe.errors import UnreadableInputError, UsageError

Places = Mapping[tuple[str, str], Sequence[str]]
"""The names of the recordings' folders by subject (``s15``) and code (``0101``)."""

_COLUMNS = ("subject", "video", "onset", "apex", "offset", "action_units", "emotion", "type")
_EXAMPLE = "CAS(ME)^2code_final.xlsx"
_WIDEST = 6  # columns of a sheet of codes that are looked at
# Where the published workbook has them: of what is mapped, and of the folder's code.
_SUBJECT_COLUMNS, _VIDEO_COLUMNS = (2, 1), (1, 0)
_subject_folder = numbered_subject("s?", "s{:02d}")


@dataclass(frozen=True)
class _File:
    path: Path
    grids: Sequence[Grid]


def find_rows(folders: Iterable[Path], places: Places, notes: list[Note]) -> Table:
    """Return the rows with the folders that they are about.

    Parameters
    ----------
    folders
        Where the sheet may lie, the nearest to the recordings first.
    places
        The recordings on disk.
    notes
        Gets what there is to say of the sheet.

    Returns
    -------
    Table
        Of each row ``subject`` and ``clip`` name the recording's folder. Where that is not
        known, ``problem`` says why.

    Raises
    ------
    UsageError
        If there is no sheet, two that differ, or none that explains the codes.
    """
    folders = list(dict.fromkeys(folders))
    files, reasons = _read(folders)
    path, grid = _coding_grid(folders, files, reasons)
    rows, ignored = [], []
    for number, cells in grid:
        if _is_row(cells):
            named = zip(_COLUMNS, (*cells, *[""] * len(_COLUMNS)), strict=False)
            # As in `mepipe.datasets.sheets.without_not_available`: R and pandas write NA.
            rows.append(Row(number, {name: "" if is_not_available(t) else t for name, t in named}))
        elif any(cells):
            ignored.append(number)
    if ignored:
        text = f"{path.name}: rows {lines(ignored)} name no video with key frames"
        notes.append(Note(None, text, "not used"))
    _note_repeated(path, rows, notes)
    folder_of = _folder_finder(path, rows, [g for file in files for g in file.grids], places)
    return Table(path, tuple(folder_of(row) for row in rows), (), ())


def _read(folders: Iterable[Path]) -> tuple[list[_File], list[str]]:
    """Return the tables in the folders, and why others cannot be read."""
    files, reasons = [], []
    for folder in folders:
        try:
            names = list_folder(folder).files
        except UnreadableInputError:
            continue  # a folder above the tree may be closed to us
        for path in find_sheets(folder, names):
            try:
                files.append(_File(path, read_grids(path)[1]))
            except UsageError as error:
                reasons.append(error.message)
    return files, reasons


def _is_row(cells: Sequence[str]) -> bool:
    """Return True if cells name a subject, a video and a key frame, where these belong."""
    return len(cells) > 4 and bool(cells[0] and cells[1]) and any(
        parse_number(cell) is not None for cell in cells[2:5]
    )  # fmt: skip


def _is_coding(grid: Grid) -> bool:
    """Return True if most rows of a grid are movements, and some say of which kind."""
    held = [cells for _, cells in grid if any(cells)]
    rows = [cells for cells in held if _is_row(cells)]
    kinds = any(len(cells) > 7 and kind_in(cells[7]) for cells in rows)
    return kinds and len(rows) * 2 > len(held)


def _coding_grid(
    folders: Sequence[Path], files: Sequence[_File], reasons: Sequence[str]
) -> tuple[Path, Grid]:
    found = [(file.path, grid) for file in files for grid in file.grids if _is_coding(grid)]
    if not found:
        raise UsageError(
            f"the sheet of CAS(ME)2 ({_EXAMPLE}) is in none of {', '.join(map(str, folders))}"
            + (f"; {'; '.join(reasons[:3])}" if reasons else ""),
            "Copy it there.",
        )
    first = found[0]
    for path, grid in found[1:]:
        # A copy nearer to the recordings is preferred to one beside them.
        if path.parent == first[0].parent and _cells(grid) != _cells(first[1]):
            raise UsageError(
                f"there are two sheets of CAS(ME)2 that differ: {first[0]} and {path}", "Keep one."
            )
    return first


def _cells(grid: Grid) -> list[list[str]]:
    return [cells for _, cells in grid if any(cells)]


def _note_repeated(path: Path, rows: Sequence[Row], notes: list[Note]) -> None:
    first: dict[tuple[str, ...], int] = {}
    for row in rows:
        earlier = first.setdefault(tuple(row.cells.values()), row.number)
        if earlier != row.number:
            text = f"rows {earlier} and {row.number} of {path.name} say the same"
            notes.append(Note(None, text, "each is a clip"))


def _folder_finder(
    path: Path, rows: Sequence[Row], grids: Sequence[Grid], places: Places
) -> Callable[[Row], Row]:
    """Return a function that gives a row the subject and the name of its folder."""
    subjects = _mapping(
        grids,
        {_key(row["subject"]) for row in rows},
        _subject_folder,
        {subject for subject, _ in places},
        _SUBJECT_COLUMNS,
    )
    codes = {code for _, code in places}
    videos = _mapping(
        grids, {_word(row["video"]) for row in rows}, _video_code, codes, _VIDEO_COLUMNS
    )
    # Copies exist in which the cells were replaced by the codes themselves.
    if not subjects and any(_subject_folder(row["subject"]) in _subjects(places) for row in rows):
        subjects = {_key(r["subject"]): _subject_folder(r["subject"]) or "" for r in rows}
    if not videos and any(_video_code(_word(row["video"])) in codes for row in rows):
        videos = {_word(r["video"]): _video_code(_word(r["video"])) or "" for r in rows}
    what = " and ".join(["subjects"] * (not subjects) + ["videos"] * (not videos))
    if what:
        raise UsageError(
            f"{path} names {what} by codes, and no sheet beside it says which folders they are",
            f"Restore the two sheets of codes of {_EXAMPLE}.",
        )

    def folder_of(row: Row) -> Row:
        subject, code = subjects.get(_key(row["subject"])), videos.get(_word(row["video"]))
        names = places.get((subject or "", code or ""), ())
        unknown = ["subject"] * (not subject) + ["video"] * (not code)
        problem = ""
        if unknown:
            stated = " and ".join(f"the {what} {row[what]!r}" for what in unknown)
            problem = f"{stated} is in no sheet of codes"
        elif len(names) > 1:
            problem = f"two folders of {subject} have the code {code}: {names[0]} and {names[1]}"
        return Row(
            row.number,
            {
                **row.cells,
                "subject": subject or f"subject {row['subject']}",
                "clip": names[0] if len(names) == 1 else _absent(subject, code, row),
                "problem": problem,
            },
        )

    return folder_of


def _absent(subject: str | None, code: str | None, row: Row) -> str:
    """Return how a recording that is not on disk is called: as its folder begins, else a word."""
    return f"{subject.removeprefix('s')}_{code}" if subject and code else _word(row["video"])


def _subjects(places: Places) -> set[str | None]:
    return {subject for subject, _ in places}


def _mapping(
    grids: Sequence[Grid],
    wanted: set[str],
    code: Callable[[str], str | None],
    known: set[str],
    usual: tuple[int, int],
) -> dict[str, str]:
    """Return the map of ``wanted`` to codes that one of the grids holds; empty if none does.

    It is the pair of columns in which the most wanted values stand beside a code that is
    known from the disk; of equal ones the ``usual`` pair.
    """
    best: dict[str, str] = {}
    most = (0, 0)
    for grid in grids:
        if _is_coding(grid):
            continue
        for a, b in dict.fromkeys([usual, *permutations(range(_WIDEST), 2)]):
            pairs = {
                _key(cells[a]): found
                for _, cells in grid
                if len(cells) > max(a, b) and (found := code(cells[b])) and _key(cells[a]) in wanted
            }
            score = sum(found in known for found in pairs.values()), len(pairs)
            if score[0] and score > most:
                best, most = pairs, score
    return best


def _key(text: str) -> str:
    """Return a cell for comparison: 1, 01 and 1.0 are one number."""
    number = parse_number(text)
    return text.strip().casefold() if number is None else str(number)


def _word(video: str) -> str:
    """Return the word of a video: ``disgust1`` of ``disgust1_2``, which is its second movement."""
    return _key(video.partition("_")[0])


def _video_code(text: str) -> str | None:
    """Return the code of four digits; a spreadsheet may keep 0101 as the number 101."""
    number = parse_number(text)
    return f"{number:04d}" if number is not None and 0 < number < 10_000 else None
