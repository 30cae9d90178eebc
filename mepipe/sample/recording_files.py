"""Write a folder of synthetic recordings with its truth."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mepipe.errors import UsageError
from mepipe.sample.everyday import Everyday
from mepipe.sample.marked_folder import mark, standing_labels

if TYPE_CHECKING:
    from mepipe.sample.identity import Subject
    from mepipe.sample.timeline import Plan

VERSION = 1  # of the recordings' frames; increased, older folders count as another sample
EVENT_COLUMNS = (
    "recording", "subject", "onset", "apex", "offset", "fps", "kind", "peak_px",
    "inter_ocular_px", "emotion", "label", "action_units",
)  # fmt: skip
OTHER_COLUMNS = ("recording", "subject", "kind", "onset", "apex", "offset", "fps", "size")
RECORDING_COLUMNS = ("recording", "subject", "frames", "fps", "seconds")
_FASTEST = 200

README = """\
SYNTHETIC RECORDINGS, NO GROUND FOR SCIENCE

These recordings were made by `mepipe sample --recordings` from {source}.
The subjects are smooth changes of shape, skin and light; the movements are drawn
by hand after facial action units. They show that software runs and what it finds
of what was put in. No figure obtained on them says anything about people.

{count} recordings of {subjects} subjects, {seconds:g} s each, {fps} frames per second,
H.264. Beside the expressions: {everyday}.

events.csv      each movement: onset, apex and offset as 0-based positions of frames,
                kind (micro: at most 500 ms from onset to offset), the largest
                displacement of the skin in px of the frame, the eyes' distance in px
others.csv      what is no expression: blink (size: 1 is closed), gaze (px), turn
                (degrees; the pose stays), speech (px of the jaw)
recordings.csv  each recording with its length, those without a movement too

