import importlib
import subprocess
import sys
import textwrap

import pytest
import torch

from mepipe.errors import UsageError
from mepipe.networks.registry import MODELS, build, is_network, takes
from mepipe.networks.spp import SPPNet

SIZES = {"channels": 3, "size": 28, "classes": 3}


def test_registry_lists_every_model():
    assert list(MODELS) == [
        "spp", "base", "ststnet", "off-apexnet", "svm", "tree",
        "hoof-svm", "hoof-tree", "mdmo-svm", "mdmo-tree",
    ]  # fmt: skip


@pytest.mark.parametrize("name", list(MODELS))
def test_a_built_in_model_is_of_its_kind(name):
    model = build(name, **SIZES)
    assert is_network(model) == (MODELS[name].kind == "network")
    if not is_network(model):
        assert callable(model.fit)
        assert callable(model.predict)
    assert MODELS[name].what


def test_options_reach_the_model():
    options = {"kernels": (2, 3), "position": 2, "pool": "max", "width": 4, "dropout": 0.1}
    net = build("spp", **SIZES, **options)
    assert isinstance(net, SPPNet)
    assert net.pyramid.cells == (7, 5)
    assert set(options) < set(takes("spp"))
    assert takes("spp") == takes("base")
    assert build("svm", **SIZES, C=7.0)["svm"].C == 7
    assert build("mdmo-tree", **SIZES, max_depth=2)["tree"].max_depth == 2


@pytest.mark.parametrize("name", list(MODELS))
def test_every_option_that_a_model_says_it_takes_it_takes(name):
    values = {
        "kernels": (2, 3), "position": 3, "mode": "bins", "pool": "average", "fuse": "sum",
        "cells": "fewest",
        "width": 4, "dropout": 0.0, "C": 2.0, "gamma": 0.1, "max_depth": 3, "min_samples_leaf": 1,
    }  # fmt: skip
    build(name, **SIZES, **{option: values[option] for option in takes(name)})


@pytest.mark.parametrize(
    ("name", "options", "words", "remedy"),
    [
        ("ssp", {}, "no model 'ssp'", "Did you mean 'spp'"),
        ("resnet", {}, "no model 'resnet'", "The models are: spp, base"),
        ("spp", {"kernels": (20,)}, "does not fit", "Use kernels"),
        ("spp", {"depth": 3}, "spp takes no option 'depth'", "kernels, position"),
        ("ststnet", {"dropout": 0.1}, "takes no option 'dropout'", "none"),
    ],
)
def test_build_refuses_unknown_models_and_options(name, options, words, remedy):
    with pytest.raises(UsageError, match=words) as error:
        build(name, **SIZES, **options)
    assert remedy in error.value.remedy


def test_the_options_of_an_unknown_model_are_refused():
    with pytest.raises(UsageError, match="no model 'spq'"):
        takes("spq")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's."""
    (tmp_path / "my_models.py").write_text(
        textwrap.dedent(
            """
            import torch
            from torch import nn

            def net(channels, size, classes, width=2):
                return nn.Sequential(
                    nn.Conv2d(channels, width, 3), nn.Flatten(),
                    nn.Linear(width * (size - 2) ** 2, classes),
                )

            def everything(**given):
                net.seen = given
                return nn.Identity()

            def number(): return 3
            def a_class(): return nn.Linear
            def demanding(depth): return nn.Identity()
            def broken(classes): return {}["a bug of the user's"]
            def type_error(): return len(3)

            class Zoo:
                small = staticmethod(lambda classes: nn.Linear(1, classes))

            trained = nn.Linear(2, 2)
            text = "no factory"
            """
        )
    )
    (tmp_path / "my_broken.py").write_text("import there_is_no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("my_models", "my_broken"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("own")
def test_build_makes_a_users_network():
    model = build("my_models:net", channels=2, size=9, classes=4, width=3)
    assert is_network(model)
    assert model(torch.zeros(1, 2, 9, 9)).shape == (1, 4)
    assert build("my_models:net", **SIZES) is not build("my_models:net", **SIZES)
    assert build("my_models:Zoo.small", **SIZES).out_features == 3


@pytest.mark.usefixtures("own")
def test_a_factory_that_takes_all_gets_all():
    build("my_models:everything", **SIZES, depth=2)
    assert importlib.import_module("my_models").net.seen == {**SIZES, "depth": 2}


def test_an_estimator_of_scikit_learn_is_named_directly():
    model = build("sklearn.ensemble:RandomForestClassifier", **SIZES, n_estimators=5)
    assert model.n_estimators == 5
    assert not is_network(model)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_takes_several_maps_or_says_which_do(name):
    if not MODELS[name].several_maps:
        with pytest.raises(UsageError, match=f"{name} reads one map a clip") as error:
            build(name, **SIZES, maps=2)
        assert "spp, base, svm, tree and your own" in error.value.remedy
        return
    model = build(name, **SIZES, maps=2)
    if is_network(model):
        channels, size = SIZES["channels"], SIZES["size"]
        logits = model.eval()(torch.zeros(3, 2, channels, size, size))
        assert logits.shape == (3, SIZES["classes"])


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("name", "options", "words", "remedy"),
    [
        ("no_such_package:net", {}, "no module no_such_package", "PYTHONPATH"),
        ("my_models.sub:net", {}, "no module my_models.sub", "PYTHONPATH"),
        ("my_models:nett", {}, "my_models has no 'nett'", "Did you mean 'net'"),
        ("my_models:text", {}, "is str, and not a class or function", "new model"),
        ("my_models:trained", {}, "is Linear, and not", "from one fold to the next"),
        ("my_models:number", {}, "returns int, neither", "new model"),
        ("my_models:a_class", {}, "returns type, neither", "new model"),
        ("my_models:demanding", {}, "missing a required argument: 'depth'", "as an option"),
        (
            "my_models:net",
            {"depth": 3},
            "takes no option 'depth'",
            "channels, size, classes, width",
        ),
        ("my_models:number", {"depth": 3}, "takes no option 'depth'", "none"),
        (":net", {}, "names no model", "package.module:factory"),
        ("my_models:", {}, "names no model", "package.module:factory"),
    ],
)
def test_build_refuses_broken_user_factories(name, options, words, remedy):
    with pytest.raises(UsageError, match=words) as error:
        build(name, **SIZES, **options)
    assert name in error.value.message
    assert remedy in error.value.remedy


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("my_models:broken", KeyError),
        ("my_models:type_error", TypeError),
        ("my_broken:net", ModuleNotFoundError),
    ],
)
def test_an_error_in_user_code_keeps_its_traceback(name, kind):
    with pytest.raises(kind):
        build(name, **SIZES)


def test_the_registry_needs_neither_torch_nor_scikit_learn():
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['sklearn'] = None\n"
        "from mepipe.networks.registry import MODELS, is_network, takes\n"
        "import mepipe.networks.classical\n"
        "print(len(MODELS), is_network(object()), takes('svm'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "10 False ('C', 'gamma')\n", done.stderr


def test_an_estimator_is_built_without_torch():
    code = (
        "import sys\n"
        "from mepipe.networks.registry import build, is_network\n"
        "model = build('hoof-svm', channels=3, size=28, classes=3)\n"
        "print(is_network(model), 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "False False\n", done.stderr
