import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mepipe.evaluation import metrics

KNOWN = [  # PROTOCOL: matrix, UF1, UAR, macro precision, accuracy
    ([[219, 22, 9], [40, 62, 7], [21, 3, 59]], 0.7353, 0.7186, 0.7605, 0.7692),
    ([[54, 10, 6], [17, 30, 4], [14, 1, 28]], 0.6801, 0.6703, 0.7013, 0.6829),
    ([[83, 5, 0], [12, 19, 1], [2, 0, 23]], 0.8382, 0.8190, 0.8686, 0.8621),
    ([[195, 39, 16], [36, 68, 5], [12, 7, 64]], 0.7209, 0.7250, 0.7173, 0.7398),
]


@pytest.mark.parametrize(("matrix", "uf1", "uar", "precision", "accuracy"), KNOWN)
def test_published_confusion_matrices(matrix, uf1, uar, precision, accuracy):
    matrix = np.array(matrix)
    assert metrics.uf1(matrix) == pytest.approx(uf1, abs=5e-5)
    assert metrics.uar(matrix) == pytest.approx(uar, abs=5e-5)
    assert metrics.macro_precision(matrix) == pytest.approx(precision, abs=5e-5)
    assert metrics.accuracy(matrix) == pytest.approx(accuracy, abs=5e-5)
    # Swapping truth and prediction changes UAR into macro precision, and not UF1.
    assert metrics.uf1(matrix.T) == pytest.approx(metrics.uf1(matrix))
    assert metrics.uar(matrix.T) == pytest.approx(metrics.macro_precision(matrix))


@pytest.mark.parametrize(
    ("counts", "uf1"),
    [
        ((250, 109, 83), 0.2408),
        ((70, 51, 43), 0.1994),
        ((88, 32, 25), 0.2518),
        ((92, 26, 15), 0.2726),
    ],
)
def test_always_negative_on_the_composite(counts, uf1):
    y = np.repeat(np.arange(3), counts)
    floor = metrics.largest_class(metrics.confusion(y, y, 3))
    assert metrics.uf1(floor) == pytest.approx(uf1, abs=5e-5)
    assert metrics.uar(floor) == pytest.approx(1 / 3)


def test_many_matrices_at_once():
    matrices = np.array([known[0] for known in KNOWN])
    assert metrics.uf1(matrices) == pytest.approx([known[1] for known in KNOWN], abs=5e-5)
    assert metrics.accuracy(matrices) == pytest.approx([known[4] for known in KNOWN], abs=5e-5)


def test_pooled_is_not_the_mean_of_folds():
    folds = np.array([[[4, 0], [0, 1]], [[1, 3], [0, 2]]])
    assert metrics.uf1(folds.sum(axis=0)) != pytest.approx(metrics.uf1(folds).mean(), abs=0.01)


def test_a_class_without_true_clips_is_left_out_and_named():
    matrix = np.array([[3, 1, 0], [0, 0, 0], [1, 0, 5]])
    assert metrics.uar(matrix) == pytest.approx((3 / 4 + 5 / 6) / 2)
    assert metrics.uf1(matrix) == pytest.approx((6 / 8 + 10 / 11) / 2)
    assert metrics.absent(matrix, ["negative", "positive", "surprise"]) == ("positive",)
    assert np.isnan(metrics.class_f1(matrix)[1])
    assert np.isnan(metrics.uf1(np.zeros((3, 3), dtype=int)))


def test_a_class_never_predicted_has_no_precision_but_counts():
    matrix = np.array([[5, 0], [2, 0]])
    assert metrics.macro_precision(matrix) == pytest.approx(5 / 14)
    assert metrics.uf1(matrix) == pytest.approx(5 / 12)