The apex is the frame of peak motion; onset and offset are the first and the last
frame with at least a tenth of it. Of a change that stays (gaze, turn) they are the
first frames with a tenth and with nine tenths of it.
"""


@dataclass(frozen=True)
class RecordingsSummary:
    """The content of the folder.

    ``kinds`` counts the movements, micro and macro; ``made`` is False if the same
    sample existed already.
    """

    path: Path
    recordings: int
    subjects: int
    kinds: dict[str, int]
    made: bool

    @property
    def events(self) -> Path:
        """The file with the truth of the movements."""
        return self.path / "events.csv"

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.kinds.items()))
        return (
            f"{self.recordings} recordings of {self.subjects} subjects "
            f"({counts or 'no movement'}) in {self.path}"
            f"{'' if self.made else ' (existed already)'}\n"
            f"truth       {self.events}\n"
            "The sample is synthetic. Use it to test the software, not for scientific results."
        )


def write_recordings(
    out: Path,
    *,
    subjects: int = 4,
    clips: int = 1,
    seconds: float = 60.0,
    fps: int = 30,
    seed: int = 0,
    photos: Path | None = None,
    everyday: Everyday | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RecordingsSummary:
    """Write recordings with known movements, as a generic folder: ``s01/r01.mp4``.

    Parameters
    ----------
    out
        The folder to write. If it has the same sample already, nothing is done.
    subjects, clips
        Number of subjects, and of recordings of each.
    seconds
        Length of each, 2 or larger.
    fps
        25 to 200.
    seed
        0 or larger. Each recording depends on the seed, its subject's number and its own
        alone.
    photos
        Folder of photographs with a face, used in turn, or one photograph; None:
        scikit-image's astronaut.
    everyday
        What goes on beside the expressions; None: everything.
    progress
        Called with (recordings done, recordings in all) after each.

    Raises
    ------
    UsageError
        If a number is out of range, ``out`` has other content, a photograph is missing, or
        scikit-image is not installed.
    """
    everyday = Everyday() if everyday is None else everyday
    _check(
        ("subjects", subjects, 1, 99),
        ("clips", clips, 1, 99),
        ("seconds", seconds, 2, 7200),
        ("fps", fps, 25, _FASTEST),
        ("seed", seed, 0, 2**32 - 1),
    )
    from mepipe.sample.identity import make_subject
    from mepipe.sample.photos import load_photos, source_digests
    from mepipe.sample.recordings import write_recording
    from mepipe.sample.timeline import plan_recording

    wanted: dict[str, Any] = {
        "format": VERSION,
        "layout": "recordings",
        "subjects": subjects,
        "clips": clips,
        "seconds": seconds,
        "fps": fps,
        "seed": seed,
        "photos": source_digests(photos),
        "name": out.name,
        "factors": everyday.names,
    }
    finished = standing_labels(out, wanted)
    if finished is not None:
        return RecordingsSummary(out, subjects * clips, subjects, finished, False)
    pictures = load_photos(photos)
    out.mkdir(parents=True, exist_ok=True)
    mark(out, wanted)
    tables = _Tables([], [], [])
    for index in range(subjects):
        person = make_subject(pictures[index % len(pictures)], index, seed)
        folder = f"s{index + 1:02d}"
        (out / folder).mkdir(exist_ok=True)
        for clip in range(clips):
            plan = plan_recording((seed, index, clip), seconds=seconds, fps=fps, everyday=everyday)
            path = out / folder / f"r{clip + 1:02d}.mp4"
            write_recording(path, person, plan)
            tables.add((f"{out.name}/{folder}/{path.stem}", folder), person, plan)
            if progress is not None:
                progress(index * clips + clip + 1, subjects * clips)
    for name, header, rows in (
        ("events.csv", EVENT_COLUMNS, tables.events),
        ("others.csv", OTHER_COLUMNS, tables.others),
        ("recordings.csv", RECORDING_COLUMNS, tables.recordings),
    ):
        _write_csv(out / name, header, rows)
    kinds = dict(sorted(Counter(str(row[6]) for row in tables.events).items()))
    text = README.format(
        source="scikit-image's\nphotograph of the astronaut Eileen Collins (NASA, public domain)"
        if photos is None
        else "the user's own photographs",
        count=subjects * clips,
        subjects=subjects,
        seconds=seconds,
        fps=fps,
        everyday=", ".join(name for name in everyday.names if name != "still") or "nothing",
    )
    (out / "README.txt").write_text(text, encoding="utf-8")
    mark(out, {**wanted, "labels": kinds})
    return RecordingsSummary(out, subjects * clips, subjects, kinds, True)


@dataclass(frozen=True)
class _Tables:
    events: list[tuple[object, ...]]
    others: list[tuple[object, ...]]
    recordings: list[tuple[object, ...]]

    def add(self, names: tuple[str, str], person: Subject, plan: Plan) -> None:
        """Add the truth of a recording, given with its id and its subject's name."""
        from mepipe.sample.identity import EYE_DISTANCE

        eyes = person.eye_distance
        for one in plan.movements:
            shown = one.expression
            self.events.append(
                (
                    *names, one.onset, one.apex, one.offset, f"{plan.fps:g}", one.kind,
                    f"{one.px * eyes / EYE_DISTANCE:.4f}", f"{eyes:.2f}",
                    shown.emotion, shown.label, shown.action_units,
                )
            )  # fmt: skip
        for other in plan.others:
            self.others.append(
                (
                    *names, other.kind, other.onset, other.apex, other.offset,
                    f"{plan.fps:g}", f"{other.size:.3f}",
                )
            )  # fmt: skip
        self.recordings.append((*names, plan.count, f"{plan.fps:g}", f"{plan.count / plan.fps:g}"))


def _check(*ranges: tuple[str, float, float, float]) -> None:
    for name, value, low, high in ranges:
        if not low <= value <= high:
            raise UsageError(f"--{name} {value:g} is out of range", f"Choose {low:g} to {high:g}.")


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
