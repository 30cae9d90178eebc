"""Benchmark of spotting on clips with known key frames: accuracy and CPU time."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.datasets.clip import Images
from mepipe.datasets.registry import open_dataset
from mepipe.errors import BadDataError, UsageError
from mepipe.frames import FrameReader, Timing
from mepipe.sample import HARD, Factors, write
from mepipe.sample.photos import photo_paths
from mepipe.schema import SPOT_METHODS
from mepipe.stages import STAGES, Result, Upstream

WITHIN_MS = 15.0
MOST = 0.95  # of the peak motion: the frames that an apex may be

Share = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """A clip with its ground truth: ``share`` (N,) of the peak motion, None if unknown."""

    id: str
    clip: ClipInput
    onset: int | None
    apex: int | None
    share: Share | None

    @property
    def moves(self) -> bool:
        """True if the clip has a movement."""
        return self.apex is not None

    def recovered(self, apex: int) -> float:
        """Return the motion at a frame as a share of the peak's, NaN where it is not known."""
        return float("nan") if self.share is None else float(self.share[apex])

    def away_ms(self, apex: int) -> float:
        """Return how far a frame is from the nearest that shows most of the motion, ms."""
        times = self.clip.timing.times(self.clip.frames.count)
        assert times is not None
        assert self.apex is not None
        top = np.array([self.apex]) if self.share is None else np.flatnonzero(self.share >= MOST)
        return float(np.abs(times[top] - times[apex]).min())


@dataclass
class Row:
    """The measurements of a method. Times in ms, shares 0 to 1. A refused clip counts as missed.

    ``refused`` counts the clips of either kind that gave no result; ``missed``
    is the share of moving clips, ``imagined`` that of still clips, in which a
    movement was not or was said to be.
    """

    method: str
    refused: int = 0
    recovered: list[float] = field(default_factory=list)
    within: list[bool] = field(default_factory=list)
    onset_ms: list[float] = field(default_factory=list)
    apex_ms: list[float] = field(default_factory=list)
    moving: list[float] = field(default_factory=list)
    still: list[float] = field(default_factory=list)
    missed: list[bool] = field(default_factory=list)
    imagined: list[bool] = field(default_factory=list)
    frames: int = 0
    seconds: float = 0.0

    @property
    def auc(self) -> float:
        """Chance that a moving clip is stronger than a still one (NaN without both)."""
        if not self.moving or not self.still:
            return float("nan")
        a, b = np.array(self.moving)[:, None], np.array(self.still)
        return float(((a > b) + 0.5 * (a == b)).mean())

    @property
    def ms_a_frame(self) -> float:
        """CPU time of face and spot, decoding apart."""
        return 1000 * self.seconds / max(self.frames, 1)


