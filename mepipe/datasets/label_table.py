"""The labels.csv of a generic folder: finds the clip of each row.

The column ``clip`` is required. subject, emotion, onset, apex, offset, fps and au
are optional. Frames are the numbers in the file names for images, and 0-based
positions for videos.

A row finds its clip by the exact names. If there is none, case and Unicode form
are ignored. If there is still none, leading zeros are ignored, because spreadsheets
drop them. The clip may be written with its file's suffix, and as
``subject/clip``. Without a column for the subject, the clip's name must be unique.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.clip import Note
from mepipe.datasets.frames_on_disk import VIDEO_SUFFIXES
from mepipe.datasets.sheets import Row, read_table
from mepipe.errors import BadDataError, suggest

_REQUIRED = {"clip": ("clip",)}
_OPTIONAL = {
    "subject": ("subject",),
    "emotion": ("emotion",),
    "onset": ("onset",),
    "apex": ("apex",),
    "offset": ("offset",),
    "fps": ("fps",),
    "action_units": ("au", "action units"),
}

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
    """

    path: Path
    rows: Mapping[_Key, Sequence[Row]]
    notes: tuple[Note, ...]

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
        contents = [{**row.cells, "subject": "", "clip": ""} for row in rows]
        if any(content != contents[0] for content in contents):
            listed = " and ".join(str(row.number) for row in rows)
            raise BadDataError(
                f"lines {listed} of {self.path.name} name this clip and differ",
                "Delete all of them but one.",
            )
        return rows[0].cells


def find_labels(root: Path, files: Iterable[str]) -> Path | None:
    """Return the labels.csv among the files of a folder, in upper or lower case."""
    found = sorted(name for name in files if name.casefold() == "labels.csv")
    return root / found[0] if found else None


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
    table = read_table(path, key="clip", required=_REQUIRED, optional=_OPTIONAL)
    subjects = any("subject" in row.cells for row in table.rows)
    indices = [(form, _index(clips, form, subjects=subjects)) for form in _FORMS]
    rows: dict[_Key, list[Row]] = defaultdict(list)
    known = {name for row in table.rows for name in row.cells}
    notes = [f"{path.name}: line {n} names no clip: ignored" for n in table.ignored]
    for row in table.rows:
        found = _find(row, indices)
        what = _written(row)
        if len(found) == 1:
            rows[found[0]].append(row)
        elif found:
            where = ", ".join(subject or "the folder itself" for subject, _ in found)
            notes.append(
                f"{path.name}: line {row.number} ({what}) fits clips of {where}: not used; a "
                "column 'subject' tells them apart"
            )
        else:
            notes.append(
                f"{path.name}: line {row.number} ({what}) has no clip: not used{_hint(row, clips)}"
            )
    notes += [
        f"{path.name}: lines {' and '.join(str(row.number) for row in some)} name one clip"
        for some in rows.values()
        if len(some) > 1
    ]
    columns = [
        Note(None, f"{path.name}: {_unknown_column(text, known)}", "its values are not read")
        for text in table.unused
    ]
    return Labels(path, rows, (*columns, *(Note(None, text) for text in notes)))


def _unknown_column(text: str, known: Collection[str]) -> str:
    """Return a message for an unknown column, with a hint at a column that is missing."""
    lacking = [word for name, words in _OPTIONAL.items() if name not in known for word in words]
    return f"unknown column {text!r}{suggest(text.strip().casefold(), lacking)}"


def _hint(row: Row, clips: Sequence[_Key]) -> str:
    """Return a hint at the clip that a row without one may have meant."""
    what = _written(row)
    if what.count("/") > 1:
        return "; write the subject and the clip in columns of their own"
    known = ["/".join(part for part in key if part) for key in clips]
    return suggest(what, known, cutoff=0.8, form=" (did you mean {}?)")


def _written(row: Row) -> str:
    return "/".join(part for part in (row["subject"], row["clip"]) if part)


def _as_written(text: str) -> str:
    return text


def _caseless(text: str) -> str:
    # macOS writes accents of file names as separate characters, spreadsheets do not.
    return unicodedata.normalize("NFC", text).casefold()


def _unpadded(text: str) -> str:
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else _caseless(text)


# In order of trust: a looser form is only tried if the stricter ones find nothing.
_FORMS: tuple[_Form, ...] = (_as_written, _caseless, _unpadded)


def _index(clips: Sequence[_Key], form: _Form, *, subjects: bool) -> Mapping[_Key, list[_Key]]:
    """Return the clips by their names in one form.

    Without a column for the subject (``subjects``) they are indexed by name alone.
    """
    index: dict[_Key, list[_Key]] = defaultdict(list)
    for subject, clip in clips:
        index[form(subject) if subjects else "", form(clip)].append((subject, clip))
    return index


def _find(row: Row, indices: Sequence[tuple[_Form, Mapping[_Key, list[_Key]]]]) -> list[_Key]:
    """Return the clips that a row may mean."""
    above, _, name = row["clip"].rpartition("/")
    names = [name]
    # After the whole name: a folder of images may be called "take.avi".
    if Path(name).suffix.lower() in VIDEO_SUFFIXES:
        names.append(Path(name).stem)
    # Without a column for the subject the index has no subjects either (see _index).
    subject = row["subject"] or (above if "subject" in row.cells else "")
    for name in names:
        for form, index in indices:
            found = index.get((form(subject), form(name)), [])
            if above:
                found = [key for key in found if form(key[0]) == form(above)]
            if found:
                return found
    return []
