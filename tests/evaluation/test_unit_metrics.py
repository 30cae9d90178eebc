import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.evaluation.unit_metrics import (
    binary_f1,
    mean_f1,
    unit_bootstrap,
    unit_counts,
)

ANSWERS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


@given(ANSWERS)
def test_binary_f1_is_that_of_scikit_learn(pairs):
    from sklearn.metrics import f1_score

    has, predicted = (np.array(one)[:, None] for one in zip(*pairs, strict=True))
    (found,) = binary_f1(unit_counts(has, predicted))
    if has.any():
        assert found == pytest.approx(
            f1_score(has[:, 0], predicted[:, 0], average="binary", zero_division=0)
        )
    else:
        assert np.isnan(found)


def test_the_mean_is_over_the_units_that_clips_have():
    counts = [[2, 0, 0], [0, 0, 4], [0, 5, 0]]
    assert mean_f1(counts) == 0.5
    assert np.isnan(mean_f1([[0, 5, 0]]))


def test_the_interval_holds_the_figure_and_narrows_with_more_persons():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, (160, 2, 3, 3))
    widths = []
    for people in (10, 160):
        some = counts[:people]
        (low, high), note = unit_bootstrap(some, resamples=500)
        assert bool(note) == (people < 20)
        assert low <= mean_f1(some.sum(axis=0)).mean() <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
    assert unit_bootstrap(counts[:10], resamples=500) == unit_bootstrap(counts[:10], resamples=500)
    interval, note = unit_bootstrap(counts[:7])
    assert interval is None
    assert "7 subjects" in note
