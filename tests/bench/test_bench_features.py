"""What `mepipe bench features` measures, on one face; which figures it gives no test fixes."""

import numpy as np
import pytest

pytest.importorskip("skimage", reason="the face is of a photograph of scikit-image")

from mepipe.bench import features
from mepipe.bench.features import feature_table
from mepipe.bench.moving_faces import EMOTIONS, HEADS, moving_faces


@pytest.fixture(scope="module")
def cases():
    """Return a smile and a frown, each with all heads, at 0.6 px."""
    return [next(cases) for cases in [moving_faces(None, [0.6], 224)] for _ in range(6)]


def test_the_peak_is_that_of_the_truth(cases):
    assert [case.head for case in cases] == [*HEADS, *HEADS]
    for case in cases:
        assert np.hypot(*case.truth).max() == pytest.approx(0.6, abs=0.03)
        assert not np.array_equal(*case.frames)
    assert cases[0].emotion != cases[3].emotion


def test_the_truth_is_perfect_and_the_defaults_keep_the_rim_and_the_expression(cases):
    before, now = (features.resolved(some) for some in (features.BEFORE, ()))
    facts = np.array([[c.face, EMOTIONS.index(c.emotion), HEADS.index(c.head), 0.6] for c in cases])
    truths = np.stack([features.truth_of(case, now) for case in cases])
    found = {
        "before": [features.tensor_of(case, before) for case in cases],
        "now": [features.tensor_of(case, now) for case in cases],
        "truth": list(truths),
    }
    rows = features.rows(found, truths, facts, [0.6])
    assert len(rows) == len(found) * len(HEADS)
    by = {(row.name, row.head): row for row in rows}
    for head in HEADS:
        assert by["truth", head].motion == pytest.approx((1.0,))
        assert by["truth", head].recovered == pytest.approx((1.0,))
        assert np.isnan(by["now", head].uf1)
        assert by["now", head].motion[0] > by["before", head].motion[0]
        assert by["now", head].rest[0] < by["before", head].rest[0]
    assert by["now", "still"].rim[0] < 0.35 < by["before", "still"].rim[0]
    assert by["now", "still"].strain[0] > 0.7
    assert by["now", "turning"].rest[0] < 0.5 * by["before", "turning"].rest[0]
    table = feature_table(rows, [0.6]).splitlines()
    assert len(table) == 4 + len(rows)


def test_a_gain_is_in_pairs():
    right = np.stack([np.diag([3] * 4)] * 5)
    wrong = np.stack([np.full((4, 4), 1)] * 5)
    gain, low, high = features._gain(right, wrong)
    assert gain == pytest.approx(low) == pytest.approx(high) == pytest.approx(0.75)
    assert np.isnan(features._gain(right[:0], wrong[:0])).all()
