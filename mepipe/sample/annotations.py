"""The files beside the clips of a sample: labels, coding sheets and ground truth."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mepipe.sample.movement import Expression
from mepipe.schema import KEY_FRAMES


@dataclass(frozen=True)
class ClipTruth:
    """A clip as it was written, with its ground truth. Positions are 0-based.

    ``emotion`` is the word of the layout's dataset. In a clip without a movement
    onset, apex and offset are -1, and the amplitude is 0.
    """

    id: str
    subject: str
    name: str
    first_number: int
    frames: int
    expression: Expression
    emotion: str
    onset: int
    apex: int
    offset: int
    amplitude: float
    eye_distance: float
    fps: float

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Onset, apex and offset as the numbers in the file names."""
        first = self.first_number
        return first + self.onset, first + self.apex, first + self.offset

    @property
    def moves(self) -> bool:
        """True if the clip shows an expression."""
        return self.apex >= 0

    def cells(self, *values: int) -> tuple[int | str, ...]:
        """Return the values, or empty cells for a clip without a movement."""
        return values if self.moves else ("",) * len(values)


# fmt: off
TRUTH_COLUMNS = (
    "clip", "subject", "emotion", "label", "action_units", *KEY_FRAMES,
    "amplitude_px", "inter_ocular_px", "fps", "frames", "first_number",
)
SHEET_COLUMNS = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None,
    "Action Units", "Estimated Emotion", "Objective Classes",
)
SAMM_COLUMNS = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame",
    "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)
# fmt: on
_CLASSES = ("I", "II", "III", "IV", "V", "VI", "VII")


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def labels_csv(clips: Sequence[ClipTruth]) -> bytes:
    """Return the generic layout's labels.csv: frames by the numbers in their file names."""
    return _csv(
        ("subject", "clip", "emotion", *KEY_FRAMES, "fps"),
        (
            (
                c.subject,
                c.name,
                c.emotion,
                *c.cells(*c.numbers),
                f"{c.fps:g}",
            )
            for c in clips
        ),
    )


def truth_csv(clips: Sequence[ClipTruth]) -> bytes:
    """Return truth.csv: the ground truth of each clip, in 0-based positions."""
    return _csv(
        TRUTH_COLUMNS,
        (
            (
                c.id,
                c.subject,
                c.emotion,
                c.expression.label,
                c.expression.action_units,
                *c.cells(c.onset, c.apex, c.offset),
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
    rows: list[Sequence[object]] = [SHEET_COLUMNS]
    for c in clips:
        person, kind = c.subject.removeprefix("sub"), c.expression.objective_class
        rows.append([person, c.name, None, *c.numbers, None, _units(c), c.emotion, kind])
    return _workbook({"Sheet1": rows, "Sheet2": (), "Sheet3": ()})


def samm_sheet(clips: Sequence[ClipTruth]) -> bytes:
    """Return the workbook ``SAMM_Micro_FACS_Codes_v2.xlsx`` for these clips.

    Its header stands in row 14, emotions are capitalised and the duration is a
    formula, as in the original.
    """
    rows: list[Sequence[object]] = [("SAMM, the layout of a synthetic sample",), *[()] * 12]
    rows.append(SAMM_COLUMNS)
    for c in clips:
        row = len(rows) + 1
        rows.append(
            [c.subject, c.name, int(c.name.split("_")[1]), *c.numbers, f"=F{row}-D{row}+1",
             "Micro", _units(c), c.emotion.capitalize(),
             _CLASSES.index(c.expression.objective_class) + 1, None]
        )  # fmt: skip
    return _workbook({"MICRO_ONLY": rows})


def _units(clip: ClipTruth) -> int | str:
    """Return the cell of the action units. A single unit is a number, as in the original."""
    units = clip.expression.action_units
    return int(units) if units.isdigit() else units


def _workbook(sheets: Mapping[str, Iterable[Sequence[object]]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for sheet in book.worksheets:
        book.remove(sheet)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    raw = io.BytesIO()
    book.save(raw)
    return _without_times(raw.getvalue())


def _without_times(workbook: bytes) -> bytes:
    """Return the workbook without its creation time, so that equal samples have equal bytes."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for item in old.infolist():
            content = old.read(item)
            if item.filename == "docProps/core.xml":
                # These properties hold only the author and the times.
                content = (
                    b'<?xml version="1.0" encoding="UTF-8"?><cp:coreProperties xmlns:cp='
                    b'"http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>'
                )
            new.writestr(zipfile.ZipInfo(item.filename, (1980, 1, 1, 0, 0, 0)), content)
    return result.getvalue()
