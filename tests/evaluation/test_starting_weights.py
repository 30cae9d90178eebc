"""Training from the weights of a saved model."""

import json
from dataclasses import replace

import numpy as np
import pytest

import mepipe
from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.errors import SystemProblemError, UsageError
from mepipe.evaluation.evaluate import Evaluation, jobs_of
from mepipe.evaluation.fitting import fit
from mepipe.evaluation.fold_cache import fold_key
from mepipe.evaluation.model_card import read_card, seen_in_training
from mepipe.evaluation.model_settings import model_of
from mepipe.evaluation.saved_model import load_model
from mepipe.evaluation.starting_weights import Start
from mepipe.features import Features

# The network of the weights in the place of those that come with mepipe.
SAME = ModelSettings(dropout=0.1)
QUICK = TrainSettings(epochs=1, seeds=1, members=3)
FROM = QUICK.model_copy(update={"init": "pretrained"})


@pytest.fixture
def features(write_features, tmp_path):
    return write_features(tmp_path / "features.h5", size=28)


def test_a_training_starts_from_each_network_in_turn_and_from_nothing_else(features, pretrained):
    start, given = Start.of(FROM), Features(features)
    still = {**QUICK.model_dump(), "learning_rate": 1e-12, "weight_decay": 0.0, "epochs": 1}
    training = start.training_for(given, model_of(SAME), still)
    model = model_of(SAME)
    made = fit(given.x, given.y, classes=3, model=model, training=training, start=start)
    first, second = (one.network.state_dict() for one in load_model("pretrained").ensemble.members)
    for member, known in zip(made.members, (first, second, first), strict=True):
        for name, value in member.network.named_parameters():
            assert np.allclose(value.detach(), known[name], atol=1e-6), name
    plain = fit(given.x, given.y, classes=3, model=model, training=training)
    assert not np.allclose(plain.predict(given.x), made.predict(given.x), atol=1e-3)


def test_it_keeps_the_scale_of_the_training_clips_and_what_the_weights_know_of_size(
    features, pretrained
):
    (job,) = jobs_of(Features(features), Evaluation(SAME, FROM, "kfold", k=2)).jobs[:1]
    assert job.training["per_clip"] is True
    assert "init" not in job.training
    saved = mepipe.train(
        features, pretrained.parent / "own.safetensors", device="cpu",
        settings=["train.init=pretrained", "train.epochs=1"],
    )  # fmt: skip
    first = saved.ensemble.members[0]
    assert first.normalise.per_clip
    assert first.temperature == 1.0  # that of the weights was fitted on other clips
    assert saved.card["from"] == {
        "name": "pretrained",
        "sha256": Start.of(FROM).sha256,
        "kind": "synthetic",
        "clips": [],
        "persons": [],
    }
    assert "synthetic" not in saved.card


def test_the_weights_are_part_of_a_fold_s_key_by_their_digest(features, pretrained, tmp_path):
    def key(train):
        work = jobs_of(Features(features), Evaluation(SAME, train))
        return fold_key(work.jobs[0], "digest"), Evaluation(SAME, train).key("digest")

    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(pretrained.read_bytes())
    named = key(FROM)
    assert key(QUICK.model_copy(update={"init": str(copy)})) == named
    level = key(QUICK.model_copy(update={"per_clip": True}))
    assert not {*named} & {*key(QUICK), *level}


def test_the_held_out_subject_decides_nothing(features, write_features, pretrained, tmp_path):
    def relabelled(x, rows):
        for row in rows:
            if row["group"] == "a/p0":
                row["y"] = (row["y"] + 1) % 3
                row["label"] = ("negative", "positive", "surprise")[row["y"]]

    options = ["train.init=pretrained", "train.epochs=1", "train.members=1"]
    results = []
    for name, path in (
        ("one", features),
        ("two", write_features(tmp_path / "other.h5", size=28, change=relabelled)),
    ):
        results.append(
            mepipe.evaluate(
                path, seeds=1, settings=options, device="cpu", cache=tmp_path / name, jobs=1
            )
        )
    assert "every training started from the weights of pretrained" in results[0].content["notes"]
    own = [row for row, group in enumerate(results[0].pooled.clips.group) if group == "a/p0"]
    one, two = (done.pooled.probabilities[:, own] for done in results)
    assert one.tobytes() == two.tobytes()
    assert results[0].content["settings"]["start"] == Start.of(FROM).sha256
    again = mepipe.evaluate(
        features, seeds=1, settings=options, device="cpu", cache=tmp_path / "one"
    )
    assert again.computed == 0


