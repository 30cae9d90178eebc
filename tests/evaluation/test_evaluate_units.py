import csv
import json

import numpy as np
import pytest

import mepipe
from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.errors import UsageError
from mepipe.evaluation.evaluate import Evaluation
from mepipe.evaluation.evaluate_units import PreparedUnits
from mepipe.evaluation.folds import FoldJob
from mepipe.evaluation.unit_labels import MEB_UNITS, parse_units

QUICK = ["train.epochs=2", "train.members=1", "model.kernels=[2,3]", "model.width=4"]
# Of the classes of `write_features`: action units as a sheet gives them.
CELLS = ("4", "6;R12B", "1;L2?")


def coded(x, rows):
    for row in rows:
        row["au_units"] = CELLS[row["y"]]


@pytest.fixture(scope="module")
def write(write_features, tmp_path_factory):
    """Write features of 12 persons whose clips have units, three clips each, with a change."""

    def make(change=lambda x, rows: None, people=12):
        def both(x, rows):
            coded(x, rows)
            change(x, rows)

        path = tmp_path_factory.mktemp("features") / "features.h5"
        return write_features(path, people=people, size=12, change=both)

    return make


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")

    def call(path, model="svm", protocol="loso", **options):
        options = {"seeds": 1, "settings": QUICK, "device": "cpu", "cache": cache, **options}
        return mepipe.evaluate_units(path, model, protocol, **options)

    return call


@pytest.fixture(scope="module")
def features(write):
    return write()


@pytest.fixture(scope="module")
def hard(write):
    """Features whose units can hardly be told: there are errors of every kind."""

    def change(x, rows):
        x += np.random.default_rng(1).normal(0, 1.5, x.shape).astype(np.float32)

    return write(change)


def of_clips(result):
    """Return {(clip, seed): the probabilities of its units}."""
    table = result.predictions
    units = [name for name in table if name.startswith("p_")]
    return {
        (row["clip"], row["seed"]): tuple(row[name] for name in units)
        for row in table.to_dict("records")
    }


def test_units_that_move_alike_are_found_and_nothing_is_trained_twice(features, evaluate, tmp_path):
    first = evaluate(features, out=tmp_path)
    assert (first.computed, first.reused) == (12, 0)
    assert list(first.per_unit) == ["AU1", "AU2", "AU4", "AU6", "AU12"]
    assert first.mean_f1 > 0.9
    low, high = first.ci
    assert low <= first.mean_f1 <= high
    again = evaluate(features)
    assert (again.computed, again.reused) == (0, 12)
    assert again.pooled.probabilities.tobytes() == first.pooled.probabilities.tobytes()


def test_the_figures_follow_from_the_written_predictions(hard, evaluate, tmp_path):
    from sklearn.metrics import f1_score

    evaluate(hard, "tree", seeds=2, out=tmp_path, protocol="kfold", k=3)
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["kind"] == "action-units"
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 36
    figures = []
    for name, told in content["per_unit"].items():
        scores = []
        for seed in ("0", "1"):
            own = [row for row in rows if row["seed"] == seed]
            has = [int(row[name]) for row in own]
            predicted = [float(row[f"p_{name}"]) > 0.5 for row in own]
            scores.append(f1_score(has, predicted, average="binary"))
        assert told["f1"] == pytest.approx(np.mean(scores))
        assert told["tp"] + told["fn"] == 2 * told["clips"] == 24
        assert told["f1_always"] == pytest.approx(0.5)
        figures.append(told["f1"])
    assert content["mean_f1"] == pytest.approx(np.mean(figures))
    assert 0.1 < content["mean_f1"] < 0.9
    for kind in ("tp", "fp", "fn"):
        assert sum(one[kind] for one in content["per_unit"].values()) > 0


def test_clips_of_no_class_take_part_and_unknown_is_not_none(write, evaluate):
    def change(x, rows):
        rows[0] |= {"y": -1, "label": ""}
        rows[1]["au_units"] = ""
        rows[2]["group"] = ""
        rows[3]["au_units"] = "0"

    result = evaluate(write(change), "tree", protocol="kfold", k=2)
    content = result.content
    assert content["left_out"] == {"uncoded": 1, "unknown_person": 1}
    assert content["clips"] == 34
    table = result.predictions.set_index("clip")
    assert table.loc["a/p0/c0", "AU4"] == 1
    assert table.loc["a/p10/c0", ["AU1", "AU2", "AU4", "AU6", "AU12"]].sum() == 0


@pytest.mark.parametrize("model", ["svm", "spp"])
def test_permuting_the_units_of_a_held_out_person_leaves_its_predictions(
    write, features, evaluate, model
):
    def change(x, rows):
        own = [row for row in rows if row["group"] == "a/p0"]
        cells = [row["au_units"] for row in own]
        for row, cell in zip(own, [*cells[1:], cells[0]], strict=True):
            row["au_units"] = cell

    # Two persons make two folds.
    only = {"select": ["group=a/p0,b/p1"], "units": "1,4,6"}
    before = of_clips(evaluate(features, model, **only))
    after = of_clips(evaluate(write(change), model, **only))
    held_out = {key for key in before if key[0].startswith("a/p0/")}
    assert len(held_out) == 3
    assert all(after[key] == before[key] for key in held_out)
    # Elsewhere they are training labels, so the test can fail.
    assert any(after[key] != before[key] for key in before.keys() - held_out)


