"""The models by name, built-in and the user's own. Their libraries are imported when built."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mepipe.errors import UsageError, suggest
from mepipe.extras import require
from mepipe.networks.own_modules import import_from_here, spec_here
from mepipe.schema import is_saved

PYRAMID = ("kernels", "position", "mode", "pool", "fuse", "cells", "width", "dropout")


@dataclass(frozen=True)
class Entry:
    """A built-in model.

    Parameters
    ----------
    target
        "module:callable". It is called with the options, and with those of channels,
        size and classes that its signature names.
    kind
        "network" (a torch Module on (B, C, S, S)) or "estimator" (of
        scikit-learn, on (N, C * S * S)).
    options
        The names of its options. The dropout of a baseline is not one of them.
    what
        A description with its source, in a line.
    called
        What a sentence calls it: "classified with ...".
    cite
        The work that it is from, a name of `mepipe.report.references`; empty: none.
    note
        What a list of names says of it, where the name alone does not tell.
    several_maps
        Whether it reads several maps a clip. Published models were made for one.
    """

    target: str
    kind: Literal["network", "estimator"]
    options: tuple[str, ...]
    what: str
    called: str
    cite: str = ""
    note: str = ""
    several_maps: bool = False


_SVM = ("C", "gamma")
_TREE = ("max_depth", "min_samples_leaf")

MODELS = {
    "spp": Entry(
        "mepipe.networks.spp:SPPNet",
        "network",
        PYRAMID,
        "compact VGG-M with a spatial pyramid of pooling branches (Lim et al., IJACSA 2021)",
        called="a compact network with a spatial pyramid pooling module",
        cite="spp",
        several_maps=True,
    ),
    "base": Entry(
        "mepipe.networks.spp:base",
        "network",
        PYRAMID,
        "the same base with 1x1 convolutions for the pyramid, as many parameters",
        called="the base of a spatial pyramid pooling network, without its pyramid",
        cite="spp",
        note="without its pyramid",
        several_maps=True,
    ),
    "ststnet": Entry(
        "mepipe.networks.ststnet:STSTNet",
        "network",
        (),
        "three shallow streams of 3, 5 and 8 filters (Liong et al., FG 2019)",
        called="STSTNet",
        cite="ststnet",
    ),
    "off-apexnet": Entry(
        "mepipe.networks.off_apexnet:OFFApexNet",
        "network",
        (),
        "two streams, on u and on v, and wide layers (Gan et al., SPIC 2019)",
        called="OFF-ApexNet",
        cite="off-apexnet",
    ),
    "svm": Entry(
        "mepipe.networks.classical:rbf_svm",
        "estimator",
        _SVM,
        "RBF-SVM on the features",
        called="a support vector machine (RBF kernel) on the features",
        several_maps=True,
    ),
    "tree": Entry(
        "mepipe.networks.classical:decision_tree",
        "estimator",
        _TREE,
        "decision tree on the features",
        called="a decision tree on the features",
        several_maps=True,
    ),
    "hoof-svm": Entry(
        "mepipe.networks.classical:hoof_svm",
        "estimator",
        _SVM,
        "RBF-SVM on flow histograms by region (Chaudhry et al., CVPR 2009)",
        called="a support vector machine on histograms of oriented optical flow",
        cite="hoof",
    ),
    "hoof-tree": Entry(
        "mepipe.networks.classical:hoof_tree",
        "estimator",
        _TREE,
        "decision tree on flow histograms by region (Chaudhry et al., CVPR 2009)",
        called="a decision tree on histograms of oriented optical flow",
        cite="hoof",
    ),
    "mdmo-svm": Entry(
        "mepipe.networks.classical:mdmo_svm",
        "estimator",
        _SVM,
        "RBF-SVM on the main direction by region (Liu et al., T-AFFC 2016)",
        called="a support vector machine on main directional mean optical flow",
        cite="mdmo",
    ),
    "mdmo-tree": Entry(
        "mepipe.networks.classical:mdmo_tree",
        "estimator",
        _TREE,
        "decision tree on the main direction by region (Liu et al., T-AFFC 2016)",
        called="a decision tree on main directional mean optical flow",
        cite="mdmo",
    ),
}


def build(
    name: str, *, channels: int, size: int, classes: int, maps: int | None = None, **options: Any
) -> Any:
    """Build the model ``name``.

    Parameters
    ----------
    name
        A key of `MODELS`, or "package.module:factory": a class or function that
        returns a torch Module or a scikit-learn estimator. It is called for
        every training and must return a new model each time: a model that is
        kept would carry what it learned from fold to fold.
    channels, size, classes
        A network takes (B, channels, size, size) and returns logits
        (B, classes). An estimator is fitted on (N, channels * size * size). A
        user's factory gets those that its signature names.
    maps
        How many maps a clip has, where the features are a sequence. A network then takes
        (B, maps, channels, size, size), an estimator (N, maps * channels * size * size).
    options
        Keyword arguments of the model itself.

    Returns
    -------
    torch.nn.Module or scikit-learn estimator
        `is_network` tells which.

    Raises
    ------
    UsageError
        If there is no such model; if an option is unknown or impossible; or if
        the user's factory cannot be imported or called, or returns neither; or
        if the features are a sequence, and the model reads one map a clip.
        Errors inside the user's code keep their traceback.

    Examples
    --------
    >>> from mepipe.networks.registry import build
    >>> type(build("svm", channels=3, size=28, classes=3, C=10.0)).__name__
    'Pipeline'
    """
    require("train", "a model")
    given = {"channels": channels, "size": size, "classes": classes}
    if maps is not None:
        require_several_maps(name)
        given["maps"] = maps
    if is_own(name):
        return _build_own(name, given, options)
    entry = _entry(name)
    unknown = sorted(set(options) - set(entry.options))
    if unknown:
        raise UsageError(
            f"the model {name} takes no option {unknown[0]!r}",
            f"Its options are: {', '.join(entry.options)}." if entry.options else "It has none.",
        )
    module, _, attribute = entry.target.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    return factory(**_accepted(inspect.signature(factory), given), **options)


def takes(name: str) -> tuple[str, ...]:
    """Return the names of the options of the built-in model ``name``.

    Raises
    ------
    UsageError
        If there is no such model.
    """
    return _entry(name).options


def require_several_maps(name: str) -> None:
    """Check that a built-in model reads several maps a clip. Your own is asked when it is built.

    Raises
    ------
    UsageError
        If it does not, or there is no such model.
    """
    if is_own(name) or _entry(name).several_maps:
        return
    able = ", ".join(one for one, entry in MODELS.items() if entry.several_maps)
    raise UsageError(
        f"{name} reads one map a clip, and model.map = sequence has several",
        f"Models of sequences are {able} and your own; or leave model.map at x.",
    )


def is_network(model: object) -> bool:
    """Return True if a model is a torch Module."""
    # A torch model cannot exist before torch is imported, so there is no need to import it.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def _entry(name: str) -> Entry:
    if is_saved(name):
        raise UsageError(
            f"{name} is a trained model, and this needs a kind of model to train",
            f"To train on from its weights: --from {name}; to measure it: mepipe evaluate "
            f"FEATURES --model {name}.",
        )
    if name not in MODELS:
        meant = suggest(name, MODELS, form="Did you mean {!r}? ")
        raise UsageError(
            f"there is no model {name!r}",
            f"{meant}The models are: {', '.join(MODELS)}; your own is package.module:factory.",
        )
    return MODELS[name]


def is_own(name: str) -> bool:
    """Return True if ``name`` is a user's ``package.module:factory``."""
    return ":" in name


