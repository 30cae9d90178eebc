"""Benchmark of the features: how much of a tensor is the expression, and what a setting adds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.bench.moving_faces import EMOTIONS, HEADS, MovingFace, moving_faces
from mepipe.config import load_config
from mepipe.config.settings import Config
from mepipe.evaluation.metrics import confusion, uf1
from mepipe.face import warp_face
from mepipe.flow import flow_tensor
from mepipe.networks.classical import rbf_svm
from mepipe.stages.flow import movement

Floats = NDArray[np.float32]

PEAKS = (0.3, 0.6, 1.2, 2.0)
RIM = 2  # cells: the two outer rings hold 27 % of 28 x 28
FEWEST_FACES = 4  # for leaving one out
RESAMPLES = 2000

BEFORE = (
    "flow.preset=opencv",
    "flow.stabilise=similarity",
    "flow.even_light=false",
    "tensor.strain_sigma=0",
    "tensor.limit=hard",
)
"""The defaults of version 1 of these settings, with which each change is compared."""
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "before": BEFORE,
    "border": (*BEFORE, "flow.border=12"),
    "smoothed strain": (*BEFORE, "tensor.strain_sigma={strain_sigma:g}"),
    "subtle": (*BEFORE, "flow.preset=subtle"),
    "even light": (*BEFORE, "flow.even_light=true"),
    "head": (*BEFORE, "flow.stabilise=head"),
    "all but head": ("flow.stabilise=similarity",),
    "all (default)": (),
}
"""Each setting alone, and together."""


@dataclass(frozen=True)
class Row:
    """One setting with one kind of head.

    Parameters
    ----------
    name, head
        Of `SETTINGS` and `mepipe.bench.moving_faces.HEADS`.
    motion, strain
        For each peak: correlation with the truth, of u with v and of strain.
    recovered
        For each peak: the share of the true u and v that is found.
    rest
        For each peak: root mean square of the error of u and v off the rim, px.
    rim
        For each peak: share of the squared strain in the two outer rings.
    uf1, gain
        Of an SVM, leaving each face out; and the difference from the first setting with
        its 95 % interval over faces. NaN with fewer than four faces.
    """

    name: str
    head: str
    motion: tuple[float, ...]
    strain: tuple[float, ...]
    recovered: tuple[float, ...]
    rest: tuple[float, ...]
    rim: tuple[float, ...]
    uf1: float
    gain: tuple[float, float, float]


def resolved(settings: Iterable[str]) -> Config:
    """Return the configuration with settings, the placeholders being of the defaults."""
    tensor = load_config().tensor
    return load_config(None, [one.format(**tensor.model_dump()) for one in settings])


def tensor_of(case: MovingFace, config: Config) -> Floats:
    """Return u, v and strain (3, S, S) of a pair as the stages compute them, px, unscaled."""
    reference = warp_face(case.frames[0], case.transform, config.flow.size)
    moved = movement(reference, case.frames[1], case.transform, config)
    return _tensor(moved.uv, config)


def truth_of(case: MovingFace, config: Config) -> Floats:
    """Return the true tensor (3, S, S) of a pair, px, unscaled."""
    exact = config.tensor.model_copy(update={"strain_sigma": 0.0})
    return _tensor(case.truth, config.model_copy(update={"tensor": exact}))


def _tensor(flow: Floats, config: Config) -> Floats:
    return flow_tensor(
        flow,
        size=config.tensor.size,
        scale="none",
        inter_ocular=template().inter_ocular * config.flow.size,
        strain_sigma=config.tensor.strain_sigma,
    )


def measure(
    photos: Path | None,
    peaks: Sequence[float] = PEAKS,
    settings: Mapping[str, Iterable[str]] = SETTINGS,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Measure every setting on every emotion, head and peak of every photograph.

    Parameters
    ----------
    photos
        Photographs of faces; None: scikit-image's astronaut.
    peaks
        Largest motion of the expressions, px of the aligned face.
    settings
        What is compared, the first being the measure of the others.
    progress
        Called with (pairs done, their total).
    """
    import cv2

    cv2.setNumThreads(1)
    configs = {name: resolved(some) for name, some in settings.items()}
    size = next(iter(configs.values())).flow.size
    found: dict[str, list[Floats]] = {name: [] for name in configs}
    truths, facts = [], []
    total = None
    for case in moving_faces(photos, peaks, size):
        truths.append(truth_of(case, next(iter(configs.values()))))
        facts.append((case.face, EMOTIONS.index(case.emotion), HEADS.index(case.head), case.peak))
        for name, config in configs.items():
            found[name].append(tensor_of(case, config))
        total = total or case.faces * len(EMOTIONS) * len(HEADS) * len(peaks)
        if progress is not None:
            progress(len(facts), total)
    return rows(found, np.stack(truths), np.array(facts), peaks)


