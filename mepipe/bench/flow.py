"""Benchmark of the flow engines: time, difference from OpenCV, error against the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.bench.faces import Grey, Pair, aligned_faces, pairs, still_pairs
from mepipe.flow import PRESETS, Tvl1Settings, tvl1
from mepipe.flow.engine import tvl1_counted
from mepipe.flow.opencv import tvl1_opencv

Floats = NDArray[np.float32]
Engine = Callable[[Grey, Grey], Floats]

SIZES = (64, 128, 224, 256)
PEAKS = (0.3, 0.6, 1.2, 3.0)
RIM = 8  # px: there TV-L1 reads zeros from outside, so rounding changes the result


@dataclass(frozen=True)
class Row:
    """The measurements of one engine at one size. Lengths in px, times in ms."""

    size: int
    engine: str
    ms: float
    ratio: float
    ns: float
    difference: tuple[float, float, float, float]
    error: float
    recovered: tuple[float, ...]
    noise: float
    forward_backward: float


def engines() -> dict[str, Engine]:
    """Return the engines by name, the reference first."""
    return {
        "OpenCV TV-L1": tvl1_opencv,
        "mepipe": tvl1,
        "mepipe, subtle": lambda a, b: tvl1(a, b, PRESETS["subtle"]),
        "DIS": _dis,
        "Farneback": _farneback,
    }


def _dis(reference: Grey, moving: Grey) -> Floats:
    import cv2

    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = solver.calc(reference, moving, np.zeros((0, 0), np.float32))
    return np.asarray(np.moveaxis(flow, 2, 0), np.float32)


def _farneback(reference: Grey, moving: Grey) -> Floats:
    import cv2

    nothing = np.zeros((*reference.shape, 2), np.float32)
    flow = cv2.calcOpticalFlowFarneback(reference, moving, nothing, 0.5, 5, 13, 10, 5, 1.1, 0)
    return np.asarray(np.moveaxis(flow, 2, 0), np.float32)


def measure(
    photos: Path | None,
    sizes: Sequence[int] = SIZES,
    rounds: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Measure every engine in this process on one thread, in turns.

    Parameters
    ----------
    photos
        Photographs of faces; None: scikit-image's astronaut.
    sizes
        Sides of the aligned face, px.
    rounds
        Timings of each engine on each of a few pairs. The median is used.
    progress
        Called with (measurements done, their total). One measurement is an engine at a size.
    """
    import cv2

    # mepipe runs one thread per worker, so this is the speed that a run has.
    cv2.setNumThreads(1)
    rows: list[Row] = []
    for size in sizes:
        faces = aligned_faces(photos, size)
        moved = {peak: list(pairs(faces, peak, seed=int(10 * peak))) for peak in PEAKS}
        still = list(still_pairs(faces, seed=5))
        timed = [moved[peak][0] for peak in PEAKS]
        flows = {
            name: {peak: [engine(p.reference, p.moving) for p in moved[peak]] for peak in PEAKS}
            for name, engine in engines().items()
        }
        times = _times(timed, rounds)
        for name, engine in engines().items():
            rows.append(
                Row(
                    size=size,
                    engine=name,
                    ms=1000 * times[name],
                    ratio=times["OpenCV TV-L1"] / times[name],
                    ns=1e9 * times[name] / _work(timed) if name == "mepipe" else float("nan"),
                    difference=_difference(flows[name], flows["OpenCV TV-L1"]),
                    error=_mean_error(flows[name], moved),
                    recovered=tuple(_recovered(flows[name][peak], moved[peak]) for peak in PEAKS),
                    noise=float(np.mean([_length(engine(p.reference, p.moving)) for p in still])),
                    forward_backward=_forward_backward(engine, moved[PEAKS[2]][:4]),
                )
            )
            if progress is not None:
                progress(len(rows), len(sizes) * len(engines()))
    return rows