def code_digest(name: str) -> str:
    """Return the sha256 of the file with a user's own model, empty for a built-in one.

    It covers that file only, not what it imports.
    """
    if not is_own(name):
        return ""
    module = name.partition(":")[0]
    try:
        top = spec_here(module.partition(".")[0])
        found = top if top and "." not in module else importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ""  # building the model raises the error
    if found is None or not found.origin or not Path(found.origin).is_file():
        return ""
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()


def _build_own(name: str, given: dict[str, Any], options: dict[str, Any]) -> Any:
    factory = find_factory(name)
    try:
        signature = inspect.signature(factory)
    except ValueError:  # compiled code may have no signature
        signature = inspect.Signature()
    named, takes_all = _named(signature)
    unknown = sorted(set(options) - set(named))
    if unknown and not takes_all:
        raise UsageError(
            f"{name} takes no option {unknown[0]!r}",
            f"It takes: {', '.join(named)}." if named else "It takes none.",
        )
    arguments = {**_accepted(signature, given), **options}
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise UsageError(
            f"{name} cannot be called with {', '.join(arguments) or 'nothing'}: {error}",
            "Give what is missing as an option, or wrap it in a function that needs only "
            "channels, size and classes.",
        ) from error
    model = factory(**arguments)
    if "maps" in given and "maps" not in arguments and is_network(model):
        raise UsageError(
            f"{name} has no argument named maps, so its network reads one map a clip, and "
            "model.map = sequence has several",
            "Name maps in its signature, and take (B, maps, channels, size, size); or leave "
            "model.map at x.",
        )
    if not is_network(model) and not _is_estimator(model):
        raise UsageError(
            f"{name} returns {type(model).__name__}, neither a torch Module nor an object with "
            "fit and predict",
            "Name a class, or a function that returns a new model.",
        )
    return model


def find_factory(name: str) -> Callable[..., Any]:
    """Return the callable that "package.module:factory" names.

    Raises
    ------
    UsageError
        If there is no such module or attribute, it is hidden, or it is no callable.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise UsageError(
            f"{name!r} names no model", "Write package.module:factory, or a built-in model's name."
        )
    try:
        import_from_here(module_name.partition(".")[0])
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # If the user's module itself lacks an import, its own traceback says more.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise UsageError(
            f"{name}: there is no module {error.name}",
            "Install it in mepipe's environment, or put its folder on PYTHONPATH.",
        ) from error
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UsageError(
                f"{name}: {module_name} has no {attribute!r}",
                suggest(part, dir(found), form="Did you mean {!r}?")
                or "Name a class or function of it.",
            )
        found = getattr(found, part)
    if is_network(found) or not callable(found):
        raise UsageError(
            f"{name} is {type(found).__name__}, and not a class or function that makes a model",
            "Name one that returns a new model at each call: a model that is kept would carry "
            "what it learned from one fold to the next.",
        )
    made: Callable[..., Any] = found
    return made


def _is_estimator(model: object) -> bool:
    return not isinstance(model, type) and all(
        callable(getattr(model, method, None)) for method in ("fit", "predict")
    )


def _named(signature: inspect.Signature) -> tuple[list[str], bool]:
    """Return the arguments that can be given by name, and True if any name can (**kwargs)."""
    parameters = signature.parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in parameters if p.kind in kinds], any(
        p.kind is p.VAR_KEYWORD for p in parameters
    )


def _accepted(signature: inspect.Signature, given: dict[str, Any]) -> dict[str, Any]:
    """Return those of ``given`` that a signature names, or all if it has **kwargs."""
    named, takes_all = _named(signature)
    return {key: value for key, value in given.items() if takes_all or key in named}
