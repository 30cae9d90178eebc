import numpy as np
import pytest
from made_features import MODEL, TRAINING, made_features

from mepipe.errors import UsageError
from mepipe.evaluation.ensemble import member_seeds
from mepipe.evaluation.fitting import fit
from mepipe.evaluation.folds import fold_jobs, run_fold
from mepipe.evaluation.tuning import (
    NETWORK_CHOICES,
    apply_candidate,
    candidates,
    choose_candidate,
    default_choices,
)
from mepipe.features.splits import LabelledClips

MADE = made_features(4, size=12)


def fitted(name, **options):
    model = {"name": name if ":" in name or name in {"svm", "tree"} else f"own_models:{name}"}
    return fit(MADE.x, MADE.y, classes=3, model={**model, **options}, training=TRAINING, seed=3)


@pytest.mark.parametrize(
    "name",
    ["svm", "tree", "Nearest", "linear", "sklearn.ensemble:RandomForestClassifier"],
)
def test_networks_and_estimators_answer_alike(name):
    probabilities = fitted(name).predict(MADE.x)
    assert probabilities.shape == (12, 3)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(12), abs=1e-5)
    assert fitted(name).predict(MADE.x).tobytes() == probabilities.tobytes()
    assert fitted(name).predict(MADE.x[:0]).shape == (0, 3)


def test_a_seed_reaches_estimators_that_draw():
    name = "sklearn.ensemble:RandomForestClassifier"
    one = fitted(name).predict(MADE.x)
    model = {"name": name}
    other = fit(MADE.x, MADE.y, classes=3, model=model, training=TRAINING, seed=4).predict(MADE.x)
    assert one.tobytes() != other.tobytes()


def test_a_class_that_an_estimator_never_saw_has_no_probability():
    some = MADE.y != 1
    model = {"name": "sklearn.linear_model:LogisticRegression"}
    trained = fit(MADE.x[some], MADE.y[some], classes=3, model=model, training=TRAINING)
    assert (trained.predict(MADE.x)[:, 1] == 0).all()
    only = fit(MADE.x[MADE.y == 2], MADE.y[MADE.y == 2], classes=3, model=model, training=TRAINING)
    assert (only.predict(MADE.x) == [0, 0, 1]).all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong_shape", r"wrong_shape returned \(6, 5\) for 6 clips"),
        ("Words", "predicted .*negative.*not a class number"),
        ("Table", r"Table returned \(12, 3\) for 12 clips"),
    ],
)
def test_a_model_that_returns_the_wrong_thing_is_named(name, words):
    with pytest.raises(UsageError, match=words) as error:
        fitted(name).predict(MADE.x)
    assert error.value.remedy


@pytest.mark.parametrize("name", ["kept", "tied"])
def test_a_factory_that_keeps_its_model_would_leak_and_is_refused(name):
    with pytest.raises(UsageError, match=f"own_models:{name} returns the same model"):
        fitted(name)


def test_networks_that_view_what_they_compute_work():
    assert fitted("viewing").predict(MADE.x).shape == (12, 3)


def test_a_network_that_answers_otherwise_when_evaluated_is_named():
    with pytest.raises(UsageError, match=r"own_models:moody returned \(2, 1\)"):
        fitted("moody").predict(MADE.x)


def test_probabilities_that_are_none_are_named():
    with pytest.raises(UsageError, match="own_models:Doubled returned probabilities"):
        fitted("Doubled").predict(MADE.x)


@pytest.mark.parametrize("name", ["Bug", "Broken"])
def test_a_bug_in_a_users_model_keeps_its_traceback_and_says_whose_it_is(name):
    with pytest.raises(ZeroDivisionError) as error:
        fitted(name)
    assert any(f"own_models:{name}" in note for note in error.value.__notes__)


def test_members_are_averaged_and_the_first_is_the_single_one():
    training = {**TRAINING, "members": 2}
    model = {**MODEL, "kernels": (2, 3), "name": "spp"}
    one = fit(MADE.x, MADE.y, classes=3, model=model, training=TRAINING, seed=5)
    two = fit(MADE.x, MADE.y, classes=3, model=model, training=training, seed=5)
    alone = [member.predict(MADE.x) for member in two.members]
    assert alone[0].tobytes() == one.predict(MADE.x).tobytes()
    assert alone[0].tobytes() != alone[1].tobytes()
    assert two.predict(MADE.x) == pytest.approx((alone[0] + alone[1]) / 2, abs=1e-6)
    seeds = [seed for n in range(200) for seed in member_seeds(n, 5)]
    assert len(set(seeds)) == 1000


def test_candidates_are_all_combinations_and_change_model_or_training():
    tries = candidates({"learning_rate": [1, 2], "model.C": [3]})
    some = ({"learning_rate": 1, "model.C": 3}, {"learning_rate": 2, "model.C": 3})
    assert tries == ({}, *some)
    assert apply_candidate({"name": "svm"}, {"epochs": 1}, tries[2]) == (
        {"name": "svm", "C": 3},
        {"epochs": 1, "learning_rate": 2},
    )


def test_every_network_has_the_same_choices_and_strangers_are_asked():
    assert default_choices("spp", ("kernels",), network=True) == NETWORK_CHOICES
    assert default_choices("ststnet", (), network=True) == NETWORK_CHOICES
    assert "model.C" in default_choices("svm", ("C", "gamma"), network=False)
    assert "model.max_depth" in default_choices("tree", ("max_depth",), network=False)
    with pytest.raises(UsageError, match="does not know what to try"):
        default_choices("x:y", (), network=False)


def tuned_jobs(made, tries, name="svm"):
    return fold_jobs(
        LabelledClips.of(made), model={"name": name}, training={}, seeds=(0,), candidates=tries
    )[0]


def test_inner_splits_choose_what_generalises():
    # A tree of one question can answer two classes at most.
    made = made_features(8, size=12)
    tries = candidates({"model.max_depth": [1, 6], "model.min_samples_leaf": [1]})
    jobs = tuned_jobs(made, tries, "tree")
    # As it is, the depth is not limited.
    assert {run_fold(job, made).chosen.get("model.max_depth", 6) for job in jobs} == {6}


def test_choosing_never_looks_at_the_held_out_person():
    tries = candidates({"model.C": [0.01, 0.3, 5.0]})
    job = tuned_jobs(MADE, tries)[1]
    before = run_fold(job, MADE)
    y, x = MADE.y.copy(), MADE.x.copy()
    test = np.isin(MADE.clip, job.test)
    y[test] = np.roll(y[test], 1)
    x[test] = 7
    changed_labels = run_fold(job, type(MADE)(**{**vars(MADE), "y": y}))
    assert changed_labels.probabilities.tobytes() == before.probabilities.tobytes()
    changed_features = run_fold(job, type(MADE)(**{**vars(MADE), "x": x}))
    assert changed_features.chosen == before.chosen


def test_nothing_is_chosen_where_nobody_can_be_held_out():
    tries = candidates({"model.C": [0.01, 5.0]})
    job = tuned_jobs(made_features(2, size=8), tries)[0]
    x = np.zeros((len(job.train), 3, 8, 8), np.float32)
    assert choose_candidate(job, x, np.zeros(len(job.train), np.int64)) == {}
