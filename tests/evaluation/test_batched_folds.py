"""Folds trained as one batch: agreement, leaks, keys, storage, memory that runs out."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_features import MODEL, TRAINING, made_features, reordered

from mepipe.cache.store import open_store
from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.errors import BadDataError, SystemProblemError, UsageError
from mepipe.evaluation import batched_folds, batched_training, evaluate
from mepipe.evaluation.batched_folds import batches_of, is_batched, run_batched
from mepipe.evaluation.evaluate import Evaluation, jobs_of, on_device
from mepipe.evaluation.fold_cache import Source
from mepipe.evaluation.folds import fold_jobs, run_fold
from mepipe.evaluation.network_training import fit
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.features.splits import LabelledClips

pytestmark = pytest.mark.slow

SMALL = {**MODEL, "kernels": (2, 3)}
TWO = {**TRAINING, "members": 2}
MADE = made_features(4, size=12)


def jobs(made=MADE, seeds=(0, 1), **options):
    options = {"model": SMALL, "training": TWO, **options}
    found, _, _ = fold_jobs(LabelledClips.of(made), seeds=seeds, **options)
    return [replace(job, batched=True) for job in found]


def answers(made=MADE, some=None):
    """Return {(clip, seed): probabilities as bytes}."""
    return {
        (clip, done.seed): one.tobytes()
        for done in run_batched(some or jobs(made), made)
        for clip, one in zip(done.clip, done.probabilities, strict=True)
    }


@pytest.fixture(scope="module")
def undisturbed():
    return answers()


def of(made, predictions, group):
    clips = set(made.clip[made.group == group])
    return {key: value for key, value in predictions.items() if key[0] in clips}


def test_folds_in_a_batch_agree_with_folds_one_by_one():
    some = jobs()
    together = {(done.fold, done.seed): done for done in run_batched(some, MADE)}
    assert len(together) == len(some) == 8
    for job in some:
        alone = run_fold(job, MADE)
        done = together[job.fold, job.seed]
        assert (done.clip, done.chosen) == (alone.clip, None)
        assert done.probabilities == pytest.approx(alone.probabilities, abs=1e-3)
        assert (done.probabilities.argmax(1) == alone.probabilities.argmax(1)).all()


def test_members_start_from_the_networks_of_a_saved_model_in_turn():
    saved = [
        fit(MADE.x, MADE.y, classes=3, model=SMALL, training=TRAINING, seed=seed) for seed in (1, 2)
    ]
    start = SimpleNamespace(weights=lambda: [one.network.state_dict() for one in saved])
    some = [replace(job, start=start) for job in jobs(training={**TWO, "members": 3})[:2]]
    together = {done.fold: done.probabilities for done in run_batched(some, MADE)}
    for job in some:
        alone = run_fold(job, MADE).probabilities
        assert together[job.fold] == pytest.approx(alone, abs=1e-3)
    random = {done.fold: done.probabilities for done in run_batched(jobs()[:2], MADE)}
    assert any(np.abs(together[fold] - random[fold]).max() > 1e-2 for fold in together)


def test_permuting_the_held_out_labels_leaves_its_predictions_bit_identical(undisturbed):
    y = MADE.y.copy()
    test = MADE.group == "set/s01"
    y[test] = np.roll(y[test], 1)
    after = answers(SimpleNamespace(**{**vars(MADE), "y": y}))
    assert of(MADE, after, "set/s01") == of(MADE, undisturbed, "set/s01")
    assert of(MADE, after, "set/s00") != of(MADE, undisturbed, "set/s00")


def test_changing_a_held_out_clip_changes_no_other_prediction_of_its_fold(undisturbed):
    x = MADE.x.copy()
    x[MADE.clip == "set/s01/c2"] *= 3
    after = of(MADE, answers(SimpleNamespace(**{**vars(MADE), "x": x})), "set/s01")
    before = of(MADE, undisturbed, "set/s01")
    assert {key[0] for key in before if before[key] != after[key]} == {"set/s01/c2"}


def test_neither_rows_nor_other_folds_change_a_bit(undisturbed):
    order = np.random.default_rng(0).permutation(len(MADE.y))
    assert answers(reordered(MADE, order)) == undisturbed
    one = jobs()[5]
    clips = {(clip, one.seed) for clip in one.test}
    assert answers(some=[one]) == {key: undisturbed[key] for key in clips}


def test_memory_that_runs_out_halves_the_batch_and_says_so(undisturbed, monkeypatch, caplog):
    learn, sizes = batched_training.train_batch, []

    def small(x, y, lots, **options):
        sizes.append(len(lots))
        if len(lots) > 5:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return learn(x, y, lots, **options)

    monkeypatch.setattr(batched_training, "train_batch", small)
    assert answers() == undisturbed
    assert sizes == [16, 8, 4, 4, 4, 4]
    assert [record.message for record in caplog.records] == [
        "no memory for 16 networks at once: going on with 8",
        "no memory for 8 networks at once: going on with 4",
    ]


def test_no_memory_for_one_network_and_other_errors_end_the_evaluation(monkeypatch):
    def fails(*given, **options):
        raise RuntimeError(text)

    monkeypatch.setattr(batched_training, "train_batch", fails)
    text = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes"
    with pytest.raises(SystemProblemError, match="not enough memory to train one network"):
        list(run_batched(jobs(), MADE))
    text = "mat1 and mat2 shapes cannot be multiplied"
    with pytest.raises(RuntimeError, match="shapes"):
        list(run_batched(jobs(), MADE))


def test_bad_features_and_diverged_training_are_errors():
    x = MADE.x.copy()
    x[4, 1, 3, 3] = np.nan
    with pytest.raises(BadDataError, match="features of set/s01/c1 hold NaN"):
        list(run_batched(jobs(), SimpleNamespace(**{**vars(MADE), "x": x})))
    with pytest.raises(UsageError, match=r"training without set/s00 \(seed 0\) diverged"):
        list(run_batched(jobs(training={**TWO, "learning_rate": 1e30, "epochs": 4}), MADE))


def test_what_is_trained_in_a_batch():
    (job, *_) = jobs()
    gpu = replace(job, device="cuda")
    assert [is_batched(job, way) for way in ("auto", "always", "never")] == [False, True, False]
    assert [is_batched(gpu, way) for way in ("auto", "always", "never")] == [True, True, False]
    one_by_one = [
        {"model": {"name": "svm"}, "training": {}},
        {"model": {"name": "my_nets:make"}},
        {"candidates": ({}, {"learning_rate": 1e-3})},
        {"device": "mps"},
        {"train": job.train[:1]},
        {"train": job.train[:3], "training": {**TWO, "batch": 2}},  # the last step has one clip
    ]
    for change in one_by_one:
        assert not is_batched(replace(gpu, **change), "always"), change


def test_the_way_decides_keys_and_those_of_before_stay():
    (job, *_) = jobs()
    assert job.identity()["batched"] is True
    assert "batched" not in replace(job, batched=False).identity()
    keys = {
        way: Evaluation(ModelSettings(), TrainSettings(batched=way)).key("0" * 64)
        for way in ("auto", "always", "never")
    }
    assert len(set(keys.values())) == 3


def test_auto_is_no_part_of_the_key_of_results(monkeypatch):
    parts = {}
    monkeypatch.setattr(evaluate, "object_key", lambda *given: parts.update(given[-1]) or "")
    Evaluation(ModelSettings(), TrainSettings()).key("0" * 64)
    assert "epochs" in parts["train"]
    assert "batched" not in parts["train"]


def test_batches_of_a_cpu_are_small_and_a_gpu_takes_all():
    some = jobs(seeds=range(5))
    assert [len(batch) for batch in batches_of(some)] == [4] * 5
    assert [len(batch) for batch in batches_of([replace(job, device="cuda") for job in some])] == [
        20
    ]
    assert batches_of([]) == []
    unequal = [replace(job, train=job.train[: 8 + (number % 2)]) for number, job in enumerate(some)]
    for batch in batches_of(unequal):
        assert len({len(job.train) for job in batch}) == 1


@pytest.fixture
def run(write_features, tmp_path):
    path = write_features(tmp_path / "features.h5")

    def call(way):
        train = TrainSettings(epochs=1, seeds=1, batched=way)
        evaluation = Evaluation(ModelSettings(kernels=(2, 3), width=4), train, device="cpu")
        features, context = Features(path), Context(open_store(tmp_path / "cache"))
        work = jobs_of(features, evaluation)
        return evaluate.evaluate(features, Source.of(path), evaluation, work, context)

    return call


def test_an_evaluation_in_batches_is_kept_apart_and_agrees(run):
    alone, batched = run("never"), run("always")
    assert (alone.computed, batched.computed) == (6, 6)
    assert (run("auto").computed, run("always").computed) == (0, 0)
    assert batched.content["confusion"] == alone.content["confusion"]
    assert batched.pooled.probabilities == pytest.approx(alone.pooled.probabilities, abs=1e-3)


def test_an_interruption_loses_at_most_the_batch(run, monkeypatch):
    learn = batched_folds._trained
    batches = []

    def interrupted(x, y, lots, job):
        if batches:
            raise KeyboardInterrupt
        batches.append(len(lots))
        return learn(x, y, lots, job)

    with monkeypatch.context() as patch:
        patch.setattr(batched_folds, "_trained", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("always")
    kept = batches[0] // 2  # two networks a fold
    assert 0 < kept < 6
    again = run("always")
    assert (again.computed, again.reused) == (6 - kept, kept)


def test_the_device_decides_what_auto_means(write_features, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    features = Features(write_features(tmp_path / "features.h5"))
    for device, batched in (("cuda", True), ("cpu", False)):
        evaluation = Evaluation(ModelSettings(), TrainSettings(), device=device)
        work = on_device(jobs_of(features, evaluation), evaluation)
        assert {(job.device, job.batched) for job in work.jobs} == {(device, batched)}
