"""The functions that return values: evaluate, train, compare."""

import json
import logging

import pandas as pd
import pytest

from mepipe.config import load_config
from mepipe.errors import UsageError
from mepipe.evaluation.api import evaluate, train
from mepipe.evaluation.comparison_result import compare
from mepipe.evaluation.results import predictions_csv
from mepipe.features import demo_features, load

QUICK = ("train.epochs=1", "train.members=1", "model.width=4")


@pytest.fixture
def features(tmp_path):
    return demo_features(tmp_path / "features.h5")


@pytest.fixture
def run(features, tmp_path):
    def call(model="svm", **options):
        return evaluate(
            options.pop("features", features), model, cache=tmp_path / "cache",
            **{"seeds": 1, **options},
        )  # fmt: skip

    return call


def test_evaluate_returns_figures_and_writes_only_the_cache(run, tmp_path):
    result = run()
    assert result.uf1 == result.content["uf1"]
    assert result.ci == {"uf1": None, "uar": None}  # six subjects
    assert "6 subjects" in result.content["ci_note"]
    assert (result.computed, result.reused) == (6, 0)
    assert repr(result).startswith("<EvaluationResult svm, loso: UF1 0.")
    assert result.table.index.tolist() == [
        "all", "demo-a", "demo-b", "(largest class)",
        "(chance)", "(chance, 95 %)",
    ]  # fmt: skip
    assert result.table.loc["(chance, 95 %)", "uf1"] == result.chance["uf1"]["p95"]
    assert result.per_seed[0]["seed"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "features.h5"]
    assert run().reused == 6


def test_evaluate_writes_what_the_command_writes(run, tmp_path):
    result = run(out=tmp_path / "out", seeds=2)
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == result.content
    text = (tmp_path / "out" / "predictions.csv").read_text()
    assert text == predictions_csv(result.pooled)
    assert list(pd.read_csv(tmp_path / "out" / "predictions.csv")) == list(result.predictions)
    assert (tmp_path / "out" / "confusion.png").is_file()
    assert result.out == tmp_path / "out"


def test_settings_are_texts_or_a_config(run):
    first = run("svm", settings=["model.options={C = 0.5}"])
    assert first.content["settings"]["model"]["C"] == 0.5
    assert run("svm", settings=load_config(None, ["model.options={C = 0.5}"])).computed == 0


def test_progress_is_a_callback_or_the_log(run, caplog):
    told = []
    run(progress=lambda *one: told.append(one))
    assert told[0] == ("folds", 0, 6)
    assert told[-1] == ("folds", 6, 6)
    with caplog.at_level(logging.INFO, logger="mepipe"):
        run("tree")
    assert "folds: 6 of 6" in caplog.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seeds": 0}, "nothing would be trained"),
        ({"protocol": "none"}, "no protocol 'none'"),
        ({"select": ["dataset=c"]}, "no clip has dataset = c"),
        ({"settings": ["train.epoch=1"]}, "epoch"),
        ({"features": "none.h5"}, "there is no file none.h5"),
    ],
)
def test_what_cannot_be_evaluated(run, options, words):
    with pytest.raises(UsageError, match=words):
        run(**options)


def test_some_clips_of_a_file_are_named_by_select(run, features):
    some = features.select(dataset="demo-a")
    with pytest.raises(UsageError, match=r"some of the clips of .*select="):
        run(features=some)
    assert run(select=["dataset=demo-a"]).content["clips"] == 9
    assert not load(features.path).is_selection


def test_train_gives_the_saved_model_with_the_figures(features, run, tmp_path):
    options = {"settings": QUICK, "device": "cpu"}
    result = run("spp", out=tmp_path / "out", **options)
    model = train(features, tmp_path / "m.safetensors", results=result, **options)
    assert model.card["figures"]["uf1"] == result.uf1
    other = train(features.path, tmp_path / "n.safetensors", results=tmp_path / "out", **options)
    assert other.card["figures"] == model.card["figures"]
    assert (model.predict(features.x) == other.predict(features.x)).all()
    with pytest.raises(UsageError, match=r"there is no .*results\.json"):
        train(features, tmp_path / "o.safetensors", results=tmp_path, **options)


def test_compare_takes_results_and_folders(run, tmp_path):
    svm, tree = run(), run("tree", out=tmp_path / "tree")
    kept = compare({"svm": svm, "tree": tmp_path / "tree"}, resamples=199)
    assert compare({"svm": svm, "tree": tree}, resamples=199).content == kept.content
    assert kept.pairs[0].uf1.value == pytest.approx(tree.uf1 - svm.uf1)
    assert kept.table["figure"].tolist() == ["UF1", "UAR"]
    assert "tree - svm" in repr(kept)
    assert "## Differences" in kept.markdown()
    assert kept.latex().count(r"\\") == 2
    kept.write(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["clips"] == 18


def test_what_cannot_be_compared(run):
    one = run()
    with pytest.raises(UsageError, match="one model alone"):
        compare({"svm": one})
    with pytest.raises(UsageError, match="38 resamples"):
        compare({"a": one, "b": one}, resamples=38)
    with pytest.raises(UsageError, match=r"9 in common, 9 only in all \(.*--common"):
        compare({"all": one, "some": run(select=["dataset=demo-a"])})
    with pytest.raises(UsageError, match="a result in memory"):
        compare({"loso": one, "kfold": run(protocol="kfold", k=3)})
