"""Benchmark of the features: how much of a tensor is the expression, and what a setting adds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.bench.moving_faces import DEGREES, EMOTIONS, HEADS, MovingFace, moving_faces
from mepipe.config import load_config
from mepipe.config.settings import Config
from mepipe.errors import UsageError
from mepipe.evaluation.fitting import fit
from mepipe.evaluation.metrics import confusion, uf1
from mepipe.extras import require
from mepipe.face import warp_face
from mepipe.flow import flow_tensor
from mepipe.networks.classical import rbf_svm
from mepipe.stages.flow import movement

Floats = NDArray[np.float32]

PEAKS = (0.3, 0.6, 1.2)
RIM = 2  # cells: the two outer rings hold 27 % of 28 x 28
FEWEST_FACES = 4  # for leaving one out
RESAMPLES = 2000
_NAN = float("nan")

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
    network_uf1, network_gain
        The same of the SPP network. NaN where it was not asked for.
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
    network_uf1: float = _NAN
    network_gain: tuple[float, float, float] = (_NAN, _NAN, _NAN)


def compared(names: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """Return the named settings of `SETTINGS`, all where none is named.

    Raises
    ------
    UsageError
        If there are none of a name.
    """
    chosen = list(names) or list(SETTINGS)
    for name in chosen:
        if name not in SETTINGS:
            raise UsageError(
                f"no settings {name!r} are compared", f"Give one of: {', '.join(SETTINGS)}."
            )
    return {name: SETTINGS[name] for name in chosen}


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
    *,
    degrees: tuple[float, float] = DEGREES,
    crf: int | None = None,
    network: bool = False,
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
    degrees, crf
        As for `mepipe.bench.moving_faces.moving_faces`.
    network
        Train the SPP network beside the SVM, too.
    """
    require("train", "the benchmark of features")
    import cv2

    cv2.setNumThreads(1)
    configs = {name: resolved(some) for name, some in settings.items()}
    size = next(iter(configs.values())).flow.size
    found: dict[str, list[Floats]] = {name: [] for name in configs}
    truths, facts = [], []
    total = None
    for case in moving_faces(photos, peaks, size, degrees=degrees, crf=crf):
        truths.append(truth_of(case, next(iter(configs.values()))))
        facts.append((case.face, EMOTIONS.index(case.emotion), HEADS.index(case.head), case.peak))
        for name, config in configs.items():
            found[name].append(tensor_of(case, config))
        total = total or case.faces * len(EMOTIONS) * len(HEADS) * len(peaks)
        if progress is not None:
            progress(len(facts), total)
    return rows(found, np.stack(truths), np.array(facts), peaks, network=network)


def rows(
    found: Mapping[str, Sequence[Floats]],
    truths: Floats,
    facts: NDArray[np.float64],
    peaks: Sequence[float],
    *,
    network: bool = False,
) -> list[Row]:
    """Return the rows of measured tensors.

    ``facts`` (N, 4) are face, emotion, head and peak of the N tensors and truths.
    """
    result = []
    for number, head in enumerate(HEADS):
        here = facts[:, 2] == number
        right: dict[str, NDArray[np.int64]] = {}
        by_network: dict[str, NDArray[np.int64]] = {}
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
            right[name] = _confusions(x[here], facts[here], _by_svm)
            told = _by_network if network else None
            by_network[name] = _confusions(x[here], facts[here], told)
            scores = [
                (_score(some[name]), gain_over(some[name], next(iter(some.values()))))
                for some in (right, by_network)
            ]
            (score, gain), (other, more) = scores
            measured = (motion, strain, recovered, rest, rim)
            result.append(Row(name, head, *measured, score, gain, other, more))
    return result


def _score(confusions: NDArray[np.int64]) -> float:
    return float(uf1(confusions.sum(axis=0))) if len(confusions) else _NAN


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


def _by_svm(x: Floats, y: NDArray[np.int64], unseen: Floats) -> NDArray[np.int64]:
    machine = rbf_svm(channels=x.shape[1], size=x.shape[2]).fit(x.reshape(len(x), -1), y)
    return np.asarray(machine.predict(unseen.reshape(len(unseen), -1)), np.int64)


def _by_network(x: Floats, y: NDArray[np.int64], unseen: Floats) -> NDArray[np.int64]:
    # One network, not the mean of two: this compares features.
    training = load_config().train.model_dump() | {"members": 1}
    model = fit(x, y, classes=len(EMOTIONS), model={"name": "spp"}, training=training)
    return np.asarray(model.predict(unseen).argmax(axis=1), np.int64)


def _confusions(
    x: Floats,
    facts: NDArray[np.float64],
    tell: Callable[[Floats, NDArray[np.int64], Floats], NDArray[np.int64]] | None,
) -> NDArray[np.int64]:
    """Return the confusions (faces, K, K) of a model that has not seen the face; none: no face."""
    faces, y = facts[:, 0], facts[:, 1].astype(int)
    every = np.unique(faces)
    if tell is None or len(every) < FEWEST_FACES:
        return np.zeros((0, len(EMOTIONS), len(EMOTIONS)), np.int64)
    # Each channel counts alike, whatever its unit.
    x = x / np.sqrt((x**2).mean(axis=(0, 2, 3), keepdims=True))
    result = []
    for face in every:
        out = faces == face
        told = tell(x[~out], y[~out], x[out])
        result.append(confusion(y[out], told, len(EMOTIONS)))
    return np.stack(result)


def gain_over(
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
    network = any(row.network_uf1 == row.network_uf1 for row in rows)
    lines = [
        f"Peaks of {at} px.",
        "",
        "| head | settings | u, v: correlation | recovered | rest, px | strain: correlation "
        "| in the rim | UF1 | more than the first |"
        + (" SPP network: UF1 | more |" if network else ""),
        "|" + "---|" * (11 if network else 9),
    ]
    for row in rows:
        shares = (
            " / ".join(f"{value:.2f}" for value in kind) for kind in (row.motion, row.recovered)
        )
        rest = " / ".join(f"{value:.3f}" for value in row.rest)
        strain = " / ".join(f"{value:.2f}" for value in row.strain)
        rim = " / ".join(f"{value:.0%}" for value in row.rim)
        scores = [(row.uf1, row.gain)] + [(row.network_uf1, row.network_gain)] * network
        told = [
            cell for score, gain in scores for cell in _told(score, gain, row.name == rows[0].name)
        ]
        cells = (row.head, row.name, *shares, rest, strain, rim, *told)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _told(score: float, gain: tuple[float, float, float], first: bool) -> tuple[str, str]:
    if np.isnan(score):
        return "", ""
    more, low, high = gain
    return f"{score:.3f}", "" if first else f"{more:+.3f} [{low:+.3f}, {high:+.3f}]"