def _times(timed: Sequence[Pair], rounds: int) -> dict[str, float]:
    """Return the median process time of a pair in s, by engine."""
    found: dict[str, list[float]] = {name: [] for name in engines()}
    for _ in range(rounds):
        for pair in timed:
            # In turns, so that a change of the clock rate affects all engines alike.
            for name, engine in engines().items():
                begun = time.process_time()
                engine(pair.reference, pair.moving)
                found[name].append(time.process_time() - begun)
    return {name: float(np.median(some)) for name, some in found.items()}


def _work(timed: Sequence[Pair]) -> float:
    """Return the median number of pixel iterations of a pair."""
    return float(
        np.median([work for p in timed for _, work in tvl1_counted(p.reference, [p.moving])])
    )


def _difference(
    flows: dict[float, list[Floats]], reference: dict[float, list[Floats]]
) -> tuple[float, float, float, float]:
    """Return mean, 99th percentile, the same off the rim, and maximum of the difference."""
    lengths = np.stack(
        [
            np.hypot(*(a - b))
            for peak in flows
            for a, b in zip(flows[peak], reference[peak], strict=True)
        ]
    )
    inner = lengths[:, RIM:-RIM, RIM:-RIM]
    return (
        float(lengths.mean()),
        float(np.quantile(lengths, 0.99)),
        float(np.quantile(inner, 0.99)),
        float(lengths.max()),
    )


def _mean_error(flows: dict[float, list[Floats]], moved: dict[float, list[Pair]]) -> float:
    return float(
        np.mean(
            [
                np.hypot(*(flow - pair.truth)).mean()
                for peak in flows
                for flow, pair in zip(flows[peak], moved[peak], strict=True)
            ]
        )
    )


def _recovered(flows: Sequence[Floats], moved: Sequence[Pair]) -> float:
    """Return the share of the motion that is found where it exceeds half of its peak."""
    shares = []
    for flow, pair in zip(flows, moved, strict=True):
        length = np.hypot(*pair.truth)
        top = length > 0.5 * length.max()
        shares.append((flow * pair.truth).sum(axis=0)[top].sum() / (length[top] ** 2).sum())
    return float(np.mean(shares))


def _length(flow: Floats) -> float:
    return float(np.hypot(*flow).mean())


def _forward_backward(engine: Engine, some: Sequence[Pair]) -> float:
    """Return the mean of |f(x) + b(x + f(x))|."""
    import cv2

    found = []
    for pair in some:
        there, back = engine(pair.reference, pair.moving), engine(pair.moving, pair.reference)
        y, x = np.mgrid[: there.shape[1], : there.shape[2]].astype(np.float32)
        returned = [
            cv2.remap(
                part, x + there[0], y + there[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            for part in back
        ]
        found.append(np.hypot(there[0] + returned[0], there[1] + returned[1]).mean())
    return float(np.mean(found))


@dataclass(frozen=True)
class Setting:
    """One point of the trade-off: the recovered share of 0.6 px, and the flow of noise alone."""

    settings: Tvl1Settings
    recovered: float
    noise: float


def trade_off(
    photos: Path | None, size: int = 224, progress: Callable[[int, int], None] | None = None
) -> list[Setting]:
    """Return recovered motion and noise floor over a grid around both presets.

    ``progress`` is called with (settings done, their total).
    """
    faces = aligned_faces(photos, size)
    moved, still = list(pairs(faces, 0.6, seed=6)), list(still_pairs(faces, seed=5))
    grid = [
        replace(base, theta=theta, lambda_=lambda_, epsilon=epsilon)
        for base in (PRESETS["opencv"], PRESETS["subtle"])
        for theta in (0.05, 0.1, 0.2, 0.3)
        for lambda_ in (0.15, 0.2, 0.3, 0.45)
        for epsilon in (0.01, 0.003)
    ]
    every = list(dict.fromkeys([*PRESETS.values(), *grid]))
    points = []
    for one in every:
        recovered = _recovered([tvl1(p.reference, p.moving, one) for p in moved], moved)
        noise = float(np.mean([_length(tvl1(p.reference, p.moving, one)) for p in still]))
        points.append(Setting(one, recovered, noise))
        if progress is not None:
            progress(len(points), len(every))
    return points
