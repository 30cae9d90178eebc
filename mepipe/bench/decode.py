"""Benchmark of decoding videos: PyAV as mepipe uses it, against OpenCV as it did."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from mepipe.frames import VideoFacts, probe_video, video_frames
from mepipe.sample.video_files import write_video

# File, codec and pixel format of the clips that are made.
_MADE = (
    ("clip.mp4", "libx264", "yuv420p"),
    ("clip.mov", "libx264", "yuv444p"),
    ("clip.mkv", "ffv1", "bgr0"),
    ("clip.avi", "mjpeg", "yuvj420p"),
    ("clip.gif", "gif", "rgb8"),
)
_CLIP, _LARGE = (640, 480), (1920, 1080)
_FRAMES, _FPS = 90, 30


@dataclass(frozen=True)
class Row:
    """Process time and memory for one video.

    Parameters
    ----------
    name
        The file.
    frames
        How many it has.
    decode
        Every frame as an array, (ours, OpenCV's), s.
    look
        The pass that finds the facts, against OpenCV's count without pixels, s.
    peak_mb
        Peak of memory of a process that decodes every frame, (ours, OpenCV's).
    """

    name: str
    frames: int
    decode: tuple[float, float]
    look: tuple[float, float]
    peak_mb: tuple[float, float]


def measure(files: Sequence[Path], rounds: int, progress: Callable[[int, int], None]) -> list[Row]:
    """Decode each file by turns in both ways; medians of process time."""
    rows = []
    for number, path in enumerate(files):
        with path.open("rb") as file:
            facts = probe_video(file)
        ways = (
            partial(ours, path, facts),
            partial(theirs, path),
            partial(_look, path),
            partial(theirs, path, pixels=False),
        )
        times: list[list[float]] = [[] for _ in ways]
        for _ in range(rounds):
            for way, taken in zip(ways, times, strict=True):
                started = time.process_time()
                way()
                taken.append(time.process_time() - started)
        a, b, c, d = (median(taken) for taken in times)
        peaks = (_peak(path, "ours"), _peak(path, "theirs"))
        rows.append(Row(path.name, facts.count, (a, b), (c, d), peaks))
        progress(number + 1, len(files))
    return rows


def ours(path: Path, facts: VideoFacts | None = None) -> None:
    """Decode every frame as a stage does."""
    with path.open("rb") as file:
        for _ in video_frames(file, facts=facts or probe_video(file)):
            pass


def theirs(path: Path, *, pixels: bool = True) -> None:
    """Decode every frame with OpenCV on one thread, as mepipe did before."""
    import cv2

    with path.open("rb") as file:
        parameters = [cv2.CAP_PROP_N_THREADS, 1]
        capture = cv2.VideoCapture(file, cv2.CAP_FFMPEG, parameters)  # type: ignore[call-overload]
        while capture.grab():
            if pixels:
                capture.retrieve()
        capture.release()


def _look(path: Path) -> None:
    with path.open("rb") as file:
        probe_video(file)


def _peak(path: Path, way: str) -> float:
    """Return the peak of memory, MB, of a process that decodes a file."""
    code = (
        "import sys; from pathlib import Path; import cv2, av\n"
        f"from mepipe.bench.decode import {way}; from mepipe.bench.cache import own_peak_mb\n"
        f"{way}(Path(sys.argv[1])); print(own_peak_mb())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def decode_table(rows: Sequence[Row]) -> str:
    """Return the table of the rows, in Markdown."""
    lines = [
        "| video | frames | decode, s | OpenCV | ratio | look, s | OpenCV | ratio | MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        (mine, other), (look, count) = row.decode, row.look
        memory = " / ".join(f"{peak:.0f}" for peak in row.peak_mb)
        lines.append(
            f"| {row.name} | {row.frames} | {mine:.2f} | {other:.2f} | {mine / other:.2f} | "
            f"{look:.2f} | {count:.2f} | {look / count:.2f} | {memory} |"
        )
    return "\n".join(lines)


def make(folder: Path, seconds: int) -> list[Path]:
    """Write a clip of each container, 640x480, and a recording of ``seconds``, 1920x1080."""
    quick = {"preset": "ultrafast", "crf": "20"}
    made = []
    for name, codec, pixels in _MADE:
        made.append(folder / name)
        options = quick if codec == "libx264" else {}
        write_video(
            made[-1], _moving(_CLIP, _FRAMES), _FPS, codec=codec, pixels=pixels, options=options
        )
    made.append(folder / "recording.mp4")
    frames = _moving(_LARGE, seconds * _FPS)
    write_video(made[-1], frames, _FPS, codec="libx264", pixels="yuv420p", options=quick)
    return made


def _moving(size: tuple[int, int], frames: int) -> Iterator[NDArray[np.uint8]]:
    """Yield a texture that sways, with a sensor's noise."""
    import cv2

    width, height = size
    random = np.random.default_rng(0)
    base = cv2.GaussianBlur(random.uniform(0, 255, (height + 40, width + 40, 3)), (0, 0), 5)
    base = (base - base.min()) * (255 / np.ptp(base))
    noise = random.normal(0, 1.5, (height + 8, width + 8, 3)).astype(np.float32)
    for number in range(frames):
        shift = 10 + 5 * np.sin(number / 20)
        image = cv2.warpAffine(base, np.array([[1, 0, -shift], [0, 1, -10.0]]), size)
        y, x = number % 8, number * 3 % 8
        image = image + noise[y : y + height, x : x + width]
        yield np.clip(image, 0, 255).astype(np.uint8)
