"""What `mepipe bench features` measures, on one face; which figures it gives no test fixes."""

from itertools import islice

import numpy as np
import pytest

pytest.importorskip("skimage", reason="the face is of a photograph of scikit-image")

from mepipe.bench import features
from mepipe.bench.features import feature_table
from mepipe.bench.moving_faces import EMOTIONS, HEADS, moving_faces
from mepipe.errors import UsageError

pytestmark = pytest.mark.slow


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
    gain, low, high = features.gain_over(right, wrong)
    assert gain == pytest.approx(low) == pytest.approx(high) == pytest.approx(0.75)
    assert np.isnan(features.gain_over(right[:0], wrong[:0])).all()


def test_heads_turn_as_far_as_asked():
    far = islice(moving_faces(None, [0.6], 224, degrees=(5, 5)), 3)
    near = islice(moving_faces(None, [0.6], 224), 3)
    for one, other in zip(far, near, strict=True):
        same = np.array_equal(one.frames, other.frames)
        assert same == (one.head != "turning")
        np.testing.assert_array_equal(one.truth, other.truth)


def test_coded_frames_are_the_same_faces(cases):
    coded = next(moving_faces(None, [0.6], 224, crf=23))
    assert coded.frames.shape == cases[0].frames.shape
    np.testing.assert_array_equal(coded.truth, cases[0].truth)
    apart = np.abs(coded.frames.astype(float) - cases[0].frames).mean()
    assert 0.3 < apart < 4


def test_the_network_tells_faces_that_it_has_not_seen(monkeypatch):
    monkeypatch.setattr(features, "HEADS", ("still",))
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(4), 4)
    x = rng.normal(size=(16, 3, 28, 28)).astype(np.float32) / 4
    for row, emotion in enumerate(y):
        x[row, :, 7 * emotion : 7 * emotion + 7] += 1
    facts = np.stack([np.arange(16) // 4, y, np.zeros(16), np.full(16, 0.6)], axis=1)
    truths = np.stack(list(x))
    rows = features.rows({"one": list(x)}, truths, facts, [0.6], network=True)
    assert rows[0].network_uf1 > 0.8
    assert rows[0].network_gain[0] == 0
    assert "SPP network" in feature_table(rows[:1], [0.6])


def test_settings_are_compared_by_name():
    assert list(features.compared(["before"])) == ["before"]
    assert features.compared() == dict(features.SETTINGS)
    with pytest.raises(UsageError, match="subtile"):
        features.compared(["subtile"])
