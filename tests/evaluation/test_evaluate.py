import json
import sys

import numpy as np
import pytest

from mepipe.cache import disk
from mepipe.cache.manifest import Manifest
from mepipe.cache.store import open_store
from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.errors import BadDataError, MepipeError, SystemProblemError, UsageError
from mepipe.evaluation.ablate import ablate, write_ablation
from mepipe.evaluation.evaluate import (
    Evaluation,
    evaluate,
    jobs_of,
    write_results,
)
from mepipe.evaluation.fold_cache import Source, fold_key
from mepipe.evaluation.model_settings import describe_model, model_of
from mepipe.evaluation.train import train_model
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.networks.registry import code_digest

QUICK = TrainSettings(epochs=1, seeds=1)
SMALL = ModelSettings(kernels=(2, 3), width=4)
SVM = ModelSettings(name="svm")


@pytest.fixture
def run(tmp_path):
    def call(path, model=SVM, train=QUICK, workers=1, again=False, **options):
        features, evaluation = Features(path), Evaluation(model, train, **options)
        return evaluate(
            features,
            Source.of(path),
            evaluation,
            jobs_of(features, evaluation),
            Context(open_store(tmp_path / "cache"), jobs=workers),
            again=again,
        )

    return call


@pytest.fixture
def features(write_features, tmp_path):
    return write_features(tmp_path / "features.h5")


@pytest.mark.parametrize("protocol", ["loso", "megc2019", "kfold", "cross-dataset"])
def test_every_protocol_gives_figures_and_trains_nothing_twice(features, run, protocol):
    first = run(features, protocol=protocol, k=3)
    folds = {"loso": 6, "megc2019": 6, "kfold": 3, "cross-dataset": 2}[protocol]
    assert (first.computed, first.reused) == (folds, 0)
    assert first.content["protocol"] == protocol
    assert first.content["uf1"] > 0.9
    assert set(first.content["per_dataset"]) == {"a", "b"}
    again = run(features, protocol=protocol, k=3)
    assert (again.computed, again.reused) == (0, folds)
    assert again.pooled.probabilities.tobytes() == first.pooled.probabilities.tobytes()
    assert run(features, protocol=protocol, k=3, again=True).computed == folds


@pytest.mark.slow
@pytest.mark.parametrize("batched", ["never", "always"])
def test_workers_do_not_change_a_bit(features, run, tmp_path, batched):
    train = TrainSettings(epochs=1, seeds=1, batched=batched)
    one = run(features, SMALL, train)
    (tmp_path / "cache").rename(tmp_path / "other")
    two = run(features, SMALL, train, workers=2)
    assert two.computed == one.computed == 6
    assert one.pooled.probabilities.tobytes() == two.pooled.probabilities.tobytes()


def test_settings_of_networks_do_not_touch_estimators(features, run):
    run(features)
    assert run(features, train=TrainSettings(epochs=9, seeds=1)).computed == 0
    assert run(features, ModelSettings(name="svm", width=16)).computed == 0
    assert run(features, ModelSettings(name="svm", options={"C": 3.0})).computed == 6


def test_a_training_setting_that_came_later_is_in_no_key_until_it_is_set(features):
    def key(train):
        work = jobs_of(Features(features), Evaluation(SMALL, train))
        return work.jobs[0].training, fold_key(work.jobs[0], "digest")

    plain, level = key(QUICK), key(TrainSettings(epochs=1, seeds=1, per_clip=True))
    # What a fold's key had before there was such a setting.
    assert set(plain[0]) == {
        "epochs", "batch", "learning_rate", "weight_decay", "balance", "label_smoothing",
        "mirror", "amplitude", "shift", "members",
    }  # fmt: skip
    assert level[0] == {**plain[0], "per_clip": True}
    assert level[1] != plain[1]


def test_a_selection_trains_on_what_it_says(features, run):
    done = run(features, select=("dataset=a",))
    assert done.content["clips"] == 9
    assert done.content["select"] == ["dataset=a"]
    assert set(done.pooled.clips.dataset) == {"a"}


