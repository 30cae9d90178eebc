"""A saved model on anybody's features: nothing is trained."""

import hashlib
import json

import numpy as np
import pytest

import mepipe
from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.errors import BadDataError, DamageError, UsageError
from mepipe.evaluation.evaluate_saved import SavedEvaluation
from mepipe.evaluation.fold_cache import Source
from mepipe.evaluation.saved_model import load_model
from mepipe.evaluation.train import train_model
from mepipe.features import Features

SMALL = ModelSettings(kernels=(2, 3), width=4)
QUICK = TrainSettings(epochs=1, members=1)


@pytest.fixture
def features(write_features, tmp_path):
    return write_features(tmp_path / "features.h5", size=28)


@pytest.fixture
def trained(tmp_path):
    def train(path, out="own.safetensors", train=QUICK, **options):
        out = tmp_path / out
        source = Source.of(path)
        train_model(Features(path), source, out, model=SMALL, train=train, device="cpu", **options)
        return out

    return train


def measured(path, name="pretrained", **options):
    return SavedEvaluation.of(path, ModelSettings(name=str(name)), **options)


def other_people(x, rows):
    for row in rows:
        row["clip"], row["group"] = f"other/{row['clip']}", f"other/{row['group']}"


def test_every_labelled_clip_is_predicted_by_the_model_as_it_is(features, pretrained):
    done = measured(features).run()
    given = Features(features)
    order = np.argsort(given.clip)
    expected = load_model("pretrained").predict(given.x[order])
    assert done.pooled.probabilities[0].tobytes() == expected.tobytes()
    assert (done.computed, done.reused, done.content["folds"]) == (0, 0, 0)
    assert done.content["protocol"] == "none"
    assert done.content["model"] == "pretrained"
    assert done.content["seen"] == []
    assert (done.content["clips"], done.content["subjects"]) == (18, 6)
    assert done.ci["uf1"] is None
    assert "6 subjects" in done.content["ci_note"]
    level = done.content["chance"]["uf1"]
    assert 0.1 < level["median"] <= level["p95"] < 0.6
    assert level["above"] == (done.uf1 > level["p95"])
    assert len(done.content["settings"]["saved"]) == 64
    assert "made movements only" in done.about


def test_the_same_from_the_door_with_its_files(features, pretrained, tmp_path):
    out = tmp_path / "out"
    done = mepipe.evaluate(features, "pretrained", out=out, select=["dataset=a"], device="cpu")
    assert done.content["clips"] == 9
    content = json.loads((out / "results.json").read_text())
    assert content["uf1"] == done.uf1
    assert (out / "confusion.png").is_file()
    rows = (out / "predictions.csv").read_text().splitlines()
    assert len(rows) == 10


@pytest.mark.parametrize("options", [{"seeds": 2}, {"tune": True}, {"protocol": "megc2019"}])
def test_folds_have_no_meaning_for_a_trained_model(options, features, pretrained):
    with pytest.raises(UsageError, match="is measured without training"):
        mepipe.evaluate(features, "pretrained", **options)


def test_min_max_scaled_features_need_recentring_alone(write_features, pretrained, tmp_path):
    def minmax(x, rows):
        low, high = x.min(axis=(2, 3), keepdims=True), x.max(axis=(2, 3), keepdims=True)
        x[:] = (x - low) / (high - low)

    path = write_features(tmp_path / "minmax.h5", size=28, scale="minmax", change=minmax)
    prepared = measured(path)
    normalise = prepared.ensemble.members[0].normalise
    assert normalise.recentre
    assert normalise.per_clip
    assert any("the median of u and of v" in note for note in prepared.notes)
    assert not any("another unit" in note for note in prepared.notes)
    never = SavedEvaluation.of(path, ModelSettings(name="pretrained", recentre="never"))
    assert not never.ensemble.members[0].normalise.recentre
    assert never.key != prepared.key


def test_another_unit_brings_each_clip_to_the_size_that_the_model_knows(
    write_features, trained, features, tmp_path
):
    def pixels(x, rows):
        other_people(x, rows)
        x *= np.linspace(1, 30, len(x), dtype=np.float32)[:, None, None, None]

    model = trained(features)
    path = write_features(tmp_path / "px.h5", size=28, scale="none", change=pixels)
    prepared = measured(path, model)
    assert any("another unit" in note for note in prepared.notes)
    inputs = prepared.ensemble.members[0].normalise(Features(path).x)
    assert np.mean(np.square(inputs[:, :2]), axis=(1, 2, 3)) == pytest.approx(1, rel=1e-3)
    assert np.isfinite(prepared.run().pooled.probabilities).all()
    same = write_features(tmp_path / "same.h5", size=28, change=other_people)
    plain = measured(same, model)
    assert not plain.ensemble.members[0].normalise.per_clip
    assert plain.notes == ()


def test_other_settings_are_no_reason_to_refuse_but_are_said(features, pretrained):
    (note,) = measured(features).notes
    assert note.startswith("these features were made with other settings than those of the train")
    assert "and " in note
    assert note.endswith(" more")


def test_imported_features_are_measured_and_said_to_be_that(pretrained, tmp_path):
    prepared = measured(mepipe.features.demo_features(tmp_path / "demo.h5").path)
    assert any("imported" in note for note in prepared.notes)
    assert prepared.run().content["clips"] == 18


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 12}, "takes features of 3 x 28 x 28, and these are 3 x 12 x 12"),
        ({"classes": 1, "people": 1}, None),
    ],
)
def test_another_shape_is_refused_and_one_person_is_enough(
    change, words, write_features, pretrained, tmp_path
):
    path = write_features(tmp_path / "f.h5", **{"size": 28, **change})
    if words is None:
        assert measured(path).run().content["clips"] == 3
        return
    with pytest.raises(UsageError, match=words) as error:
        measured(path)
    assert "tensor.size=28" in error.value.remedy