def test_weights_that_know_the_tested_people_are_refused(features, pretrained, tmp_path):
    quick = ["train.epochs=1", "train.members=1"]
    out = tmp_path / "own.safetensors"
    mepipe.train(features, out, settings=quick, device="cpu")
    with pytest.raises(UsageError, match="was trained on 18 of these clips, or on their persons"):
        mepipe.evaluate(features, settings=[*quick, f"train.init={json.dumps(str(out))}"])
    # To train on from one's own model is no leak: nothing is measured.
    more = [*quick, f"train.init={json.dumps(str(out))}"]
    assert mepipe.train(features, tmp_path / "more.safetensors", settings=more).card["from"]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"width": 16}, "model.width was 8 in the weights and is 16 here"),
        ({"pool": "average"}, "model.pool was max in the weights and is average here"),
        ({"kernels": (2, 3)}, "model.kernels was"),
        ({"name": "base"}, "model.name was spp in the weights and is base here"),
        ({"name": "svm"}, "svm is not a network"),
    ],
)
def test_another_network_is_refused_by_name(model, words, features, pretrained):
    changed = SAME.model_copy(update=model)
    with pytest.raises(UsageError, match=words):
        jobs_of(Features(features), Evaluation(changed, FROM))


def test_other_features_and_choices_of_the_network_are_refused(
    features, write_features, pretrained, tmp_path
):
    small = write_features(tmp_path / "small.h5", size=12)
    with pytest.raises(UsageError, match=r"shape: \[3, 28, 28\] in the weights and \[3, 12, 12\]"):
        jobs_of(Features(small), Evaluation(SAME, FROM))
    choices = FROM.model_copy(update={"choices": {"model.width": (8, 16)}})
    with pytest.raises(UsageError, match=r"model\.width would change the network"):
        jobs_of(Features(features), Evaluation(SAME, choices, tune=True))
    fine = FROM.model_copy(update={"choices": {"learning_rate": (1e-4, 1e-3)}})
    assert jobs_of(Features(features), Evaluation(SAME, fine, tune=True)).jobs[0].candidates


def test_weights_that_change_meanwhile_or_are_not_there_say_so(features, pretrained, tmp_path):
    start, given = Start.of(FROM), Features(features)
    training = {**QUICK.model_dump(), "per_clip": True}
    pretrained.write_bytes(pretrained.read_bytes() + b" ")
    with pytest.raises(SystemProblemError, match="changed while it was used"):
        fit(given.x, given.y, classes=3, model=model_of(SAME), training=training, start=start)
    gone = replace(start, path=tmp_path / "gone.safetensors")
    with pytest.raises(SystemProblemError, match="changed while it was used"):
        gone.weights()
    with pytest.raises(UsageError, match="no model file"):
        Start.of(QUICK.model_copy(update={"init": str(tmp_path / "none.safetensors")}))


def test_a_saved_model_that_is_measured_starts_from_nothing(features, pretrained):
    with pytest.raises(UsageError, match="nothing is trained of pretrained"):
        mepipe.evaluate(features, "pretrained", settings=["train.init=pretrained"])


def test_whom_the_first_weights_had_seen_is_known_of_all_that_started_from_them(
    features, pretrained, tmp_path
):
    def train(out, person, start):
        settings = [f"train.init={start}", "train.epochs=1", "train.members=1"]
        select = [f"group={person}"]
        mepipe.train(features, tmp_path / out, select=select, settings=settings, device="cpu")
        return tmp_path / out

    first, second, third, *_ = sorted(set(Features(features).group))
    one = train("one.safetensors", first, "pretrained")
    two = train("two.safetensors", second, one)
    clips = jobs_of(Features(features), Evaluation(SAME, QUICK)).clips
    for person, seen in ((first, True), (second, True), (third, False)):
        chosen = replace(
            clips,
            **{
                part: tuple(np.array(getattr(clips, part))[np.array(clips.group) == person])
                for part in ("clip", "dataset", "group")
            },
            y=clips.y[np.array(clips.group) == person],
        )
        assert bool(seen_in_training(read_card(two), chosen)) is seen
    with pytest.raises(UsageError, match="was trained on"):
        Start.of(QUICK.model_copy(update={"init": str(two)})).refuse_known(clips)


def test_an_ablation_does_not_start_from_weights(features, pretrained, tmp_path):
    from mepipe.cache.store import open_store
    from mepipe.evaluation.ablate import ablate
    from mepipe.evaluation.fold_cache import Source
    from mepipe.execution.context import Context

    context = Context(open_store(tmp_path / "cache"))
    with pytest.raises(UsageError, match="an ablation varies the network"):
        ablate(
            Features(features),
            Source.of(features),
            Evaluation(SAME, FROM),
            context,
            report_row=print,
        )
