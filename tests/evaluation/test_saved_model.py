import hashlib
import json
import pickle
import struct
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_features import MODEL, TRAINING, made_features
from safetensors.torch import load_file, save_file

from mepipe.errors import DamageError, UsageError
from mepipe.evaluation.ensemble import Ensemble
from mepipe.evaluation.fitting import fit
from mepipe.evaluation.model_card import (
    FORMAT_VERSION,
    describe_card,
    differences,
    figures_of,
    read_card,
)
from mepipe.evaluation.saved_model import encode_model, load_model

MADE = made_features(3)
SETTINGS = {"flow": {"size": 224, "theta": 0.3}, "tensor": {"size": 28, "scale": "fixed"}}


def card(**changes):
    made = {
        "model": {**MODEL, "kernels": list(MODEL["kernels"])},
        "classes": ["negative", "positive", "surprise"],
        "features": {
            "shape": [3, 28, 28],
            "channels": ["u", "v", "strain"],
            "settings": SETTINGS,
        },
    }
    return {**made, **changes}


def with_card(data, change):
    """The bytes of a saved model with its card changed."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    told = json.loads(header["__metadata__"]["mepipe"])
    change(told)
    header["__metadata__"]["mepipe"] = json.dumps(told)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


@pytest.fixture(scope="module")
def trained():
    training = {**TRAINING, "members": 2}
    return fit(MADE.x, MADE.y, classes=3, model=MODEL, training=training, recentre=True, seed=1)


@pytest.fixture
def saved(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(encode_model(trained, card()))
    return path


def test_what_is_saved_predicts_the_same_bits(trained, saved):
    again = load_model(saved)
    assert again.predict(MADE.x).tobytes() == trained.predict(MADE.x).tobytes()
    assert again.classes == ("negative", "positive", "surprise")
    assert again.card["features"]["settings"] == SETTINGS
    assert encode_model(trained, card()) == saved.read_bytes()


def test_a_size_per_clip_and_a_temperature_are_saved(tmp_path):
    training = {**TRAINING, "per_clip": True}
    made = fit(MADE.x, MADE.y, classes=3, model=MODEL, training=training)
    calm = Ensemble([replace(member, temperature=1.7) for member in made.members])
    path = tmp_path / "model.safetensors"
    path.write_bytes(encode_model(calm, card()))
    again = load_model(path)
    assert again.card["inputs"]["temperature"] == 1.7
    assert again.predict(MADE.x).tobytes() == calm.predict(MADE.x).tobytes()
    assert again.predict(MADE.x).tobytes() != made.predict(MADE.x).tobytes()


def test_a_card_of_before_has_neither_and_predicts_as_it_did(trained, saved):
    def as_before(told):
        assert told["inputs"].pop("per_clip") is False
        assert told["inputs"].pop("temperature") == 1.0

    saved.write_bytes(with_card(saved.read_bytes(), as_before))
    assert load_model(saved).predict(MADE.x).tobytes() == trained.predict(MADE.x).tobytes()


def test_the_model_that_comes_with_mepipe_is_loaded_by_its_name(pretrained):
    model = load_model("pretrained")
    assert model.predict(MADE.x).tobytes() == load_model(pretrained).predict(MADE.x).tobytes()
    assert model.card["inputs"]["per_clip"] is True
    assert describe_card("pretrained", model.card) == (
        "pretrained: trained on made movements only, on no real clip; knows negative, positive "
        "and surprise; UF1 0.875, UAR 0.812 on made clips of other faces"
    )


@pytest.mark.parametrize(
    ("figures", "found"),
    [
        (None, []),
        ("high", []),
        ([3, {"on": "x"}, {"on": "x", "uf1": "1", "uar": 1}], []),
        (
            {"protocol": "loso", "clips": 9, "uf1": 0.5, "uar": 0.25, "ci": {}},
            [(0.5, 0.25, "9 clips by loso, with other networks of the same settings")],
        ),
        ({"protocol": "loso", "clips": 9, "uf1": None, "uar": 0.25}, []),
    ],
)
def test_figures_of_a_card_are_read_whatever_stands_there(figures, found):
    told = card(figures=figures, clips=["a", "b"], subjects=2)
    assert [(one["uf1"], one["uar"], one["on"]) for one in figures_of(told)] == found
    assert describe_card("m", told).startswith("m: trained on 2 clips of 2 people; knows negative")


def test_any_safetensors_reader_can_open_it(saved):
    names = set(load_file(saved))
    assert {name.split(".")[0] for name in names} == {"0", "1"}


def test_features_made_with_other_settings_are_refused_by_name(saved):
    model = load_model(saved)
    model.check(SETTINGS, ("u", "v", "strain"))
    # Labels and datasets do not decide what a network sees.
    model.check({**SETTINGS, "labels": {"classes": "casme2-5"}}, ("u", "v", "strain"))
    other = {"flow": {"size": 192, "theta": 0.3}, "tensor": {"size": 28, "scale": "minmax"}}
    with pytest.raises(UsageError) as error:
        model.check(other, ("v", "u", "strain"))
    for words in (
        "flow.size was 224 in training and is 192 here",
        "tensor.scale was fixed in training and is minmax here",
        "channels: u, v, strain in training, v, u, strain here",
    ):
        assert words in error.value.message
    assert differences(SETTINGS, {}) != []
    with pytest.raises(UsageError, match=r"\(N, 3, 28, 28\), not \(2, 3, 8, 8\)"):
        model.predict(np.zeros((2, 3, 8, 8), np.float32))


class Trap:
    def __reduce__(self):
        raise AssertionError("unpickled")


@pytest.mark.parametrize("kind", ["pickle", "torch", "empty", "text", "other", "huge header"])
def test_what_is_no_saved_model_is_refused_and_never_unpickled(kind, tmp_path):
    path = tmp_path / "m.safetensors"
    if kind == "pickle":
        path.write_bytes(pickle.dumps({"a": 1}))
    elif kind == "torch":
        torch.save({"w": torch.zeros(3)}, path)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("hello, this is a text")
    elif kind == "other":
        save_file({"w": torch.zeros(3)}, path)
    else:
        path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(UsageError, match="not a model of mepipe") as error:
        load_model(path)
    assert "never opened" in error.value.remedy


def test_a_model_of_before_has_the_fewest_windows_that_it_was_trained_with(tmp_path):
    model = {**card()["model"], "cells": "fewest"}
    before = fit(MADE.x, MADE.y, classes=3, model=model, training=TRAINING, seed=1)

    def as_before(told):
        told["format_version"] = 1
        del told["model"]["cells"]

    path = tmp_path / "m.safetensors"
    path.write_bytes(with_card(encode_model(before, card(model=model)), as_before))
    again = load_model(path).predict(MADE.x)
    assert again.tobytes() == before.predict(MADE.x).tobytes()
    # In the present format the same tensors are another network.
    path.write_bytes(encode_model(before, card()))
    assert load_model(path).predict(MADE.x).tobytes() != again.tobytes()


def test_a_file_that_is_not_there_and_a_newer_format_say_so(trained, tmp_path):
    with pytest.raises(UsageError, match="no model file"):
        read_card(tmp_path / "none.safetensors")
    with pytest.raises(UsageError, match="no model file"):
        read_card(tmp_path)
    path = tmp_path / "new.safetensors"
    data = encode_model(trained, card())
    old = f'\\"format_version\\": {FORMAT_VERSION}'.encode()
    assert old in data
    path.write_bytes(data.replace(old, f'\\"format_version\\": {FORMAT_VERSION + 1}'.encode()))
    with pytest.raises(UsageError, match="newer than this mepipe"):
        load_model(path)


def test_a_truncated_file_is_damage(saved):
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(DamageError, match="damaged"):
        load_model(saved)


def test_tensors_of_another_network_are_damage(trained, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(encode_model(trained, card(model={**card()["model"], "width": 8})))
    with pytest.raises(DamageError, match="not those of the network spp"):
        load_model(path)
    path.write_bytes(encode_model(trained, {"model": {"name": "spp"}}))
    with pytest.raises(DamageError, match="its card cannot be right: classes"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": {"name": "spp", "width": 100_000}}, "width"),
        ({"model": {"name": "spp", "channels": 3}}, "input decides"),
        ({"model": {"name": "svm"}}, "svm is not a network"),
        ({"model": {}}, "no name"),
        ({"features": {**card()["features"], "shape": [3, 100_000, 100_000]}}, "shape"),
        ({"features": {**card()["features"], "shape": ["a", 28, 28]}}, "shape"),
        ({"classes": ["one"]}, "classes"),
    ],
)
def test_a_card_that_cannot_be_right_is_damage_before_anything_is_built(
    change, words, trained, tmp_path
):
    path = tmp_path / "m.safetensors"
    path.write_bytes(encode_model(trained, card(**change)))
    with pytest.raises(DamageError, match=words):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("members", 0),
        ("members", 3),
        ("scale", [1.0]),
        ("scale", [-1.0, 1, 1]),
        ("seen", [False] * 3),
        ("per_clip", "yes"),
        ("temperature", 0),
        ("temperature", 1000.0),
        ("temperature", "warm"),
    ],
)
def test_inputs_that_cannot_be_right_are_damage(name, value, trained, tmp_path):
    path = tmp_path / "m.safetensors"
    data = encode_model(trained, card())
    path.write_bytes(with_card(data, lambda told: told["inputs"].update({name: value})))
    with pytest.raises(DamageError):
        load_model(path)


def test_loading_for_features_checks_them(saved):
    made = SimpleNamespace(settings=SETTINGS, channels=("u", "v", "strain"))
    load_model(saved, features=made)
    made.settings = {**SETTINGS, "flow": {"size": 100}}
    with pytest.raises(UsageError, match=r"flow\.size was 224 in training and is 100 here"):
        load_model(saved, features=made)


def test_code_that_is_not_mepipes_is_imported_only_if_trusted(tmp_path):
    name = "own_models:linear"
    own = fit(MADE.x, MADE.y, classes=3, model={"name": name}, training=TRAINING)
    path = tmp_path / "m.safetensors"
    path.write_bytes(encode_model(own, card(model={"name": name})))
    with pytest.raises(UsageError, match="needs the code of own_models:linear"):
        load_model(path)
    again = load_model(path, trust=name)
    assert again.predict(MADE.x).tobytes() == own.predict(MADE.x).tobytes()


def test_the_card_is_plain_json(saved):
    text = json.dumps(read_card(saved))
    assert "NaN" not in text
    assert read_card(saved)["inputs"]["members"] == 2


def test_what_is_only_added_to_features_does_not_part_them_from_a_model():
    before = {"flow": {"size": 224, "keep_faces": False}}
    beside = {"flow": {"size": 224, "keep_faces": True, "targets": 8}}
    assert differences(before, beside) == []
    assert len(differences(before, {"flow": {"size": 112, "targets": 8}})) == 1


def test_what_was_measured_of_these_weights_stands_first_and_of_others_nowhere(pretrained):
    digest = hashlib.sha256(pretrained.read_bytes()).hexdigest()
    measured = pretrained.parent / "measured.json"
    real = {"on": "clips of real people", "uf1": 0.7, "uar": 0.6}
    for known, expected in ((digest, [real]), ("0" * 64, [])):
        measured.write_text(json.dumps({"sha256": known, "figures": [real]}))
        figures = figures_of(load_model("pretrained").card)
        assert figures[: len(expected)] == expected
        assert (real in figures) == bool(expected)
        assert real not in figures_of(load_model(pretrained).card)
