"""Files of marks, as commands get them: tables, files of ELAN, folders of either."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mepipe.cache import disk
from mepipe.cache.new_folder import filling
from mepipe.clips.correction_file import CorrectionFile, is_meant
from mepipe.clips.correction_places import CORRECTIONS, EVENTS, files_of
from mepipe.errors import UsageError
from mepipe.io.file_names import UniqueNames, plain_name
from mepipe.recordings.corrected import CorrectedEvent, EventFile
from mepipe.recordings.marks import Marked, Movement, ReadMarks, clips_csv, read_csv, recordings_csv
from mepipe.recordings.marks_eaf import marks_eaf, read_eaf
from mepipe.schema import KEY_FRAMES

_EAF = ".eaf"
_LONGEST = 180  # characters; file systems allow 255 bytes


def read_marks(
    paths: Sequence[Path], known: Mapping[str, Marked] | None = None, fps: float | None = None
) -> ReadMarks:
    """Return the marks in some files.

    Parameters
    ----------
    paths
        Tables of corrections or of corrected movements, files of ELAN, folders of such files (of
        a run's output folder: its corrections).
    known
        The clips and recordings of a run, by id (`mepipe.recordings.marks.marks_of_run`). Names
        are completed to their ids.
    fps
        As for `mepipe.recordings.marks_eaf.read_eaf`.

    Raises
    ------
    UsageError
        If a file is not there or cannot be read, or two are of one clip.
    """
    found: dict[tuple[str, bool], tuple[Marked, Path]] = {}
    notes: list[str] = []
    for path in _files(paths):
        read = _read(path, known, fps)
        notes += read.notes
        for one in read.marked:
            full = _with_id(one, known or {})
            before = found.get((full.name, full.recording))
            if before is not None:
                raise UsageError(
                    f"{before[1]} and {path} both have marks of {full.name}", "Leave one out."
                )
            found[full.name, full.recording] = (full, path)
    return ReadMarks(tuple(one for one, _ in found.values()), tuple(notes))


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise UsageError(f"there is no file or folder {path}", "Check the path.")
            files.append(path)
            continue
        inside = [path / name for name in disk.names(path)]
        some = [one for one in inside if one.suffix.lower() == _EAF]
        some = some or [one for one in inside if one.name in {CORRECTIONS, EVENTS}]
        if not some:
            raise UsageError(
                f"{path} has neither files of ELAN nor a {CORRECTIONS}", "Give the files."
            )
        files += some
    return files


def _read(path: Path, known: Mapping[str, Marked] | None, fps: float | None) -> ReadMarks:
    if path.suffix.lower() != _EAF:
        return read_csv(path)
    data = disk.read_bytes(path)
    if data is None:
        raise UsageError(f"{path} is gone", "Check the path.")
    return read_eaf(data, path.stem, known, fps)


def _with_id(one: Marked, known: Mapping[str, Marked]) -> Marked:
    if one.name in known:
        return one
    full = [name for name in known if is_meant(one.name, name)]
    return replace(one, name=full[0]) if len(full) == 1 else one


def write_marks(marked: Sequence[Marked], to: str, out: Path) -> tuple[list[Path], list[str]]:
    """Write marks into a folder.

    Parameters
    ----------
    marked
        The clips and recordings.
    to
        ``elan``: an ``.eaf`` of each; ``csv``: one table of the clips, one of the recordings.
    out
        A new or empty folder.

    Returns
    -------
    tuple
        The files, and what could not be written, in words.

    Raises
    ------
    UsageError
        If the folder is not empty, or two clips would have one file.
    """
    files: dict[str, bytes] = {}
    notes: list[str] = []
    if to == "csv":
        clips = [one for one in marked if not one.recording]
        recordings = [one for one in marked if one.recording]
        if clips:
            files["marks.csv"] = clips_csv(clips).encode()
        if recordings:
            files["marked-events.csv"] = recordings_csv(recordings).encode()
    else:
        names = UniqueNames("file", "Export them as CSV: --to csv.")
        for one in marked:
            name = plain_name(one.name, one.name)[:_LONGEST] + _EAF
            names.claim(name, one.name, one.name)
            try:
                files[name] = marks_eaf(one)
            except UsageError as error:
                if "pympi" in error.message:
                    raise
                notes.append(str(error))
    with filling(out) as part:
        for name, data in files.items():
            disk.write_new(part / name, data)
    return [out / name for name in files], notes


def import_marks(
    read: Sequence[Marked],
    known: Mapping[str, Marked],
    out: Path,
    *,
    who: str,
    coder: str = "",
    done: Callable[[int], object] = lambda _: None,
) -> tuple[int, list[str]]:
    """Write marks that were read to the corrections of a run.

    Parameters
    ----------
    read
        The marks (`read_marks`).
    known
        What the run has.
    out
        Its output folder.
    who
        For the column of that name.
    coder
        Of a second coder: all marks go to ``corrections-CODER.csv``. Empty: what differs from the
        run's own marks goes to ``corrections.csv``.
    done
        Called with the number of clips that were written.

    Returns
    -------
    tuple
        How many clips and recordings were written, and what was not, in words.

    Raises
    ------
    UsageError
        If a mark is not valid, or a file that is there is no table of corrections.
    """
    clips, events = files_of(out, coder)
    clip_file = CorrectionFile(clips, who=who, known=known)
    event_file = EventFile(events, who=who)
    count, notes = 0, []
    for one in read:
        there = known.get(one.name)
        if there is None:
            notes.append(f"{one.name}: the run has no such clip or recording: not used")
            continue
        if there.recording != one.recording:
            what = "a recording" if there.recording else "a clip"
            notes.append(f"{one.name} is {what} of the run: not used")
            continue
        if one.recording:
            marks = [x for x in one.movements if x.onset is not None and x.apex is not None]
            if len(marks) < len(one.movements):
                notes.append(f"{one.name}: movements without onset or apex are not used")
            if not coder and _spans(marks) == _spans(there.movements):
                continue
            event_file.set_events(
                one.name,
                [
                    CorrectedEvent(x.onset, x.apex, x.offset, emotion=x.emotion)
                    for x in marks
                    if x.onset is not None and x.apex is not None
                ],
                subject=there.subject,
            )
        else:
            cells = _cells(one, there, everything=bool(coder))
            if not cells:
                continue
            clip_file.change(one.name, cells)
        count += 1
        done(count)
    return count, notes


def _spans(movements: Sequence[Movement]) -> list[Movement]:
    return sorted(movements, key=lambda one: [x or 0 for x in (one.onset, one.apex, one.offset)])


def _cells(one: Marked, there: Marked, *, everything: bool) -> dict[str, str]:
    """Return the cells of a clip that are to be set."""
    new = one.movements[0] if one.movements else Movement()
    old = there.movements[0] if there.movements and not everything else Movement()
    cells: dict[str, str] = {}
    for name in KEY_FRAMES:
        number = getattr(new, name)
        if number is not None and number != getattr(old, name):
            cells[name] = str(number)
    if new.emotion and new.emotion != old.emotion:
        cells["emotion"] = new.emotion
    if one.still is not None and (everything or (one.still and not there.still)):
        cells["movement"] = "no" if one.still else "yes"
    elif everything and one.movements:
        cells["movement"] = "yes"
    if cells.get("movement") == "no":
        cells["emotion"] = ""
    return cells
