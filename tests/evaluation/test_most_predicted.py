"""Each clip counts once: with the class that most seeds predicted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mepipe.evaluation.results import Predictions
from mepipe.features.splits import LabelledClips


def predictions(table, y, classes=3):
    table, count = np.array(table), len(y)
    clips = LabelledClips(
        tuple(f"d/s/{n}" for n in range(count)), ("d",) * count, ("d/s",) * count, np.array(y),
        tuple("abc"[:classes]),
    )  # fmt: skip
    return Predictions(clips, tuple(range(len(table))), np.eye(classes, dtype=np.float32)[table])


def test_the_most_frequent_class_wins_and_of_equals_the_first():
    found = predictions([[0, 2, 1], [0, 1, 2], [1, 1, 0]], [0, 1, 2])
    winners, votes = found.most_predicted()
    assert winners.tolist() == [0, 1, 0]
    assert votes.tolist() == [2, 2, 1]
    assert found.confusion_of_clips().tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


@given(st.integers(1, 5), st.integers(1, 8), st.integers(0, 99))
def test_a_confusion_of_clips_counts_each_clip_once(seeds, clips, seed):
    rng = np.random.default_rng(seed)
    found = predictions(rng.integers(0, 3, (seeds, clips)), rng.integers(0, 3, clips))
    matrix = found.confusion_of_clips()
    assert matrix.sum() == clips
    assert matrix.sum(axis=1).tolist() == found.confusions()[0].sum(axis=1).tolist()
    if seeds == 1:
        assert matrix.tolist() == found.confusions()[0].tolist()
