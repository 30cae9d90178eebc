"""What chance reaches: the figures of a cheap model that learned from shuffled labels.

Always answering the largest class is not what chance gives: a model that learned nothing
still spreads its answers, and its UF1 is higher. So labels are shuffled, a cheap model is
trained and tested on the same features and folds, and this is repeated; a figure below the
95th percentile of what comes out is one that labels without meaning reach, too (a
permutation test: Good, "Permutation, Parametric, and Bootstrap Tests of Hypotheses", 2005;
Ojala and Garriga, Journal of Machine Learning Research 11, 2010).

What is shuffled: within each dataset, the lists of labels of all persons are laid end to
end in a random order, and dealt out again, to each person as many as it has clips. So the
class balance of a dataset stays, and so does the tendency of a person's clips to have one
label. Clips that are alike and labels that are alike make figures vary more; labels
shuffled clip by clip would hide that, and models without a use would too often lie above
the level. Labels are not shuffled within a person alone: who has clips of one class would
keep the labels as they are, and with them the signal.

The model takes the class whose mean is nearest, in the space of the kernel of radial basis
functions that the SVM has. A balanced SVM that finds nothing in its labels uses all clips
alike, and is this model but for its offsets. Its kernel does not depend on labels: all
shuffles together are a few products of matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.evaluation import metrics

PERMUTATIONS = 500
CELLS = 14
"""Cells a side of what the model sees; finer features are averaged over cells."""
MODEL = "nearest-class-mean model"

_ROWS = 1024  # of the kernel, that are in memory at a time
_DIGITS = 9  # of a score, which is 0 to 1
_NUMBERS = 2**24  # in an array of class sums

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shuffled:
    """UF1 and UAR (P,) of P shuffles of the labels."""

    uf1: Floats
    uar: Floats


def figures_by_chance(
    x: NDArray[np.float32],
    y: Ints,
    dataset: Sequence[str],
    group: Sequence[str],
    tests: Sequence[Ints],
    *,
    classes: int,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Shuffled:
    """Return the figures of the cheap model, pooled over the folds, for each shuffle.

    Parameters
    ----------
    x
        (N, ..., S, S) inputs: normalised features.
    y, dataset, group
        Class 0 to K - 1, dataset and person of the N clips.
    tests
        The rows that each fold tests. It is trained on all others.
    classes
        K. A class without clips is left out of the figures, as everywhere.
    permutations, seed
        How many shuffles, and of which random numbers.
    """
    labels = shuffled_labels(y, dataset, group, permutations=permutations, seed=seed)
    inputs = _inputs(x)
    uf1, uar = np.empty(permutations), np.empty(permutations)
    for part in _parts(permutations, len(y) * classes):
        answers = nearest_class_mean(inputs, labels[part], tests, classes=classes)
        counts = np.stack(
            [
                metrics.confusion(truth, answer, classes)
                for truth, answer in zip(labels[part], answers, strict=True)
            ]
        )
        uf1[part], uar[part] = metrics.uf1(counts), metrics.uar(counts)
    return Shuffled(uf1, uar)


def figures_of_answers(
    answers: Ints,
    y: Ints,
    dataset: Sequence[str],
    group: Sequence[str],
    *,
    classes: int,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Shuffled:
    """Return the figures of answers (N,) that stay as they are, for each shuffle of the labels.

    For a model that learned from other clips: what it would reach if its answers had
    nothing to do with these labels. The other parameters are those of `figures_by_chance`.
    """
    labels = shuffled_labels(y, dataset, group, permutations=permutations, seed=seed)
    counts = np.stack([metrics.confusion(truth, answers, classes) for truth in labels])
    return Shuffled(metrics.uf1(counts), metrics.uar(counts))


def _parts(permutations: int, numbers: int) -> Iterator[slice]:
    step = max(1, _NUMBERS // numbers)
    for start in range(0, permutations, step):
        yield slice(start, min(start + step, permutations))


def shuffled_labels(
    y: Ints, dataset: Sequence[str], group: Sequence[str], *, permutations: int, seed: int = 0
) -> Ints:
    """Return (P, N) shuffles of the labels (N,): dealt out again among the persons of a dataset.

    >>> y, people = np.array([0, 0, 1, 2]), ["a", "a", "b", "b"]
    >>> shuffled_labels(y, ["d"] * 4, people, permutations=2).tolist()
    [[0, 0, 1, 2], [2, 1, 0, 0]]
    """
    draw = np.random.default_rng(seed)
    datasets, groups = np.asarray(dataset), np.asarray(group)
    people = [
        [np.flatnonzero(here & (groups == person)) for person in np.unique(groups[here])]
        for here in (datasets == name for name in np.unique(datasets))
    ]
    out = np.empty((permutations, len(y)), dtype=np.int64)
    for row in out:
        for some in people:
            lists = [draw.permutation(y[some[number]]) for number in draw.permutation(len(some))]
            row[np.concatenate(some)] = np.concatenate(lists)
    return out


def _inputs(x: NDArray[np.float32]) -> Floats:
    """Return (N, D) inputs scaled for the kernel: the means of at most 14 x 14 cells."""
    side = x.shape[-1]
    edges = np.linspace(0, side, min(CELLS, side) + 1).round().astype(np.int64)
    cells = x.astype(np.float64)
    for axis in (-2, -1):
        cells = np.add.reduceat(cells, edges[:-1], axis=axis)
    sizes = np.diff(edges)
    flat = (cells / np.outer(sizes, sizes)).reshape(len(x), -1)
    spread = np.sqrt(flat.shape[1] * flat.var())  # the SVM's gamma = "scale"
    scaled: Floats = flat / spread if spread > 0 else flat
    return scaled


def nearest_class_mean(
    inputs: Floats, labels: Ints, tests: Sequence[Ints], *, classes: int
) -> Ints:
    """Return the answers (P, N) to all clips, each by the class means of the other folds.

    In the space of the kernel, the distance of a clip from the mean of a class is
    made of the mean of its kernel with the clips of the class, and of the mean of
    the kernel among these.

    Parameters
    ----------
    inputs
        (N, D).
    labels
        (P, N), one row for each training.
    tests
        The rows that each fold tests.
    classes
        K. A class without training clips is never the answer.
    """
    shuffles, clips = labels.shape
    # One column for each shuffle and class: which clips are of it.
    member = (labels.T[:, :, None] == np.arange(classes)).reshape(clips, -1).astype(np.float64)
    alike = _kernel_times(inputs, inputs, member)
    among, count = (member * alike).sum(axis=0), member.sum(axis=0)
    out = np.empty((shuffles, clips), dtype=np.int64)
    for rows in tests:
        # What the tested clips have added is taken away: the rest is what was trained on.
        own = member[rows]
        within = _kernel_times(inputs[rows], inputs[rows], own)
        known = count - own.sum(axis=0)
        left = among - 2 * (own * alike[rows]).sum(axis=0) + (own * within).sum(axis=0)
        divisor = np.maximum(known, 1)
        score = (alike[rows] - within) / divisor - 0.5 * left / divisor**2
        # Means that are equally near must stay so, whatever the order of the additions was.
        score = score.round(_DIGITS)
        score[:, known == 0] = -np.inf
        out[:, rows] = score.reshape(len(rows), shuffles, classes).argmax(axis=2).T
    return out


def _kernel_times(some: Floats, others: Floats, columns: Floats) -> Floats:
    """Return the kernel of two sets of inputs times ``columns``; never all of it in memory."""
    squares = (others**2).sum(axis=1)
    out = np.empty((len(some), columns.shape[1]))
    for start in range(0, len(some), _ROWS):
        few = some[start : start + _ROWS]
        apart = (few**2).sum(axis=1)[:, None] + squares - 2 * few @ others.T
        out[start : start + _ROWS] = np.exp(-np.maximum(apart, 0)) @ columns
    return out