def rows(
    found: Mapping[str, Sequence[Floats]],
    truths: Floats,
    facts: NDArray[np.float64],
    peaks: Sequence[float],
) -> list[Row]:
    """Return the rows of measured tensors.

    ``facts`` (N, 4) are face, emotion, head and peak of the N tensors and truths.
    """
    result = []
    for number, head in enumerate(HEADS):
        here = facts[:, 2] == number
        right: dict[str, NDArray[np.int64]] = {}
        for name, tensors in found.items():
            x = np.stack(tensors)
            figures = []
            for peak in peaks:
                chosen = here & (facts[:, 3] == peak)
                pairs = zip(x[chosen], truths[chosen], strict=True)
                figures.append(np.mean([_figures(a, b) for a, b in pairs], axis=0))
            motion, strain, recovered, rest, rim = (
                tuple(float(value) for value in kind) for kind in np.transpose(figures)
            )
            right[name] = _confusions(x[here], facts[here])
            gain = _gain(right[name], next(iter(right.values())))
            score = float(uf1(right[name].sum(axis=0))) if len(right[name]) else float("nan")
            result.append(Row(name, head, motion, strain, recovered, rest, rim, score, gain))
    return result


def _figures(x: Floats, truth: Floats) -> tuple[float, float, float, float, float]:
    """Return correlation of u and v, of strain, share recovered, rest and share of the rim."""
    moved, true = x[:2], truth[:2]
    square = x[2].astype(np.float64) ** 2
    inner = slice(RIM, -RIM)
    error = (moved - true)[:, inner, inner]
    return (
        float(np.corrcoef(moved.ravel(), true.ravel())[0, 1]),
        float(np.corrcoef(x[2].ravel(), truth[2].ravel())[0, 1]),
        float((moved * true).sum() / (true * true).sum()),
        float(np.sqrt((error**2).mean())),
        float(1 - square[inner, inner].sum() / square.sum()),
    )


def _confusions(x: Floats, facts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the confusions (faces, K, K) of an SVM that has not seen the face."""
    faces, y = facts[:, 0], facts[:, 1].astype(int)
    every = np.unique(faces)
    if len(every) < FEWEST_FACES:
        return np.zeros((0, len(EMOTIONS), len(EMOTIONS)), np.int64)
    # Each channel counts alike, whatever its unit.
    x = x / np.sqrt((x**2).mean(axis=(0, 2, 3), keepdims=True))
    flat = x.reshape(len(x), -1)
    result = []
    for face in every:
        out = faces == face
        machine = rbf_svm(channels=x.shape[1], size=x.shape[2]).fit(flat[~out], y[~out])
        result.append(confusion(y[out], machine.predict(flat[out]), len(EMOTIONS)))
    return np.stack(result)


def _gain(
    one: NDArray[np.int64], other: NDArray[np.int64], seed: int = 0
) -> tuple[float, float, float]:
    """Return how much higher the UF1 of one is, with its 95 % interval over faces, in pairs."""
    faces = len(one)
    if not faces:
        return (float("nan"),) * 3
    times = np.random.default_rng(seed).multinomial(
        faces, np.full(faces, 1 / faces), size=RESAMPLES
    )
    scores = [uf1(np.tensordot(times, some, axes=1)) for some in (one, other)]
    low, high = np.percentile(scores[0] - scores[1], [2.5, 97.5])
    return float(uf1(one.sum(axis=0)) - uf1(other.sum(axis=0))), float(low), float(high)


def feature_table(rows: list[Row], peaks: Sequence[float]) -> str:
    """Return the measurements as Markdown. Figures of the peaks stand side by side."""
    at = " / ".join(f"{peak:g}" for peak in peaks)
    lines = [
        f"Peaks of {at} px.",
        "",
        "| head | settings | u, v: correlation | recovered | rest, px | strain: correlation "
        "| in the rim | UF1 | more than before |",
        "|" + "---|" * 9,
    ]
    for row in rows:
        shares = (
            " / ".join(f"{value:.2f}" for value in kind) for kind in (row.motion, row.recovered)
        )
        rest = " / ".join(f"{value:.3f}" for value in row.rest)
        strain = " / ".join(f"{value:.2f}" for value in row.strain)
        rim = " / ".join(f"{value:.0%}" for value in row.rim)
        told = "" if row.uf1 != row.uf1 else f"{row.uf1:.3f}"
        gain, low, high = row.gain
        more = f"{gain:+.3f} [{low:+.3f}, {high:+.3f}]" if told and row.name != "before" else ""
        cells = (row.head, row.name, *shares, rest, strain, rim, told, more)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
