"""The two layouts of the sample on disk, with the annotations that belong to them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mepipe.sample.movement import Expression


@dataclass(frozen=True)
class ClipTruth:
    """A clip as it was written, and what is true of it. Positions are 0-based."""

    folder: str
    id: str
    subject: str
    name: str
    first_number: int
    frames: int
    expression: Expression
    onset: int
    apex: int
    offset: int
    amplitude: float
    eye_distance: float
    fps: float


@dataclass(frozen=True)
class Place:
    """Where a clip goes, and how its frames are called.

    ``pattern`` makes a file name of a frame number.
    """

    collection: str
    subject: str
    name: str
    folder: str
    pattern: str
    first_number: int


Placement = Callable[[Path, int, int, int], Place]


def place_folder(out: Path, subject: int, clip: int, seed: int) -> Place:
    """Return the place of a clip in the generic layout: ``s01/c01/0001.jpg``."""
    name, folder = f"c{clip + 1:02d}", f"s{subject + 1:02d}"
    return Place(out.name, folder, name, f"{folder}/{name}", "{:04d}.jpg", 1)


def place_casme2(out: Path, subject: int, clip: int, seed: int) -> Place:
    """Return the place of a clip as CASME II has it: ``sub01/EP02_01f/img46.jpg``.

    Numbers are not padded and begin anywhere, as in CASME2_RAW_selected.
    """
    rng = np.random.default_rng([seed, subject, clip, 2])
    name = f"EP{int(rng.integers(1, 20)):02d}_{clip + 1:02d}{'f' if rng.random() < 0.5 else ''}"
    person = f"sub{subject + 1:02d}"
    folder = f"CASME2_RAW_selected/{person}/{name}"
    return Place("casme2", person, name, folder, "img{}.jpg", int(rng.integers(1, 300)))


PLACEMENTS: dict[str, Placement] = {"folder": place_folder, "casme2": place_casme2}


# fmt: off
TRUTH_COLUMNS = (
    "clip", "subject", "emotion", "label", "action_units", "onset", "apex", "offset",
    "amplitude_px", "inter_ocular_px", "fps", "frames", "first_number",
)
SHEET_COLUMNS = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None,
    "Action Units", "Estimated Emotion", "Objective Classes",
)
# fmt: on


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def labels_csv(clips: Sequence[ClipTruth]) -> bytes:
    """Return the generic layout's labels.csv: frames by the numbers in their file names."""
    return _csv(
        ("subject", "clip", "emotion", "onset", "apex", "offset", "fps"),
        (
            (
                c.subject,
                c.name,
                c.expression.emotion,
                *(c.first_number + position for position in (c.onset, c.apex, c.offset)),
                f"{c.fps:g}",
            )
            for c in clips
        ),
    )


def truth_csv(clips: Sequence[ClipTruth]) -> bytes:
    """Return truth.csv: what is true of each clip, in 0-based positions."""
    return _csv(
        TRUTH_COLUMNS,
        (
            (
                c.id,
                c.subject,
                c.expression.emotion,
                c.expression.label,
                c.expression.action_units,
                c.onset,
                c.apex,
                c.offset,
                f"{c.amplitude:.4f}",
                f"{c.eye_distance:.2f}",
                f"{c.fps:g}",
                c.frames,
                c.first_number,
            )
            for c in clips
        ),
    )


def motion_csv(clips: Sequence[ClipTruth], shares: Sequence[Sequence[float]]) -> bytes:
    """Return truth_motion.csv: the share of the peak motion that each frame shows."""
    return _csv(
        ("clip", "position", "share"),
        (
            (clip.id, position, f"{share:.4f}")
            for clip, course in zip(clips, shares, strict=True)
            for position, share in enumerate(course)
        ),
    )


def coding_sheet(clips: Sequence[ClipTruth]) -> bytes:
    """Return the workbook ``CASME2-coding-20190701.xlsx`` for these clips.

    Its columns, blanks, empty second and third sheets, and kinds of cells
    (subjects as text, a single action unit as a number) are the original's.
    """
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    if sheet is None:
        raise RuntimeError("a new workbook has no sheet")
    sheet.title = "Sheet1"
    sheet.append(SHEET_COLUMNS)
    for c in clips:
        units = c.expression.action_units
        numbers = [c.first_number + position for position in (c.onset, c.apex, c.offset)]
        cell = int(units) if units.isdigit() else units
        person, words = c.subject.removeprefix("sub"), c.expression
        sheet.append(
            [person, c.name, None, *numbers, None, cell, words.emotion, words.objective_class]
        )
    book.create_sheet("Sheet2")
    book.create_sheet("Sheet3")
    raw = io.BytesIO()
    book.save(raw)
    return _without_times(raw.getvalue())


def _without_times(workbook: bytes) -> bytes:
    """Return the same workbook without the time of its making, so that bytes repeat."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for item in old.infolist():
            content = old.read(item)
            if item.filename == "docProps/core.xml":
                # The document's properties hold nothing but its maker and times.
                content = (
                    b'<?xml version="1.0" encoding="UTF-8"?><cp:coreProperties xmlns:cp='
                    b'"http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>'
                )
            new.writestr(zipfile.ZipInfo(item.filename, (1980, 1, 1, 0, 0, 0)), content)
    return result.getvalue()