def test_other_classes_and_channels_are_refused(features, pretrained, monkeypatch):
    class Other(Features):
        def __init__(self, path):
            super().__init__(path)
            self.classes = ("surprise", "negative", "positive")

    monkeypatch.setattr("mepipe.evaluation.evaluate_saved.Features", Other)
    with pytest.raises(UsageError, match="knows the classes negative, positive, surprise, and"):
        measured(features)

    class Less(Features):
        def __init__(self, path):
            super().__init__(path)
            self.channels = ("v", "u", "strain")

    monkeypatch.setattr("mepipe.evaluation.evaluate_saved.Features", Less)
    with pytest.raises(UsageError, match="takes the channels u, v, strain"):
        measured(features)


def test_a_model_is_not_measured_on_what_it_was_trained_on(
    features, trained, write_features, tmp_path
):
    model = trained(features)
    with pytest.raises(UsageError, match="was trained on these clips"):
        measured(features, model)
    again = write_features(tmp_path / "again.h5", size=28, change=lambda x, rows: x.__imul__(2))
    with pytest.raises(UsageError, match="was trained on these clips"):
        measured(again, model)

    def half(x, rows):
        for number, row in enumerate(rows):
            if number >= 6:
                row["clip"], row["group"] = f"new/{number}", f"new/{number}"

    some = measured(write_features(tmp_path / "half.h5", size=28, change=half), model)
    assert len(some.seen) == 6
    assert "6 of the 18 clips were in the training of" in some.notes[0]
    assert some.run().content["seen"] == list(some.seen)


def test_other_clips_of_a_person_of_the_training_are_named(
    features, trained, write_features, tmp_path
):
    def renamed(x, rows):
        for row in rows:
            row["clip"] = f"{row['clip']}-again"

    model = trained(features, select=("dataset=a",))
    some = measured(write_features(tmp_path / "more.h5", size=28, change=renamed), model)
    assert len(some.seen) == 9
    assert {clip[0] for clip in some.seen} == {"a"}


def test_nan_names_the_clip(write_features, pretrained, tmp_path):
    def spoil(x, rows):
        x[0, 0, 0, 0] = np.nan

    path = write_features(tmp_path / "nan.h5", size=28, change=spoil)
    with pytest.raises(BadDataError, match="features of a/p0/c0 hold NaN"):
        measured(path).run()


def test_a_trained_model_is_no_kind_of_model_to_train(features, tmp_path):
    with pytest.raises(UsageError, match="is a trained model, and this needs a kind") as error:
        mepipe.train(features, tmp_path / "m.safetensors", "pretrained")
    assert "--from pretrained" in error.value.remedy
    with pytest.raises(UsageError, match="Did you mean 'spp'"):
        mepipe.train(features, tmp_path / "m.safetensors", "sppp")


def test_a_comparison_with_trained_folds_works(features, pretrained, tmp_path):
    svm = mepipe.evaluate(features, "svm", seeds=1, cache=tmp_path / "cache")
    own = mepipe.evaluate(features, "pretrained", out=tmp_path / "own")
    found = mepipe.compare({"svm": svm, "pretrained": tmp_path / "own"}, resamples=99)
    assert found.content["protocol"] == "loso, none"
    assert found.pairs[0].uf1.value == pytest.approx(own.uf1 - svm.uf1)
    folds = mepipe.evaluate(features, "svm", "kfold", k=3, seeds=1, cache=tmp_path / "cache")
    with pytest.raises(UsageError, match="Evaluate both by the same protocol"):
        mepipe.compare({"a": svm, "b": folds}, resamples=99)


def test_reliability_counts_every_answer(features, pretrained):
    done = mepipe.evaluate(features, "pretrained")
    assert done.reliability.clips.sum() == 18
    assert done.reliability_png().startswith(b"\x89PNG")


def test_people_of_the_file_who_were_not_in_the_training_can_be_measured(features, trained):
    people = sorted(set(Features(features).group))
    path = trained(features, select=(f"group={','.join(people[:3])}",))
    others = measured(features, path, select=(f"group={','.join(people[3:])}",))
    assert others.seen == ()
    assert set(others.clips.group) == set(people[3:])
    with pytest.raises(UsageError, match="was trained on these clips"):
        measured(features, path, select=(f"group={people[0]}",))


def test_a_measurement_does_not_get_into_the_card_of_another_training(
    features, trained, write_features, tmp_path
):
    path = trained(features)
    other = write_features(tmp_path / "other.h5", size=28, change=other_people)
    results = measured(other, path).run().content
    with pytest.raises(UsageError, match="measurement of a model that was trained before"):
        trained(other, "second.safetensors", results=results)


def test_a_trained_model_reads_the_map_that_it_was_trained_on(features, pretrained):
    with pytest.raises(UsageError, match=r"reads the map x, and model\.map is sequence"):
        SavedEvaluation.of(features, ModelSettings(name="pretrained", map="sequence"))


def test_what_was_measured_of_the_weights_stands_beside_a_measurement(features, pretrained):
    digest = hashlib.sha256(pretrained.read_bytes()).hexdigest()
    real = {"on": "clips of real people", "uf1": 0.7, "uar": 0.6}
    told = pretrained.parent / "measured.json"
    told.write_text(json.dumps({"sha256": digest, "figures": [real]}))
    assert "UF1 0.700, UAR 0.600 on clips of real people" in measured(features).about
    told.write_text('{"sha256": ')
    with pytest.raises(DamageError, match=r"measured\.json is damaged"):
        measured(features)
