"""Cards of saved models with odd types are damage, or are told: nothing ends in a traceback."""

import pytest
from test_saved_model import SETTINGS, card, saved, trained, with_card  # noqa: F401 (fixtures)

from mepipe.errors import DamageError, MepipeError, UsageError
from mepipe.evaluation.model_card import describe_card, differences, known_to, read_card
from mepipe.evaluation.saved_model import load_model

ODD = (None, True, 5, -1, 0.5, 1e300, "x", [], [1], ["a", 2], {}, {"a": 1}, [[]])
OPTIONS = ("kernels", "position", "mode", "pool", "fuse", "cells", "width", "dropout")


@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_odd_types_never_end_in_a_traceback(saved, option):  # noqa: F811
    data = saved.read_bytes()
    refused = 0
    for value in (*ODD, [10**9], [2] * 1000, 10**30):

        def change(told, value=value):
            told["model"][option] = value

        saved.write_bytes(with_card(data, change))
        try:
            load_model(saved)
        except MepipeError as error:
            refused += 1
            assert error.message  # noqa: PT017 (many values, each refused or not)
    assert refused >= 10


@pytest.mark.parametrize("part", ["clips", "persons", "subjects", "from", "figures", "synthetic"])
def test_what_a_card_tells_may_be_of_any_type(saved, part):  # noqa: F811
    data = saved.read_bytes()
    for value in ODD:

        def change(told, value=value):
            told[part] = value

        saved.write_bytes(with_card(data, change))
        told = read_card(saved)
        assert describe_card("one", told)
        assert known_to(told, "clips") is not None
        load_model(saved)


@pytest.mark.parametrize("section", [5, [1], "x", None, True])
def test_settings_of_another_shape_differ_and_no_more(section):
    assert differences({**SETTINGS, "flow": section}, SETTINGS)
    assert differences(SETTINGS, {**SETTINGS, "flow": section})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("nan")]])
@pytest.mark.parametrize("option", ["dropout", "position"])
def test_what_is_no_number_is_no_option(saved, option, value):  # noqa: F811
    odd = with_card(saved.read_bytes(), lambda told: told["model"].update({option: value}))
    saved.write_bytes(odd)
    with pytest.raises(DamageError, match="its card cannot be right"):
        load_model(saved)


def test_a_network_of_a_million_branches_is_not_built(saved, monkeypatch):  # noqa: F811
    def build(*_, **__):
        raise AssertionError("it was built")

    monkeypatch.setattr("mepipe.evaluation.saved_model.build", build)
    odd = with_card(saved.read_bytes(), lambda told: told["model"].update(kernels=[2] * 10**5))
    saved.write_bytes(odd)
    with pytest.raises(DamageError, match="kernels are up to 64 whole numbers"):
        load_model(saved)


def test_a_model_in_a_pipe_is_no_model(tmp_path):
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes here")
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="no model file"):
        load_model(tmp_path / "model.safetensors")