def test_tuning_says_what_was_chosen(features, run):
    train = TrainSettings(seeds=1, choices={"model.C": (0.001, 3.0)})
    done = run(features, train=train, tune=True)
    assert sum(one["folds"] for one in done.content["tuned"]) == 6
    assert all(set(one["choice"]) <= {"model.C"} for one in done.content["tuned"])
    again = run(features, train=train, tune=True)
    assert again.computed == 0
    assert again.content["tuned"] == done.content["tuned"]


OWN = """
from sklearn.dummy import DummyClassifier
def make():
    return DummyClassifier(strategy="constant", constant={answer})
"""


def test_a_model_of_ones_own_is_trained_again_when_its_file_changes(
    features, run, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    model = ModelSettings(name="own_constant:make")
    for answer in (0, 2):
        (tmp_path / "own_constant.py").write_text(OWN.format(answer=answer))
        sys.modules.pop("own_constant", None)
        done = run(features, model)
        assert done.computed == 6
        assert (done.pooled.predicted == answer).all()
    assert run(features, model).computed == 0
    assert len(code_digest("own_constant:make")) == 64
    assert code_digest("svm") == code_digest("no_such_module:make") == ""


def test_always_the_largest_class_of_442_clips_is_the_known_floor(
    features, run, tmp_path, write_features, monkeypatch
):
    def composite(x, rows):
        labels = [0] * 250 + [1] * 109 + [2] * 83
        for row, y in zip(rows, [*labels, -1, -1], strict=True):
            row["y"] = y

    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_floor.py").write_text(OWN.format(answer=0))
    path = write_features(tmp_path / "composite.h5", people=148, size=4, change=composite)
    done = run(path, ModelSettings(name="own_floor:make"), protocol="kfold", k=2)
    assert done.content["clips"] == 442
    assert round(done.content["uf1"], 4) == 0.2408
    assert round(done.content["uar"], 4) == 0.3333


def test_recentring_follows_what_the_file_says(write_features, run, tmp_path):
    assert not run(write_features(tmp_path / "f.h5")).content["settings"]["recentre"]
    path = write_features(tmp_path / "m.h5", scale="minmax")
    assert run(path).content["settings"]["recentre"]
    assert not run(path, ModelSettings(name="svm", recentre="never")).content["settings"][
        "recentre"
    ]


def one_class(x, rows):
    for row in rows:
        row["y"] = 1


def one_person(x, rows):
    for row in rows:
        row["group"] = "a/p0"


def out_of_range(x, rows):
    rows[4]["y"] = 7


def twins(x, rows):
    rows[4]["object"] = rows[0]["object"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (one_class, "at least two classes"),
        (one_person, "two subjects"),
        (out_of_range, "a class that is none of its classes"),
        (twins, "one recording under two persons"),
    ],
)
def test_features_that_cannot_be_evaluated_say_why(change, words, write_features, run, tmp_path):
    path = write_features(tmp_path / "bad.h5", change=change)
    with pytest.raises(MepipeError, match=words) as error:
        run(path)
    assert error.value.remedy


def test_nan_names_the_clip(write_features, run, tmp_path):
    def spoil(x, rows):
        x[3, 1, 2, 2] = np.nan

    with pytest.raises(BadDataError, match="features of a/p2/c0 hold NaN"):
        run(write_features(tmp_path / "nan.h5", change=spoil))


def test_two_clips_and_a_class_that_a_fold_lacks_are_no_error(write_features, run, tmp_path):
    def two(x, rows):
        for number, row in enumerate(rows):
            row["y"] = {0: 0, 3: 1}.get(number, -1)

    done = run(write_features(tmp_path / "two.h5", change=two))
    assert done.content["clips"] == 2
    assert done.content["uf1"] == 0.0
    assert done.content["left_out"]["unlabelled"] == 16


def test_a_device_that_is_not_there_is_an_error_only_where_it_is_needed(features, run):
    run(features, device="mps")  # an SVM knows no device
    with pytest.raises(UsageError, match="the device mps is not there"):
        run(features, SMALL, device="mps")


