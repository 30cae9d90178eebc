"""Benchmark of spotting in videos of still and of moving faces: rates, lengths and codecs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.frames import FrameReader, Timing, probe_video
from mepipe.sample.movement import EXPRESSIONS, displacement
from mepipe.sample.photos import Photo, load_photos
from mepipe.sample.video_files import write_video
from mepipe.stages import STAGES, Upstream

RATES = (25, 30, 50, 100, 200)
SECONDS = (1, 2, 5, 10)
MOST_FRAMES = 500  # of a clip
# A codec, and its options: lossless, and H.264 with a key frame twice a second.
CODINGS = {"lossless": ("ffv1", {}), "crf 18": ("libx264", {"crf": "18"}),
           "crf 28": ("libx264", {"crf": "28"})}  # fmt: skip
NOISE = (1.0, 2.0)  # grey levels, from clip to clip
AMPLITUDE = (1.0, 2.0)  # px, of a moving face
EYES = 110.0  # px between them
_SIZE = (304, 288)
_NOSE = (144.0, 150.0)

Frames = Iterator[NDArray[np.uint8]]


@dataclass(frozen=True)
class Cell:
    """How many clips of one kind were called movement: ``still`` and ``moving``, of ``clips`` each.

    ``fps`` is frames per second, ``coding`` a name of `CODINGS`.
    """

    fps: int
    seconds: int
    coding: str
    clips: int
    still: int
    moving: int


def measure(
    photos: Path | None = None,
    *,
    clips: int = 4,
    seed: int = 0,
    sway: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Cell]:
    """Spot in videos of faces that move by 1 to 2 px, or not at all, as a run does.

    Parameters
    ----------
    photos
        As `mepipe.sample.write`.
    clips
        Still and moving ones of each rate, length and coding; of at most 500 frames.
    seed
        Of the noise and the movements.
    sway
        How far the head sways to either side, px.
    progress
        Called with (cells done, cells in all) after each.
    """
    faces = [_framed(photo) for photo in load_photos(photos)]
    kinds = [
        (fps, seconds, coding)
        for fps in RATES for seconds in SECONDS for coding in CODINGS
        if fps * seconds <= MOST_FRAMES
    ]  # fmt: skip
    cells = []
    for done, (fps, seconds, coding) in enumerate(kinds, start=1):
        called = [0, 0]
        for number in range(clips):
            for moves in (False, True):
                rng = np.random.default_rng([seed, done, number, moves])
                image, points = faces[int(rng.integers(len(faces)))]
                frames = _frames(rng, image, points, fps, seconds, moves, sway)
                called[moves] += _called(frames, fps, coding)
        cells.append(Cell(fps, seconds, coding, clips, *called))
        if progress is not None:
            progress(done, len(kinds))
    return cells


def _framed(photo: Photo) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the face with 110 px between the eyes, and its landmarks."""
    import cv2

    eyes = photo.landmarks[42:48].mean(axis=0) - photo.landmarks[36:42].mean(axis=0)
    scale = EYES / float(np.hypot(*eyes))
    shift = np.array(_NOSE) - scale * photo.landmarks[27:36].mean(axis=0)
    image = photo.image
    if scale < 0.6:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    way = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    framed = cv2.warpAffine(
        image, way, _SIZE[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(framed, np.float32), photo.landmarks * scale + shift


def course(rng: np.random.Generator, fps: int, seconds: int) -> NDArray[np.float64]:
    """Draw the share (N,) of a movement: it rises in 70 to 330 ms and keeps up to .4 of itself."""
    times = np.arange(fps * seconds) * 1000 / fps
    rise = np.exp(rng.uniform(np.log(70), np.log(330)))
    fall = np.clip(rise * np.exp(rng.uniform(-0.7, 0.7)), 60, 450)
    hold = rng.uniform(0, 150)
    room = seconds * 1000 - rise - fall - hold
    lead = rng.uniform(0.1, 0.8) * room
    left = rng.uniform(0.1, 0.4) if rng.random() < 0.4 else rng.uniform(0, 0.06)
    up = np.sin(np.pi / 2 * np.clip((times - lead) / rise, 0, 1)) ** 2
    down = np.sin(np.pi / 2 * np.clip((lead + rise + hold + fall - times) / fall, 0, 1)) ** 2
    share = up * (left + (1 - left) * down)
    return np.asarray(share / share.max(), np.float64)


def swaying(rng: np.random.Generator, fps: int, seconds: int, size: float) -> NDArray[np.float64]:
    """Draw the shift (N, 2) of a head that sways by ``size`` px, with periods of .5 to 4 s."""
    times = np.arange(fps * seconds)[:, None, None] / fps
    periods = np.exp(rng.uniform(np.log(0.5), np.log(4), (2, 3)))
    phases = rng.uniform(0, 2 * np.pi, (2, 3))
    waves = np.sin(2 * np.pi * times / periods + phases) @ rng.uniform(0.4, 1, 3)
    return np.asarray(size * waves / np.abs(waves).max(axis=0), np.float64)


def _frames(
    rng: np.random.Generator,
    image: NDArray[np.float32],
    points: NDArray[np.float64],
    fps: int,
    seconds: int,
    moves: bool,
    sway: float,
) -> Frames:
    import cv2

    share = course(rng, fps, seconds) if moves else np.zeros(fps * seconds)
    expressions = [one for group in EXPRESSIONS.values() for one in group]
    expression = expressions[int(rng.integers(len(expressions)))]
    field = displacement(expression, points, _SIZE, rng=rng) * np.float32(rng.uniform(*AMPLITUDE))
    noise = np.float32(rng.uniform(*NOISE))
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]].astype(np.float32)
    head = swaying(rng, fps, seconds, sway).astype(np.float32)
    for part, (right, down) in zip(share.astype(np.float32), head, strict=True):
        shown = image
        if part > 0 or sway:
            at = (x - right - part * field[..., 0], y - down - part * field[..., 1])
            shown = np.asarray(
                cv2.remap(image, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.float32
            )
        noisy = shown + noise * rng.standard_normal(shown.shape, dtype=np.float32)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _called(frames: Frames, fps: int, coding: str) -> bool:
    """Return whether a video of the frames shows a movement, by the stages of a run."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "clip.mkv"
        _encode(path, frames, fps, coding)
        with path.open("rb") as file:
            facts = probe_video(file)
        reader = FrameReader((path,), facts.count, facts, lambda _: None)
        clip = ClipInput(reader, Timing(float(fps)))
        face = STAGES[0].compute(clip, Config(), Upstream({}, lambda _: {}))
        upstream = Upstream({"face": face.values}, lambda _: {})
        return bool(STAGES[1].compute(clip, Config(), upstream).values["movement"])


def _encode(path: Path, frames: Frames, fps: int, coding: str) -> None:
    codec, options = CODINGS[coding]
    pixels = "bgr0" if codec == "ffv1" else "yuv420p"
    group = max(fps // 2, 1)
    write_video(path, frames, fps, codec=codec, pixels=pixels, options=options, group=group)


def still_table(cells: list[Cell]) -> str:
    """Return the shares of clips that were called movement as Markdown: still / moving."""
    codings = list(dict.fromkeys(cell.coding for cell in cells))
    lines = ["| fps | s | " + " | ".join(codings) + " |", "|" + "---|" * (2 + len(codings))]
    for fps, seconds in dict.fromkeys((cell.fps, cell.seconds) for cell in cells):
        here = {c.coding: c for c in cells if (c.fps, c.seconds) == (fps, seconds)}
        shares = [
            f"{here[coding].still / here[coding].clips:.0%} / "
            f"{here[coding].moving / here[coding].clips:.0%}"
            for coding in codings
        ]
        lines.append(f"| {fps} | {seconds} | {' | '.join(shares)} |")
    return "\n".join(lines)
