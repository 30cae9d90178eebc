"""Predict the class of several clips, one after the other, as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.csv_tables import Cell, csv_text
from mepipe.datasets.frames_on_disk import VIDEO_SUFFIXES, has_images, list_folder
from mepipe.errors import BadDataError, UnreadableInputError, UsageError
from mepipe.inference.predictor import Prediction, Predictor
from mepipe.inference.recording import predict_recording
from mepipe.schema import KEY_FRAMES, Progress

_COLUMNS = (
    "clip",
    "movement",
    "label",
    "micro",
    "out_of_range",
    *KEY_FRAMES,
    *(f"{mark}_s" for mark in KEY_FRAMES),
    "px",
    "confidence",
    "reason",
)


@dataclass(frozen=True)
class Answer:
    """The answer on a clip, or on one movement of a recording.

    Parameters
    ----------
    clip
        The video or the folder.
    movement
        The number of the movement in a recording, from 1. None: it is a clip.
    found
        The answer.
    """

    clip: Path
    movement: int | None
    found: Prediction


def several(paths: Sequence[Path]) -> list[Path]:
    """Return the clips at these paths, sorted within each folder. Empty if it is one clip alone.

    A folder that holds clips, directly or in folders of subjects, stands for all of them.

    Raises
    ------
    UsageError
        If there is no such path, or a folder holds no clip.
    """
    if len(paths) == 1 and (not paths[0].is_dir() or _is_clip(paths[0])):
        return []
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no video or folder {path}", "Give a video or a folder.")
        here = list(_clips_below(path)) if path.is_dir() else [path]
        if not here:
            raise UsageError(
                f"the folder {path} holds no images and no videos",
                "Give videos, or folders that hold the images of a clip.",
            )
        found += here
    return found


def _is_clip(folder: Path) -> bool:
    listing = list_folder(folder)
    return has_images(listing) and not _videos(listing.files)


def _videos(names: Sequence[str]) -> list[str]:
    return [name for name in names if Path(name).suffix.lower() in VIDEO_SUFFIXES]


def _clips_below(folder: Path) -> Iterator[Path]:
    listing = list_folder(folder)
    videos = _videos(listing.files)
    if has_images(listing) and not videos:
        yield folder
    yield from (folder / name for name in videos)
    for name in listing.folders:
        yield from _clips_below(folder / name)


def answers(
    predictor: Predictor, clip: Path, fps: float | None, progress: Progress
) -> list[Answer]:
    """Return the answer on a clip, or the answers on the movements of a recording."""
    try:
        recording = predict_recording(predictor, clip, fps, progress=progress)
    except (BadDataError, UnreadableInputError):
        recording = None  # the clip is refused for the same reason
    if recording is None:
        return [Answer(clip, None, predictor.clip(clip, fps))]
    if not recording.answers:
        return [Answer(clip, None, Prediction(reason="a recording without a movement"))]
    return [
        Answer(clip, number, found) for number, (_, found) in enumerate(recording.answers, start=1)
    ]


def answers_csv(rows: Sequence[Answer], classes: Sequence[str]) -> str:
    """Return the answers as a CSV: a row each, with ``p_CLASS`` for every class.

    Where ``micro`` is no, the probabilities are empty: the classes do not apply. Names are guarded
    against spreadsheets (`mepipe.datasets.csv_tables`).
    """
    header = [*_COLUMNS, *(f"p_{name}" for name in classes)]
    return csv_text(header, (_cells(row, classes) for row in rows), floats=".6g")


def _cells(row: Answer, classes: Sequence[str]) -> list[Cell]:
    found = row.found
    told = {True: "yes", False: "no", None: ""}[found.micro]
    values = {"clip": str(row.clip), "movement": row.movement, "micro": told}
    cells = [values[name] if name in values else getattr(found, name) for name in _COLUMNS]
    shares = found.probabilities if found.micro is not False else {}
    return [*cells, *map(shares.get, classes)]


def is_answers_csv(first_line: str) -> bool:
    """Return True if a file that begins with this line is one of `answers_csv`."""
    return first_line.startswith(",".join(_COLUMNS))