def test_features_that_are_swapped_meanwhile_never_enter_the_cache(
    features, write_features, run, tmp_path, monkeypatch
):
    from mepipe.evaluation import folds

    source = Source.of(features)
    other = write_features(tmp_path / "other.h5", size=8)
    learn = folds.run_fold

    def swapped(job, told):
        prediction = learn(job, told)
        other.replace(features)
        return prediction

    monkeypatch.setattr(folds, "run_fold", swapped)
    with pytest.raises(SystemProblemError, match="changed while it was evaluated"):
        run(features)
    assert open_store(tmp_path / "cache").listing("classify") == {}
    told, evaluation = Features(features), Evaluation(SVM, QUICK)
    with pytest.raises(SystemProblemError, match="changed"):
        evaluate(
            told, source, evaluation, jobs_of(told, evaluation),
            Context(open_store(tmp_path / "cache")),
        )  # fmt: skip


def test_twins_matter_only_among_the_clips_that_are_evaluated(write_features, run, tmp_path):
    path = write_features(tmp_path / "twins.h5", change=twins)
    assert run(path, select=("dataset=b",)).content["clips"] == 9


@pytest.mark.slow
def test_figures_of_another_evaluation_do_not_get_into_a_card(features, run, tmp_path):
    source, told = Source.of(features), Features(features)
    options = {"train": QUICK, "device": "cpu"}
    always = ModelSettings(**{**SMALL.model_dump(), "recentre": "always"})
    for model, tune, words in ((always, False, "recentre"), (SMALL, True, "tuning")):
        train = TrainSettings(epochs=1, seeds=1, choices={"learning_rate": (0.01,)} if tune else {})
        results = run(features, model, train, tune=tune).content
        with pytest.raises(UsageError, match=words):
            train_model(
                told, source, tmp_path / "m.safetensors", model=SMALL, results=results, **options
            )


def test_a_diverged_model_is_not_saved(features, tmp_path):
    out = tmp_path / "m.safetensors"
    train = TrainSettings(epochs=2, seeds=1, learning_rate=1e30)
    source, told = Source.of(features), Features(features)
    with pytest.raises(UsageError, match="diverged"):
        train_model(told, source, out, model=SMALL, train=train, device="cpu")
    assert not out.exists()


def test_an_ablation_needs_settings_that_fit_and_skips_what_has_no_meaning(features, tmp_path):
    from mepipe.evaluation.variants import variants

    settings = ModelSettings().model_dump()
    with pytest.raises(UsageError, match="does not fit"):
        variants(10, settings)
    names = {(row.study, row.name) for row in variants(28, {**settings, "fuse": "sum"})}
    assert ("mode", "flat, after layer 5") not in names
    flat = {**settings, "mode": "flat", "position": 5}
    assert not any("as many parameters" in row.name for row in variants(28, flat))
    # The choice of cells has a row where it makes another network, not on a 28x28 map.
    default = ModelSettings().model_dump()
    assert [row.name for row in variants(28, default) if row.study == "cells"] == ["fewest windows"]
    assert not any(row.study == "cells" for row in variants(56, default))


def test_a_full_disk_between_folds_keeps_what_is_finished(features, run, monkeypatch):
    written = []
    write = disk.write_atomic

    def full(path, data, *where, **how):
        if "classify" in str(path):
            written.append(path)
            if len(written) > 2:
                raise SystemProblemError("no space left", "Make some.")
        return write(path, data, *where, **how)

    monkeypatch.setattr(disk, "write_atomic", full)
    with pytest.raises(SystemProblemError, match="no space left"):
        run(features)
    monkeypatch.undo()
    done = run(features)
    assert (done.computed, done.reused) == (4, 2)


def test_models_are_described_before_they_are_trained():
    assert "kernel 6: 3x3" in describe_model(ModelSettings(), 28)
    assert "kernel 5: 4x4" in describe_model(ModelSettings(), 28)
    for size in (28, 56, 64, 112, 224):
        assert "warning" not in describe_model(ModelSettings(), size)
    assert "warning: kernels 5 and 6" in describe_model(ModelSettings(cells="fewest"), 28)
    assert "Liong" in describe_model(ModelSettings(name="ststnet"), 28)
    assert "your own" in describe_model(ModelSettings(name="sklearn.svm:SVC"), 28)
    with pytest.raises(UsageError, match="no module a"):
        describe_model(ModelSettings(name="a:b"), 28)
    with pytest.raises(UsageError, match="does not fit"):
        describe_model(ModelSettings(kernels=(2, 9), position=3), 28)
    with pytest.raises(UsageError, match="Did you mean 'spp'"):
        describe_model(ModelSettings(name="sppp"), 28)
    assert model_of(SVM) == {"name": "svm"}
    assert set(model_of(SMALL)) > {"name", "kernels", "mode", "fuse"}


