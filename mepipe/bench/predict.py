"""Benchmark of a saved model on one new clip, from the video file to the answer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from mepipe.cache.store import open_store
from mepipe.config import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.evaluation.fold_cache import Source
from mepipe.evaluation.train import train_model
from mepipe.execution.context import Context
from mepipe.extras import require
from mepipe.features import load
from mepipe.inference.predictor import Predictor
from mepipe.run import Run
from mepipe.sample import write
from mepipe.schema import Progress

SECONDS, FPS = 2, 30
_HEIGHT, _WIDTH = 480, 640


@dataclass(frozen=True)
class Answers:
    """Seconds of CPU and of the clock that each answer took; lists are by repetition.

    Nothing is loaded in that time; ``picture`` is the drawing alone.
    """

    video: tuple[tuple[float, float], ...]
    frames: tuple[tuple[float, float], ...]
    picture: tuple[tuple[float, float], ...]


def measure(rounds: int, progress: Progress) -> Answers:
    """Train a model on a small sample, and ask it about a clip of 60 frames of 640x480.

    The sample's clips are its frames at another rate: what they show decides the
    answer and not the time.
    """
    require("train", "the benchmark of predictions")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model, frames = _model(folder, progress)
        clip = folder / "clip.mp4"
        images = _write_video(frames, clip)
        predictor = Predictor(model, progress=progress)
        asked = predictor.clip(clip)  # OpenCV and torch, too, take longer the first time
        if asked.label is None:
            raise RuntimeError(f"the made clip has no answer: {asked.reason}")
        return Answers(
            _times(lambda: predictor.clip(clip), rounds),
            _times(lambda: predictor(images, FPS), rounds),
            _times(asked.png, rounds),
        )


def _model(folder: Path, progress: Progress) -> tuple[Path, Path]:
    """Return a model that was trained in ``folder``, and the images of a clip."""
    write(folder / "sample", subjects=2, clips=3)
    config = load_config(None, ["train.epochs=1"])
    context = Context(open_store(folder / "cache"), progress=progress)
    datasets = open_datasets([str(folder / "sample")])
    Run(datasets, config, context, out=folder, until="pack").execute()
    features, out = folder / "features.h5", folder / "model.safetensors"
    train_model(
        load(features), Source.of(features), out, model=config.model, train=config.train,
        device="cpu",
    )  # fmt: skip
    return out, folder / "sample" / "s01" / "c01"


def _write_video(frames: Path, out: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Write a video of the images there, there and back until it is long enough; return it."""
    import cv2

    images = [np.asarray(cv2.imread(str(path)), np.uint8) for path in sorted(frames.iterdir())]
    shown = list(islice(cycle(images + images[::-1]), SECONDS * FPS))
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    video = cv2.VideoWriter(str(out), fourcc, FPS, (_WIDTH, _HEIGHT))
    for image in shown:
        video.write(image)
    video.release()
    return np.stack(shown)


def _times(ask: Callable[[], object], rounds: int) -> tuple[tuple[float, float], ...]:
    found = []
    for _ in range(rounds):
        cpu, clock = time.process_time(), time.perf_counter()
        ask()
        found.append((time.process_time() - cpu, time.perf_counter() - clock))
    return tuple(found)