@pytest.mark.parametrize("model", ["svm", "spp"])
def test_shuffled_rows_change_nothing(write, features, evaluate, model):
    def change(x, rows):
        x[:] = x[::-1].copy()
        rows.reverse()

    options = {"protocol": "kfold", "k": 2}
    before = of_clips(evaluate(features, model, **options))
    assert of_clips(evaluate(write(change), model, **options)) == before


@pytest.mark.parametrize("model", ["svm", "spp"])
def test_a_unit_without_training_clips_is_never_predicted(write, evaluate, model):
    def change(x, rows):
        for row in rows:
            if row["dataset"] == "b" and row["y"] == 0:
                row["au_units"] = "17"

    result = evaluate(write(change), model, "cross-dataset", units="1,4,17")
    table = result.predictions.set_index("dataset")
    assert (table.loc["a", "p_AU4"] == 0).all()
    assert (table.loc["b", "p_AU17"] == 0).all()
    assert (table.loc["b", "p_AU4"] > 0).any()
    assert result.per_unit["AU4"]["tp"] == 0
    assert result.content["per_dataset"]["a"]["absent_units"] == [17]


def test_units_are_chosen_by_clips_and_persons_alone(write, evaluate):
    def change(x, rows):
        own = [row for row in rows if row["y"] == 0]
        for row in own[:9]:
            row["au_units"] += ";7"
        # Ten clips, but of four persons.
        for row in [row for row in rows if row["group"] in ("a/p0", "a/p2", "a/p4", "b/p1")][:10]:
            row["au_units"] += ";9"

    path = write(change)
    content = evaluate(path).content
    assert content["units"] == [1, 2, 4, 6, 12]
    why = "fewer than 10 clips or 5 subjects"
    assert content["units_left_out"] == [
        {"unit": 7, "clips": 9, "subjects": 9, "why": why},
        {"unit": 9, "clips": 10, "subjects": 4, "why": why},
    ]
    content = evaluate(path, units="7,9").content
    assert content["units"] == [7, 9]
    assert {one["why"] for one in content["units_left_out"]} == {"not named"}


def test_the_twelve_units_of_meb(features, evaluate):
    content = evaluate(features, protocol="cross-dataset", units="meb").content
    assert content["units"] == [1, 2, 4, 6, 12]
    assert [one["unit"] for one in content["units_left_out"]] == [5, 7, 9, 10, 14, 15, 17]
    assert {one["why"] for one in content["units_left_out"]} == {"no clip has it"}
    assert len(MEB_UNITS) == 12


@pytest.mark.parametrize("model", ["own_models:linear", "own_models:Nearest"])
def test_your_own_models_find_units(features, evaluate, model):
    # In a mirror, two of the made movements are nearly alike.
    settings = ["train.epochs=100", "train.members=1", "train.mirror=false"]
    found = evaluate(features, model, "cross-dataset", settings=settings)
    assert found.mean_f1 > 0.9


def test_folds_of_persons_spread_the_rarest_unit(write):
    def change(x, rows):
        for row in rows:
            if row["y"] == 2 and row["group"] in {"a/p0", "a/p2", "a/p4", "a/p6"}:
                row["au_units"] += ";15"

    evaluation = Evaluation(
        ModelSettings(name="tree"), TrainSettings(seeds=1), protocol="kfold", k=2
    )
    prepared = PreparedUnits.of(write(change), evaluation, "4,15")
    has = dict(zip(prepared.labels.clips.clip, prepared.labels.has[:, 1], strict=True))
    assert [sum(has[clip] for clip in job.test) for job in prepared.work.jobs] == [2, 2]


def test_no_interval_of_few_persons(write, evaluate):
    result = evaluate(write(people=6), units="1,4")
    assert result.ci is None
    assert "6 subjects" in result.content["ci_note"]
    json.dumps(result.content, allow_nan=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "pretrained"}, "answers classes"),
        ({"protocol": "megc2019"}, "three classes"),
        ({"settings": ['train.init="pretrained"']}, "weights of pretrained"),
        ({"units": "43"}, "no clip has one of the units 43"),
        ({"units": "features.h5"}, "names no action units"),
        ({"protocol": "best"}, "no protocol"),
        ({"select": ["group=a/p0"]}, "no action unit is in 10 clips of 5 subjects"),
        ({"select": ["group=a/p0"], "units": "1,4"}, "at least two subjects"),
    ],
)
def test_what_has_no_meaning_for_units_is_refused(features, evaluate, options, words):
    with pytest.raises(UsageError, match=words):
        evaluate(features, **options)


def test_features_without_units_say_which_datasets_have_them(write, evaluate):
    def change(x, rows):
        for row in rows:
            row["au_units"] = ""

    with pytest.raises(UsageError, match="has action units") as raised:
        evaluate(write(change))
    assert "SMIC has none" in raised.value.remedy


def test_one_recording_under_two_persons_is_refused_though_it_has_no_class(write, evaluate):
    def change(x, rows):
        rows[0] |= {"y": -1, "object": rows[-1]["object"]}

    with pytest.raises(UsageError, match="one recording under two persons"):
        evaluate(write(change))


def test_units_are_no_part_of_the_keys_of_classes():
    facts = {"model": {}, "training": {}, "recentre": False}
    job = FoldJob("a", 0, ("c1",), ("c2",), 3, **facts)
    assert "units" not in job.identity()
    other = FoldJob("a", 0, ("c1",), ("c2",), 3, **facts, units=(1, 2, 4))
    assert other.identity() == {**job.identity(), "units": (1, 2, 4)}


def test_names_of_units_in_any_spelling():
    assert parse_units("AU12, 4,4") == (4, 12)
    for text in ("", "4;12", "0", "R12"):
        with pytest.raises(UsageError):
            parse_units(text)
