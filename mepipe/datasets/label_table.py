"""The labels.csv of a generic folder: finds the clip of each row.

The column ``clip`` is required. subject, person, emotion, onset, apex, offset, fps and
au are optional. Frames are the numbers in the file names for images, and 0-based
positions for videos.

A row finds its clip by the exact names. If there is none, case and Unicode form
are ignored. If there is still none, leading zeros are ignored, because spreadsheets
drop them. The clip may be written with its file's suffix, and as
``subject/clip``. Without a column for the subject, the clip's name must be unique.

A subject is its folder. Where no subject of the table names a folder, because the
folders are sessions or emotions, the column gives the people of the clips. The column
``person`` always does.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.clip import Note, TimeCell
from mepipe.datasets.coding_sheets import lines
from mepipe.datasets.emotions import emotion_of_folder
from mepipe.datasets.frames_on_disk import VIDEO_SUFFIXES
from mepipe.datasets.missing import is_formula_error
from mepipe.datasets.sheets import Row, Table, carry_down, read_table, without_missing
from mepipe.datasets.spelling import neat, person_key
from mepipe.datasets.time_cells import is_time
from mepipe.errors import BadDataError, suggest
from mepipe.schema import KEY_FRAMES

_REQUIRED = {"clip": ("clip",)}
_OPTIONAL = {
    "subject": ("subject",),
    "person": ("person",),
    "emotion": ("emotion",),
    "onset": ("onset",),
    "apex": ("apex",),
    "offset": ("offset",),
    "fps": ("fps",),
    "action_units": ("au", "action units"),
}

_COMPARISONS = 100_000  # of names: a second or two
_LONGEST = 200  # characters of a name that are compared

_Key = tuple[str, str]  # subject (empty: unknown), clip
_Form = Callable[[str], str]


@dataclass(frozen=True)
class Labels:
    """The rows of a labels.csv.

    Parameters
    ----------
    path
        The file.
    rows
        The rows of each clip.
    notes
        What there is to say of the other rows and of unknown columns.
    people
        The column that gives the people of the clips; empty if their folders do.
    times
        The cells of key frames that hold a time.
    """

    path: Path
    rows: Mapping[_Key, Sequence[Row]]
    notes: tuple[Note, ...]
    people: str = ""
    times: tuple[TimeCell, ...] = ()

    def cell(self, key: _Key, column: str) -> str:
        """Return a cell of a clip; empty if it has no row, or several that differ in it."""
        texts = {row[column] for row in self.rows.get(key, ())}
        return texts.pop() if len(texts) == 1 else ""

    def person(self, key: _Key) -> str | None:
        """Return the person of a clip, empty if unknown; None if its folder says it."""
        if not self.people:
            return None
        stated = self.cell(key, self.people)
        # The column "person" may name only those whose folder is wrong.
        return stated or (None if self.people == "person" else "")

    def row(self, key: _Key) -> Mapping[str, str]:
        """Return the cells of a clip; none if it has no row.

        Raises
        ------
        BadDataError
            If two rows of the clip differ.
        """
        rows = self.rows.get(key, ())
        if not rows:
            return {}
        # The names may be written differently ("1" and "01"): only the rest must agree.
        names = {"clip": "", "subject": rows[0]["subject"] if self.people == "subject" else ""}
        contents = [{**row.cells, **names} for row in rows]
        if self.people:
            for content, row in zip(contents, rows, strict=True):
                content[self.people] = person_key(row[self.people])
        if any(content != contents[0] for content in contents):
            listed = " and ".join(str(row.number) for row in rows)
            raise BadDataError(
                f"lines {listed} of {self.path.name} name this clip and differ",
                "Delete all of them but one.",
            )
        return rows[0].cells


def read_labels(path: Path, clips: Sequence[_Key]) -> Labels:
    """Read a labels.csv and find the clip of each row.

    Parameters
    ----------
    path
        The file.
    clips
        The subject and name of each clip on disk.

    Raises
    ------
    UsageError
        If the table cannot be read or has no column ``clip``.
    """
    table = without_missing(read_table(path, key="clip", required=_REQUIRED, optional=_OPTIONAL))
    known = {name for row in table.rows for name in row.cells}
    below, carried = carry_down(table, "subject")
    people = _people_column(below, clips)
    by_folder = "subject" in known and people != "subject"
    indices = [(forms, _index(clips, forms, subjects=by_folder)) for forms in _FORMS]
    rows: dict[_Key, list[Row]] = defaultdict(list)
    notes = [f"{path.name}: line {n} names no clip: ignored" for n in table.ignored]
    if people == "subject":
        notes.append(
            f"{path.name}: the subjects are not folders here: they are taken as the people of "
            "the clips"
        )
    taken = []
    hints = _Hints(clips)
    for written, full in zip(table.rows, below.rows, strict=True):
        row, found = written, _find(written, indices, by_folder=by_folder)
        if row.number in carried and (people == "subject" or not found):
            # As it stands the row names no clip, or no person.
            row, found = full, _find(full, indices, by_folder=by_folder)
            taken += [row.number] if found else []
        what = _written(row)
        if len(found) == 1:
            rows[found[0]].append(row)
        elif found:
            where = ", ".join(subject or "the folder itself" for subject, _ in found)
            remedy = (
                "a column 'subject' tells them apart"
                if "subject" not in known
                else f"write the clip with its folder, as {'/'.join(filter(None, found[0]))}"
            )
            notes.append(
                f"{path.name}: line {row.number} ({what}) fits clips of {where}: not used; {remedy}"
            )
        else:
            notes.append(
                f"{path.name}: line {row.number} ({what}) has no clip: not used{hints.of(row)}"
            )
    if taken:
        notes.append(
            f"{path.name}: lines {lines(taken)} have no subject: it is taken from the line "
            "above, as merged cells read"
        )
    notes += _emptied_notes(table)
    notes += [
        f"{path.name}: lines {' and '.join(str(row.number) for row in some)} name one clip"
        for some in rows.values()
        if len(some) > 1
    ]
    columns = [
        Note(None, f"{path.name}: {_unknown_column(text, known)}", "its values are not read")
        for text in table.unused
    ]
    return Labels(
        path, rows, (*columns, *(Note(None, text) for text in notes)), people, _times(table)
    )


def _people_column(table: Table, clips: Sequence[_Key]) -> str:
    """Return the column that gives the people of the clips; empty if their folders do."""
    if any(row["person"] for row in table.rows):
        return "person"
    folders = {person_key(folder) for folder, _ in clips if folder}
    subjects = {person_key(row["subject"]) for row in table.rows if row["subject"]}
    if not subjects or not folders or subjects & folders:
        return ""
    # The clip is written with its folder, or the folders are no people: then the subject is
    # meant to be another thing. Else a name like a folder's is a misspelling of it.
    written = {person_key(row["clip"].rpartition("/")[0]) for row in table.rows}
    if written & folders or all(emotion_of_folder(folder) for folder, _ in clips if folder):
        return "subject"
    # Where all differ, some are enough to see it.
    some = sorted(subjects)[: max(1, _COMPARISONS // len(folders))]
    similar = any(difflib.get_close_matches(one, folders, n=1, cutoff=0.6) for one in some)
    return "" if similar else "subject"


def _times(table: Table) -> tuple[TimeCell, ...]:
    return tuple(
        TimeCell(row.number, column, row[column])
        for row in table.rows
        for column in KEY_FRAMES
        if is_time(row[column])
    )


def _emptied_notes(table: Table) -> list[str]:
    """Return what to say of cells that were read as empty and may have meant something."""
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    for line, column, text in table.emptied:
        # "none" may be a class; of numbers it is clear, unless a formula failed.
        if column == "emotion" or is_formula_error(text):
            told[column, text].append(line)
    return [
        f"{table.path.name}: {text!r} in the column {column} reads as empty (lines {lines(some)})"
        for (column, text), some in told.items()
    ]


def _unknown_column(text: str, known: Collection[str]) -> str:
    """Return a message for an unknown column, with a hint at a column that is missing."""
    lacking = [word for name, words in _OPTIONAL.items() if name not in known for word in words]
    return f"unknown column {text!r}{suggest(text.strip().casefold(), lacking)}"


class _Hints:
    """Hints at the clips that rows without one may have meant.

    Of a table that belongs to other clips each row would be compared with each clip, so after
    `_COMPARISONS` there are none.
    """

    def __init__(self, clips: Sequence[_Key]) -> None:
        self._known = ["/".join(part for part in key if part) for key in clips]
        self._left = _COMPARISONS

    def of(self, row: Row) -> str:
        """Return the hint for a row; empty if there is none."""
        if any(_DAMAGED.match(cell) for cell in (row["subject"], row["clip"])):
            return (
                "; a spreadsheet made a date or a number of a name such as 01-02 or 1e3: write the "
                "name again in a column of text"
            )
        what = _written(row)
        if what.count("/") > 1:
            return "; write the subject and the clip in columns of their own"
        if self._left <= 0:
            return ""
        self._left -= len(self._known)
        return suggest(what[:_LONGEST], self._known, cutoff=0.8, form=" (did you mean {}?)")


def _written(row: Row) -> str:
    return "/".join(part for part in (row["subject"], row["clip"]) if part)


def _as_written(text: str) -> str:
    return text


def _caseless(text: str) -> str:
    return neat(text).casefold()


def _unpadded(text: str) -> str:
    number = _NUMBER.match(text)
    return number[1] if number else _caseless(text)


_NUMBER = re.compile(r"0*([0-9]+)(?:\.0+)?\Z")  # 1.0: a spreadsheet's column of decimals
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
# 2024-02-01 00:00:00, 02.01.2024, 1/2/2024, 2-Jan, Jan-02, 1.00E+03
_DAMAGED = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9:]{8})?\Z|[0-9]{1,2}[./][0-9]{1,2}[./](?:[0-9]{2}){1,2}\Z"
    rf"|[0-9]{{1,2}}[-. ]?{_MONTH}\Z|{_MONTH}[-. ][0-9]{{2,4}}\Z|[0-9](?:[.,][0-9]+)?E\+[0-9]+\Z",
    re.IGNORECASE,
)
# Of the subject and of the clip, in order of trust: a looser form is only tried if the
# stricter ones find nothing.
_FORMS: tuple[tuple[_Form, _Form], ...] = (
    (_as_written, _as_written),
    (neat, neat),
    (_caseless, _caseless),
    (_unpadded, _unpadded),
    (person_key, _unpadded),
)


def _index(
    clips: Sequence[_Key], forms: tuple[_Form, _Form], *, subjects: bool
) -> Mapping[_Key, list[_Key]]:
    """Return the clips by their names in one form.

    Without a column for the subject (``subjects``) they are indexed by name alone.
    """
    index: dict[_Key, list[_Key]] = defaultdict(list)
    for subject, clip in clips:
        index[forms[0](subject) if subjects else "", forms[1](clip)].append((subject, clip))
    return index


def _find(
    row: Row,
    indices: Sequence[tuple[tuple[_Form, _Form], Mapping[_Key, list[_Key]]]],
    *,
    by_folder: bool,
) -> list[_Key]:
    """Return the clips that a row may mean."""
    above, _, name = row["clip"].rpartition("/")
    names = [name]
    # After the whole name: a folder of images may be called "take.avi".
    if Path(name).suffix.lower() in VIDEO_SUFFIXES:
        names.append(Path(name).stem)
    # Where no column names the folder, the index has no subjects either (see _index).
    subject = (row["subject"] or above) if by_folder else ""
    for name in names:
        for (of_subject, of_clip), index in indices:
            found = index.get((of_subject(subject), of_clip(name)), [])
            if above:
                found = [key for key in found if of_subject(key[0]) == of_subject(above)]
            if found:
                return found
    return []
