"""The public baseline of spotting in long videos: main directional maximal difference.

After Wang, Wu and Fu (Main directional maximal difference analysis for spotting
micro-expressions, 2016), and He, Wang, Li and Yap (Spotting macro- and micro-expression
intervals in long video sequences, 2020). Written from the papers' formulas: the flow and the
aligned face are mepipe's choice, everything else is theirs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.face import face_transform, find_face, warp_face
from mepipe.frames import probe_video, video_frames

Float32 = NDArray[np.float32]
Interval = tuple[int, int, int]

LENGTHS_MS = (400.0, 1300.0)  # mean lengths in CAS(ME)2: of micro- and of macro-expressions
MICRO_MS = 500.0
SIZE = 160  # px, side of the aligned face
BLOCKS = 6
DIRECTIONS = 8
THIRD = 3
P = 0.01  # how far the threshold lies from the mean to the maximum
_SEARCHED_MS = 1000.0  # from one frame that is searched for a face to the next


def mdmd(path: Path, p: float = P, widen: float = 0.0) -> list[Interval]:
    """Return the movements (onset, apex, offset) of a recording, positions of frames.

    The face is aligned by the first frame that has one. Flow is OpenCV's DIS, and its mean
    over the bridge of the nose is taken off, for the head. A pass with the length of
    micro-expressions gives those of up to 500 ms, a pass with that of macro-expressions
    the longer ones.

    Parameters
    ----------
    path
        The video.
    p, widen
        As `spotted`.
    """
    with path.open("rb") as file:
        facts = probe_video(file)
        fps = facts.fps or 30.0
        faces = _aligned((image for _, image in video_frames(file, facts=facts)), fps)
        steps = tuple(max(round(length / 2000 * fps), 2) for length in LENGTHS_MS)
        first, curves = _differences(faces, steps)
    found: list[Interval] = []
    for step, curve, micro in zip(steps, curves, (True, False), strict=True):
        for onset, apex, offset in spotted(curve, step, p, widen):
            if (1000 * (offset - onset) / fps <= MICRO_MS) == micro:
                found.append((onset + first, apex + first, offset + first))
    return sorted(found)


def mdmd_tuned(path: Path) -> list[Interval]:
    """Return what `mdmd` finds with a threshold and ends chosen for made recordings.

    Of 36 that were tried they are the best of the twelve without merging, on two recordings of
    30 s made of scikit-image's astronaut: the published threshold finds mostly noise where there
    is sensor noise.
    """
    return mdmd(path, p=0.3, widen=0.5)


def _aligned(frames: Iterator[NDArray[np.uint8]], fps: float) -> Iterator[NDArray[np.uint8] | None]:
    """Yield aligned faces, None before the first frame with a face."""
    transform = None
    every = max(round(_SEARCHED_MS / 1000 * fps), 1)
    for position, image in enumerate(frames):
        if transform is None and position % every == 0:
            face = find_face(image)
            if face is not None and not face.problem:
                transform = face_transform(face.points)
        yield None if transform is None else warp_face(image, transform, SIZE)


def _differences(
    faces: Iterator[NDArray[np.uint8] | None], steps: tuple[int, ...]
) -> tuple[int, list[NDArray[np.float64]]]:
    """Return the first frame with a face, and for each step the differences (N,) of its frames."""
    import cv2

    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    recent: deque[NDArray[np.uint8]] = deque(maxlen=2 * max(steps) + 1)
    curves: list[list[float]] = [[0.0] * step for step in steps]
    first = 0
    for face in faces:
        if face is None:
            first += 1
            continue
        recent.append(face)
        for step, curve in zip(steps, curves, strict=True):
            if len(recent) <= 2 * step:
                continue
            head, current, tail = (recent[-1 - back] for back in (2 * step, step, 0))
            flows = (_flow(flow, head, one) for one in (current, tail))
            curve.append(block_difference(*(_without_head(one) for one in flows)))
    arrays = [np.array([*curve, *[0.0] * step]) for step, curve in zip(steps, curves, strict=True)]
    return first, arrays


def _flow(engine: Any, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Float32:
    return np.asarray(engine.calc(first, second, None), np.float32)


def _without_head(flow: Float32) -> Float32:
    """Take off the mean flow over the bridge of the nose, (S, S, 2) px."""
    from mepipe.assets import template

    points = template().points[27:31] * SIZE
    x0, y0 = np.floor(points.min(axis=0)).astype(int) - 5
    x1, y1 = np.ceil(points.max(axis=0)).astype(int) + 5
    return np.asarray(flow - flow[y0:y1, x0:x1].mean(axis=(0, 1)), np.float32)


def block_difference(current: Float32, tail: Float32) -> float:
    """Return how much more the face has moved in the current frame than in the tail frame.

    In each of 6 x 6 blocks the main direction is that of most vectors of the current
    frame, among eight. Of the vectors in it, the lengths less those of the tail frame are
    sorted, and the largest third is averaged; then the largest third of the blocks.

    Parameters
    ----------
    current, tail
        (S, S, 2) flow from the head frame, px.

    Examples
    --------
    A face that has moved by 1 px and is back in the tail frame:

    >>> import numpy as np
    >>> from mepipe.bench.mdmd import block_difference
    >>> moved = np.zeros((60, 60, 2), np.float32)
    >>> moved[..., 0] = 1
    >>> block_difference(moved, np.zeros_like(moved)), block_difference(moved, moved)
    (1.0, 0.0)
    """
    side = current.shape[0] // BLOCKS
    # The length of each vector, and which of eight directions it has.
    length = np.hypot(current[..., 0], current[..., 1])
    turn = np.arctan2(current[..., 1], current[..., 0]) / (2 * np.pi) * DIRECTIONS
    direction = np.floor(turn + 0.5).astype(np.int64) % DIRECTIONS
    more = length - np.hypot(tail[..., 0], tail[..., 1])
    found = []
    for row in range(BLOCKS):
        for column in range(BLOCKS):
            block = np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side]
            here = direction[block]
            main = np.bincount(here.ravel(), minlength=DIRECTIONS).argmax()
            found.append(_top_third(more[block][here == main]))
    return _top_third(np.array(found))


def _top_third(values: NDArray[np.floating]) -> float:
    count = max(len(values) // THIRD, 1)
    return float(np.partition(values, len(values) - count)[-count:].mean())


def spotted(
    differences: NDArray[np.float64], step: int, p: float = P, widen: float = 0.0
) -> list[Interval]:
    """Return the intervals in which the differences (N,) stand out: onset, apex, offset.

    A difference is taken relative to those a step before and after; what is left above the
    threshold, mean + p (max - mean), is spotted, and frames in a row are one interval.
    Each interval grows by ``widen`` steps at both ends; those that meet become one.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.bench.mdmd import spotted
    >>> course = np.zeros(60)
    >>> course[27:32] = 1, 2, 3, 2, 1
    >>> spotted(course, 6), spotted(course, 6, widen=0.5)
    ([(27, 29, 31)], [(24, 29, 34)])
    """
    if len(differences) < 2 * step + 1:
        return []
    relative = np.zeros_like(differences)
    back = step - 1
    middle = differences[back : len(differences) - back]
    sides = differences[: len(middle)], differences[2 * back :]
    relative[back : len(differences) - back] = middle - (sides[0] + sides[1]) / 2
    relative = np.maximum(relative, 0)
    threshold = relative.mean() + p * (relative.max() - relative.mean())
    seen = relative > threshold
    alone = seen & ~np.roll(seen, 1) & ~np.roll(seen, -1)  # one frame is no interval
    grow = round(widen * step)
    above = np.flatnonzero(np.convolve(seen & ~alone, np.ones(2 * grow + 1), "same") > 0)
    if not len(above):
        return []
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1)
    return [(int(run[0]), int(run[np.argmax(relative[run])]), int(run[-1])) for run in runs]