class _Timed(FrameReader):
    """A reader that knows how long reading and decoding took."""

    seconds = 0.0

    def images(
        self, positions: Sequence[int] | None = None
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        inner = super().images(positions)
        while True:
            begun = time.process_time()
            try:
                one = next(inner)
            except StopIteration:
                return
            finally:
                self.seconds += time.process_time() - begun
            yield one


def read_truth(folder: Path) -> list[Truth]:
    """Return the clips of a dataset that has a truth.csv, without their annotations.

    Raises
    ------
    UsageError
        If there is no truth.csv, or it does not fit the clips.
    """
    if not (folder / "truth.csv").is_file():
        raise UsageError(
            f"{folder} holds no truth.csv", "Give a folder that mepipe sample has written."
        )
    shares: dict[str, list[float]] = {}
    if (folder / "truth_motion.csv").is_file():
        for row in _rows(folder / "truth_motion.csv"):
            shares.setdefault(row["clip"], []).append(float(row["share"]))
    facts = {row["clip"]: row for row in _rows(folder / "truth.csv")}
    found = []
    for clip in open_dataset(str(folder)).clips:
        fact = facts.get(clip.id)
        if fact is None or not isinstance(clip.source, Images):
            continue
        files = tuple(clip.source.folder / name for name in clip.source.names)
        fps = float(fact["fps"]) if fact.get("fps") else clip.fps
        onset, apex = (int(fact[name]) if fact[name] else None for name in ("onset", "apex"))
        share = np.array(shares[clip.id]) if clip.id in shares and apex is not None else None
        if share is not None and len(share) != len(files):
            raise UsageError(
                f"{clip.id} has {len(files)} frames, its truth {len(share)}",
                "Restore the folder, or make it again.",
            )
        reader = _Timed(files, len(files), None, lambda _: None)
        found.append(Truth(clip.id, ClipInput(reader, Timing(fps)), onset, apex, share))
    if not found:
        raise UsageError(f"truth.csv in {folder} names none of its clips", "Check the folder.")
    return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def measure(
    dataset: Path | None = None,
    *,
    hard: bool = False,
    photos: Path | None = None,
    subjects: int = 20,
    clips: int = 3,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Measure every method on the clips of a dataset, or on clips made for it.

    Parameters
    ----------
    dataset
        With a truth.csv; None: ``subjects`` times ``clips`` clips with a
        movement and as many without are made, and thrown away after.
    hard
        Made clips have all factors; else their timing alone varies.
    photos, seed
        As `mepipe.sample.write`.
    progress
        Called with (clips done, clips in all) after each.
    """
    import cv2

    cv2.setNumThreads(1)
    truths: Iterable[Truth]
    if dataset is not None:
        truths = read_truth(dataset)
        total = len(truths)
    else:
        factors = HARD if hard else Factors(timing=True)
        truths = _made(factors, photos, subjects, clips, seed)
        total = 2 * subjects * clips
    rows = [Row(method) for method in SPOT_METHODS]
    for done, truth in enumerate(truths, start=1):
        _one(truth, rows)
        if progress is not None:
            progress(done, total)
    return rows


def _made(
    factors: Factors, photos: Path | None, subjects: int, clips: int, seed: int
) -> Iterator[Truth]:
    """Yield synthetic clips, those with a movement first. Each is on the disk while it is used.

    One subject at a time: two hundred clips would be gigabytes.
    """
    faces = photo_paths(photos) if photos is not None else []
    for still in (False, True):
        for number in range(subjects):
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch) / "made"
                write(
                    folder, subjects=1, clips=clips, seed=seed + 2 * number + still,
                    # A folder without photographs is refused there.
                    photos=faces[number % len(faces)] if faces else photos,
                    factors=replace(factors, still=still),
                )  # fmt: skip
                yield from read_truth(folder)


def _one(truth: Truth, rows: Sequence[Row]) -> None:
    """Add a clip to each method's row; the face is found once."""
    try:
        found, face_s = _timed(truth, partial(_face, truth))
    except BadDataError:
        found, face_s = None, 0.0
    for row in rows:
        result = None
        if found is not None:
            config = Config.model_validate({"spot": {"method": row.method}})
            try:
                result, spot_s = _timed(truth, partial(_spot, truth, config, found))
                row.seconds += face_s + spot_s
                row.frames += truth.clip.frames.count
            except BadDataError:
                result = None
        _count(row, truth, result)


def _face(truth: Truth) -> Result:
    return STAGES[0].compute(truth.clip, Config(), _upstream({}))


def _spot(truth: Truth, config: Config, face: Result) -> Result:
    return STAGES[1].compute(truth.clip, config, _upstream({"face": face.values}))


def _count(row: Row, truth: Truth, result: Result | None) -> None:
    row.refused += result is None
    strength = float(result.values["strength"]) if result else -np.inf  # type: ignore[arg-type]
    said = result is not None and bool(result.values["movement"])
    if not truth.moves:
        row.still.append(strength)
        row.imagined.append(said)
        return
    row.moving.append(strength)
    row.missed.append(not said)
    if result is None:
        row.recovered.append(0.0)
        row.within.append(False)
        return
    values: dict[str, Any] = result.values
    onset, apex = int(values["onset"]), int(values["apex"])
    times = truth.clip.timing.times(truth.clip.frames.count)
    assert times is not None
    assert truth.apex is not None
    assert truth.onset is not None
    row.recovered.append(truth.recovered(apex))
    row.within.append(truth.away_ms(apex) <= WITHIN_MS)
    row.onset_ms.append(float(abs(times[onset] - times[truth.onset])))
    row.apex_ms.append(float(abs(times[apex] - times[truth.apex])))


def _timed(truth: Truth, compute: Callable[[], Result]) -> tuple[Result, float]:
    """Return a stage's result and its CPU time less that of reading, s."""
    reader = truth.clip.frames
    assert isinstance(reader, _Timed)
    before, begun = reader.seconds, time.process_time()
    result = compute()
    return result, time.process_time() - begun - (reader.seconds - before)


def _upstream(values: dict[str, Mapping[str, Any]]) -> Upstream:
    return Upstream(values, lambda _: {})


def spot_table(rows: Sequence[Row]) -> str:
    """Return the measurements as Markdown."""

    def mean(values: Sequence[float], form: str) -> str:
        return format(np.mean(values), form) if len(values) else ""

    lines = [
        "| method | moving | still | refused | recovered | >= .9 in | within 15 ms | onset, ms "
        "| apex, ms | AUC | missed | imagined | CPU ms a frame |",
        "|" + "---|" * 13,
    ]
    for row in rows:
        cells = (
            row.method, str(len(row.moving)), str(len(row.still)), str(row.refused),
            mean(row.recovered, ".3f"), mean([r >= 0.9 for r in row.recovered], ".1%"),
            mean(row.within, ".1%"), mean(row.onset_ms, ".1f"), mean(row.apex_ms, ".1f"),
            f"{row.auc:.3f}", mean(row.missed, ".1%"), mean(row.imagined, ".1%"),
            f"{row.ms_a_frame:.2f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