@given(arrays(np.int64, (3, 3), elements=st.integers(0, 40)))
def test_figures_lie_between_0_and_1_and_do_not_depend_on_the_order_of_classes(matrix):
    matrix = matrix + np.eye(3, dtype=np.int64)
    order = np.array([2, 0, 1])
    for figure in (metrics.uf1, metrics.uar, metrics.accuracy, metrics.macro_precision):
        assert 0 <= figure(matrix) <= 1
        assert figure(matrix) == pytest.approx(figure(matrix[np.ix_(order, order)]))
    assert metrics.uf1(np.diag(np.diag(matrix))) == 1


def subjects(rng, count, right):
    y = rng.integers(0, 3, (count, 8))
    wrong = rng.random((count, 8)) > right
    predicted = np.where(wrong, (y + 1) % 3, y)
    matrices = [metrics.confusion(a, b, 3) for a, b in zip(y, predicted, strict=True)]
    return np.stack(matrices)[:, None]


def test_the_interval_holds_the_figure_repeats_and_narrows_with_subjects():
    rng = np.random.default_rng(0)
    few, many = subjects(rng, 10, 0.7), subjects(rng, 160, 0.7)
    one, same = metrics.subject_bootstrap(few), metrics.subject_bootstrap(few)
    assert one == same
    assert metrics.subject_bootstrap(few, seed=1) != one
    assert one.uf1[0] < metrics.uf1(few.sum(axis=(0, 1))) < one.uf1[1]
    assert one.uar[0] < metrics.uar(few.sum(axis=(0, 1))) < one.uar[1]
    narrow = metrics.subject_bootstrap(many).uf1
    assert narrow[1] - narrow[0] < (one.uf1[1] - one.uf1[0]) / 2


def test_the_interval_of_identical_subjects_is_a_point():
    same = np.tile(np.array(KNOWN[0][0]), (8, 2, 1, 1))
    interval = metrics.subject_bootstrap(same, resamples=200)
    assert interval.uf1 == pytest.approx((0.7353, 0.7353), abs=5e-5)


def test_few_subjects_give_no_interval_or_one_that_is_called_narrow():
    rng = np.random.default_rng(3)
    for count in (1, 2, 7):
        interval = metrics.subject_bootstrap(subjects(rng, count, 0.7), resamples=50)
        assert interval.uf1 is interval.uar is None
        assert f"of {count} subject" in interval.note
        assert "8 subjects or more" in interval.note
    for count in (8, 19):
        interval = metrics.subject_bootstrap(subjects(rng, count, 0.7), resamples=50)
        assert interval.uf1 is not None
        assert f"with {count} subjects" in interval.note
        assert "too narrow" in interval.note
    assert metrics.subject_bootstrap(subjects(rng, 20, 0.7), resamples=50).note == ""


def test_the_limits_are_where_the_bootstrap_covers_too_little(monkeypatch):
    # Persons differ in how well they are recognised: what the interval must cover is the
    # figure of all of them.
    rng = np.random.default_rng(0)
    y = rng.choice(3, (6000, 6), p=[0.5, 0.3, 0.2])
    right = rng.random(y.shape) < rng.uniform(0.4, 1, (len(y), 1))
    predicted = np.where(right, y, (y + rng.integers(1, 3, y.shape)) % 3)
    matrices = np.zeros((len(y), 1, 3, 3), dtype=np.int64)
    np.add.at(matrices[:, 0], (np.arange(len(y))[:, None], y, predicted), 1)
    truth = float(metrics.uf1(matrices.sum(axis=(0, 1))))
    monkeypatch.setattr(metrics, "FEWEST_SUBJECTS", 2)

    def covered(count, trials=200):
        hits = 0
        for trial in range(trials):
            some = matrices[rng.integers(0, len(matrices), count)]
            low, high = metrics.subject_bootstrap(some, resamples=200, seed=trial).uf1
            hits += low <= truth <= high
        return hits / trials

    assert covered(4) < 0.88
    assert 0.83 < covered(8) < 0.935
    assert covered(40) > 0.9
