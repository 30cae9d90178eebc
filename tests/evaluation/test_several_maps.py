"""Models that read several maps a clip, from the features file to the saved model."""

import json

import numpy as np
import pytest

import mepipe
from mepipe.config import load_config
from mepipe.errors import UsageError
from mepipe.evaluation.api import evaluate, train
from mepipe.evaluation.fitting import fit
from mepipe.evaluation.folds import FoldJob, features_for
from mepipe.evaluation.model_card import differences, read_card
from mepipe.evaluation.model_settings import describe_model, packed_maps

SEQUENCE = "model.map=sequence"
QUICK = ["train.epochs=2", "train.members=1", "model.width=4", "model.kernels=[2, 3]"]


@pytest.fixture(scope="module")
def features(write_features, tmp_path_factory):
    """Return features of four maps a clip."""
    return mepipe.load(write_features(tmp_path_factory.mktemp("maps") / "features.h5", maps=4))


@pytest.fixture(scope="module")
def model(features, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    return path, train(features, path, settings=[*QUICK, SEQUENCE], device="cpu")


def test_the_svm_reads_all_maps(features, tmp_path):
    one = evaluate(features, "svm", seeds=1, cache=tmp_path)
    several = evaluate(features, "svm", seeds=1, settings=[SEQUENCE], cache=tmp_path)
    assert several.computed == one.computed == 6, "a map is part of a fold's key"
    assert several.content["shape"] == [4, 3, 12, 12]
    assert one.content["shape"] == [3, 12, 12]
    assert several.content["settings"]["map"] == "sequence"
    assert several.about.endswith("on 4 maps a clip")
    x = features_for(features, features.clip, "sequence")
    np.testing.assert_array_equal(x, features.read("sequence"))
    fitted = fit(x, features.y, classes=3, model={"name": "svm"}, training={})
    assert fitted.estimator[-1].n_features_in_ == 4 * 3 * 12 * 12
    assert evaluate(features, "svm", seeds=1, settings=[SEQUENCE], cache=tmp_path).computed == 0


def test_a_network_s_prediction_follows_the_maps_of_its_own_clip_alone(write_features, tmp_path):
    def other_maps(x, rows):
        x[0] = 0.5  # of the first clip, and with it its sequence

    found = []
    for change in (lambda x, rows: None, other_maps):
        path = write_features(tmp_path / f"{len(found)}.h5", people=3, maps=4, change=change)
        result = evaluate(
            path, seeds=1, settings=[*QUICK, SEQUENCE], device="cpu", cache=tmp_path / "cache"
        )
        assert result.computed == 3
        columns = [name for name in result.predictions if name.startswith("p_")]
        found.append(result.predictions.set_index("clip")[columns].loc["a/p0/c0":"a/p0/c2"])
    one, two = found
    # Its person is left out of the training that predicts it: the other clips stay as they are.
    assert len(one) == 3
    assert not np.array_equal(one.iloc[0], two.iloc[0])
    assert np.array_equal(one.iloc[1:], two.iloc[1:])


def test_the_key_of_a_fold_that_reads_x_is_that_of_before():
    job = FoldJob("f", 0, ("a",), ("b",), 3, {}, {}, recentre=False)
    assert "reads" not in job.identity()
    sequence = FoldJob("f", 0, ("a",), ("b",), 3, {}, {}, recentre=False, reads="sequence")
    assert sequence.identity() == {**job.identity(), "reads": "sequence"}


def test_features_without_a_sequence_name_the_setting_that_makes_one(write_features, tmp_path):
    path = write_features(tmp_path / "one.h5")
    for call in (
        lambda: evaluate(path, "svm", settings=[SEQUENCE], cache=tmp_path),
        lambda: train(path, tmp_path / "m.safetensors", settings=[*QUICK, SEQUENCE]),
    ):
        with pytest.raises(UsageError, match="has no 'sequence'") as caught:
            call()
        assert "flow.targets" in caught.value.remedy
        assert "pack.include" in caught.value.remedy


@pytest.mark.parametrize("name", ["ststnet", "off-apexnet", "hoof-svm", "mdmo-tree"])
def test_published_models_are_refused_by_name(features, name, tmp_path):
    with pytest.raises(UsageError, match=f"{name} reads one map a clip") as caught:
        evaluate(features, name, settings=[SEQUENCE], cache=tmp_path)
    assert "spp, base, svm, tree" in caught.value.remedy


@pytest.mark.slow
def test_your_own_network_is_told_how_many_maps_there_are(features, tmp_path, monkeypatch):
    (tmp_path / "several_nets.py").write_text(
        "from torch import nn\n"
        "def flat(channels, size, classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))\n"
        "def deep(channels, size, classes, maps=1):\n"
        "    wide = maps * channels * size * size\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(wide, classes))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def run(name, *settings):
        return evaluate(
            features, f"several_nets:{name}", seeds=1, cache=tmp_path / "cache", device="cpu",
            settings=["train.epochs=1", "train.members=1", *settings],
        )  # fmt: skip

    assert run("deep", SEQUENCE).computed == run("deep").computed == 6
    with pytest.raises(UsageError, match="no argument named maps"):
        run("flat", SEQUENCE)
    forest = "sklearn.ensemble:RandomForestClassifier"
    assert evaluate(features, forest, seeds=1, settings=[SEQUENCE], cache=tmp_path).computed == 6


def test_a_saved_model_knows_its_map_and_refuses_others(model, features, write_features, tmp_path):
    path, saved = model
    assert saved.map == "sequence"
    card = read_card(path)
    assert (card["features"]["map"], card["features"]["shape"]) == ("sequence", [4, 3, 12, 12])
    given = saved.predict(features.read(saved.map))
    again = mepipe.load_model(path, features=features)
    assert again.predict(features.read("sequence")).tobytes() == given.tobytes()
    with pytest.raises(UsageError, match=r"\(N, 4, 3, 12, 12\), not \(18, 3, 12, 12\)") as caught:
        saved.predict(features.x)
    assert "features.read('sequence')" in caught.value.remedy
    fewer = mepipe.load(write_features(tmp_path / "fewer.h5", maps=2))
    with pytest.raises(UsageError, match=r"flow\.targets was 4 in training and is 2 here"):
        mepipe.load_model(path, features=fewer)
    with pytest.raises(UsageError, match=r"\(N, 4, 3, 12, 12\), not \(18, 2, 3, 12, 12\)"):
        saved.predict(fewer.read("sequence"))
    alone = mepipe.load(write_features(tmp_path / "alone.h5"))
    with pytest.raises(UsageError, match=r"flow\.targets was 4 in training and is \(not set\)"):
        mepipe.load_model(path, features=alone)


def test_a_model_of_one_map_reads_features_with_any_targets():
    before, here = ({"flow": {"size": 96, "targets": one}} for one in ("apex", "phases"))
    assert differences(before, here) == []
    assert differences(before, here, "sequence") == [
        "flow.targets was apex in training and is phases here"
    ]


def test_figures_of_another_map_are_no_figures_of_a_model(features, tmp_path):
    quick = [*QUICK, SEQUENCE]
    done = evaluate(features, seeds=1, settings=quick, device="cpu", cache=tmp_path / "cache")
    path = tmp_path / "m.safetensors"
    saved = train(features, path, settings=quick, device="cpu", results=done)
    assert saved.card["figures"]["uf1"] == done.uf1
    with pytest.raises(UsageError, match="results are of another evaluation: map differ"):
        train(features, path, settings=QUICK, device="cpu", results=done)


def test_every_variant_of_the_pyramid_reads_the_maps(features, tmp_path):
    from mepipe.cache.store import open_store
    from mepipe.evaluation.ablate import ablate
    from mepipe.evaluation.evaluate import Evaluation
    from mepipe.evaluation.fold_cache import Source
    from mepipe.execution.context import Context

    config = load_config(None, [*QUICK, SEQUENCE, "train.epochs=1", "train.seeds=1"])
    rows = []

    def stop(row):
        rows.append(row)
        if len(rows) == 2:
            raise KeyboardInterrupt

    asked = Evaluation(config.model, config.train, protocol="kfold", k=2, device="cpu")
    context = Context(open_store(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        ablate(features, Source.of(features.path), asked, context, report_row=stop)
    last = 4 * (16 * 2 * 2) * 3 + 3  # four maps of 16 channels and 2 x 2 cells, to three classes
    assert rows[0].parameters > last
    assert rows[0].cells


def test_a_run_says_beforehand_what_its_model_lacks():
    with pytest.raises(UsageError, match="will not hold") as caught:
        packed_maps(load_config(None, [SEQUENCE]))
    assert "flow.targets=phases" in caught.value.remedy
    packed = 'pack.include=["x", "sequence"]'
    for wanted, count in (("phases", 2), ("apex-offset", 2), ("5", 5)):
        config = load_config(None, [SEQUENCE, packed, f"flow.targets={wanted}"])
        assert packed_maps(config) == count
        assert describe_model(config.model, 28, count).endswith(f"on {count} maps a clip")
    assert packed_maps(load_config(None, ["flow.targets=5", packed])) is None


def test_maps_are_no_option_of_a_model(features, tmp_path):
    with pytest.raises(UsageError, match="maps is not an option"):
        evaluate(features, settings=["model.options={maps = 2}"], cache=tmp_path)


def test_a_card_whose_map_and_shape_disagree_is_damage(model, tmp_path):
    from mepipe.errors import DamageError
    from mepipe.evaluation.model_card import checked_card

    card = read_card(model[0])
    for change in ({"map": "x"}, {"shape": [3, 12, 12]}, {"shape": [65, 3, 12, 12]}):
        broken = json.loads(json.dumps(card))
        broken["features"] |= change
        with pytest.raises(DamageError, match="card cannot be right"):
            checked_card(tmp_path / "m.safetensors", broken)


def test_a_saved_model_is_measured_on_sequences_of_other_people(model, write_features, tmp_path):
    path, _ = model
    other = write_features(tmp_path / "other.h5", maps=4, change=_strangers)
    result = evaluate(other, str(path), device="cpu", cache=tmp_path / "cache")
    assert result.content["shape"] == [4, 3, 12, 12]
    assert result.content["settings"]["map"] == "sequence"
    fewer = write_features(tmp_path / "fewer.h5", maps=2, change=_strangers)
    with pytest.raises(UsageError, match=r"reads flow\.targets = 4, and these features have 2"):
        evaluate(fewer, str(path), device="cpu", cache=tmp_path / "cache")
    alone = write_features(tmp_path / "alone.h5", change=_strangers)
    with pytest.raises(UsageError, match=r"reads the map sequence, and .* only x"):
        evaluate(alone, str(path), device="cpu", cache=tmp_path / "cache")


def _strangers(x, rows):
    for row in rows:
        row["clip"], row["group"] = f"z{row['clip']}", f"z{row['group']}"


def test_training_goes_on_from_weights_of_as_many_maps(model, features, write_features, tmp_path):
    path, _ = model
    quick = [*QUICK, f"train.init={path}"]
    out = tmp_path / "further.safetensors"
    assert train(features, out, settings=[*quick, SEQUENCE], device="cpu").map == "sequence"
    with pytest.raises(
        UsageError, match=r"shape: \[4, 3, 12, 12\] in the weights and \[3, 12, 12\]"
    ):
        train(features, out, settings=quick, device="cpu")
    fewer = write_features(tmp_path / "fewer.h5", maps=2)
    with pytest.raises(UsageError, match=r"and \[2, 3, 12, 12\] here"):
        train(fewer, out, settings=[*quick, SEQUENCE], device="cpu")


def test_the_maps_of_a_clip_are_brought_to_one_size_together():
    from mepipe.evaluation.normalisation import Normalisation

    x = np.random.default_rng(0).normal(0, 1, (4, 2, 3, 6, 6)).astype(np.float32)
    x[:, 1] *= 3
    normalise = Normalisation.of(x, recentre=False, per_clip=True)
    sizes = np.array([1, 1e-3, 40, 7], np.float32)[:, None, None, None, None]
    out = normalise(x)
    np.testing.assert_allclose(normalise(x * sizes), out, rtol=1e-4)
    u, first = out[:, :, 0], x[:, :, 0]
    np.testing.assert_allclose(u[:, 1] / u[:, 0], first[:, 1] / first[:, 0], rtol=1e-4)


def test_all_folds_at_once_read_all_maps(features, tmp_path):
    found = {
        way: evaluate(
            features,
            seeds=1,
            settings=[*QUICK, SEQUENCE, f"train.batched={way}"],
            device="cpu",
            cache=tmp_path,
        )
        for way in ("never", "always")
    }
    assert [one.computed for one in found.values()] == [6, 6], "the way is part of a fold's key"
    columns = ["p_negative", "p_positive", "p_surprise"]
    alone, together = (one.predictions[columns] for one in found.values())
    np.testing.assert_allclose(together, alone, atol=1e-3)