def test_results_are_written_whole(features, run, tmp_path):
    done = run(features)
    write_results(Manifest(tmp_path / "out"), "key", done)
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["settings"]["model"] == {"name": "svm"}
    assert content["features"] == Source.of(features).digest
    assert (tmp_path / "out" / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_is_trained_on_everything_and_its_card_says_so(features, run, tmp_path):
    from mepipe.evaluation.saved_model import load_model

    source, told = Source.of(features), Features(features)
    results = run(features, SMALL).content
    out = tmp_path / "new" / "model.safetensors"
    options = {"model": SMALL, "train": QUICK, "device": "cpu"}
    card = train_model(told, source, out, results=results, **options)
    assert card["clips"] == sorted(told.clip.tolist())
    assert card["figures"]["uf1"] == results["uf1"]
    assert json.loads(out.with_suffix(".json").read_text())["features"]["sha256"] == source.digest
    model = load_model(out)
    model.check(told.settings, told.channels)
    assert model.predict(told.x).shape == (18, 3)
    other = TrainSettings(epochs=2, seeds=1)
    with pytest.raises(UsageError, match="training differ"):
        train_model(told, source, out, results=results, **{**options, "train": other})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": SVM}, "only networks can be saved"),
        ({"select": ("y=1",)}, "of 1 classes"),
        ({"out": "model.pt"}, "does not end in .safetensors"),
    ],
)
def test_what_cannot_be_saved_is_refused(change, words, features, tmp_path):
    options = {"model": SMALL, "train": QUICK, "out": "model.safetensors", **change}
    out = tmp_path / options.pop("out")
    with pytest.raises(UsageError, match=words):
        train_model(Features(features), Source.of(features), out, **options)
    assert not out.exists()


@pytest.mark.slow
def test_an_ablation_varies_the_pyramid_and_goes_on_where_it_was(write_features, tmp_path):
    features = write_features(tmp_path / "eight.h5", people=8)  # fewer are not compared
    evaluation = Evaluation(SMALL, QUICK, protocol="kfold", k=2)
    told, source = Features(features), Source.of(features)
    said = []

    def once(say=lambda row: None):
        return ablate(
            told, source, evaluation,
            Context(open_store(tmp_path / "cache")), report_row=say,
        )  # fmt: skip

    class Enough(Exception):
        pass

    def stop(row):
        said.append(row)
        if len(said) == 3:
            raise Enough

    with pytest.raises(Enough):
        once(stop)
    done = once()
    assert done.reused == 6
    assert all(0 < row.p <= row.p_holm <= 1 for row in done.rows[1:])
    assert done.rows[0].cells == "3, 2"
    studies = [row.study for row in done.rows]
    assert studies[0] == "baseline"
    assert {"without", "position", "kernels", "mode", "pool", "fuse"} == set(studies[1:])
    assert done.rows[0].difference is None
    assert all(row.difference[1] <= row.difference[2] for row in done.rows[1:])
    assert len({(row.study, row.name) for row in done.rows}) == len(done.rows)
    equal = next(row for row in done.rows if "as many parameters" in row.name)
    assert equal.parameters == done.rows[0].parameters
    write_ablation(Manifest(tmp_path / "out"), done, evaluation, source.digest, "2 folds")
    table = (tmp_path / "out" / "ablation.md").read_text()
    assert table.count("\n| ") == len(done.rows) + 1
    assert "chosen on them" in table
    level = json.loads((tmp_path / "out" / "ablation.json").read_text())["chance"]["uf1"]
    assert f"UF1 median {level['median']:.3f}, 95 % {level['p95']:.3f}" in table
    assert "with 8 subjects a 95 % interval is too narrow" in table
    assert (tmp_path / "out" / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert once().computed == 0
