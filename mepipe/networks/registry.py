"""The models by name, and the user's own; what a model needs is imported when it is built."""

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

PYRAMID = ("kernels", "position", "mode", "pool", "fuse", "width", "dropout")


@dataclass(frozen=True)
class Entry:
    """A built-in model.

    Parameters
    ----------
    target
        "module:callable", called with channels, size, classes and options as it takes them.
    kind
        "network" (a torch Module on (B, C, S, S)) or "estimator" (of
        scikit-learn, on (N, C * S * S)).
    options
        The options it takes. A baseline's dropout is its own.
    what
        What it is and where it comes from, in a line.
    """

    target: str
    kind: Literal["network", "estimator"]
    options: tuple[str, ...]
    what: str


_SVM = ("C", "gamma")
_TREE = ("max_depth", "min_samples_leaf")

MODELS = {
    "spp": Entry(
        "mepipe.networks.spp:SPPNet",
        "network",
        PYRAMID,
        "compact VGG-M with a spatial pyramid of pooling branches (Lim et al., IJACSA 2021)",
    ),
    "base": Entry(
        "mepipe.networks.spp:base",
        "network",
        PYRAMID,
        "the same base with 1x1 convolutions for the pyramid, as many parameters",
    ),
    "ststnet": Entry(
        "mepipe.networks.ststnet:STSTNet",
        "network",
        (),
        "three shallow streams of 3, 5 and 8 filters (Liong et al., FG 2019)",
    ),
    "off-apexnet": Entry(
        "mepipe.networks.off_apexnet:OFFApexNet",
        "network",
        (),
        "two streams, on u and on v, and wide layers (Gan et al., SPIC 2019)",
    ),
    "svm": Entry("mepipe.networks.classical:rbf_svm", "estimator", _SVM, "RBF-SVM on the features"),
    "tree": Entry(
        "mepipe.networks.classical:decision_tree",
        "estimator",
        _TREE,
        "decision tree on the features",
    ),
    "hoof-svm": Entry(
        "mepipe.networks.classical:hoof_svm",
        "estimator",
        _SVM,
        "RBF-SVM on flow histograms by region (Chaudhry et al., CVPR 2009)",
    ),
    "hoof-tree": Entry(
        "mepipe.networks.classical:hoof_tree",
        "estimator",
        _TREE,
        "decision tree on flow histograms by region (Chaudhry et al., CVPR 2009)",
    ),
    "mdmo-svm": Entry(
        "mepipe.networks.classical:mdmo_svm",
        "estimator",
        _SVM,
        "RBF-SVM on the main direction by region (Liu et al., T-AFFC 2016)",
    ),
    "mdmo-tree": Entry(
        "mepipe.networks.classical:mdmo_tree",
        "estimator",
        _TREE,
        "decision tree on the main direction by region (Liu et al., T-AFFC 2016)",
    ),
}


def build(name: str, *, channels: int, size: int, classes: int, **options: Any) -> Any:
    """Build the model ``name``.

    Parameters
    ----------
    name
        A key of `MODELS`, or "package.module:factory": any callable that
        returns a torch Module or a scikit-learn estimator, class or function.
        It is called anew for every training, and must make a new model each
        time: one that it keeps would carry what it learned from fold to fold.
    channels, size, classes
        A network takes (B, channels, size, size) and returns logits
        (B, classes); an estimator is fitted on (N, channels * size * size). A
        user's factory gets those of them that its signature names.
    options
        Keyword arguments of the model's own.

    Returns
    -------
    torch.nn.Module or scikit-learn estimator
        `is_network` says which.

    Raises
    ------
    UsageError
        If there is no such model, its options cannot be, or the user's factory
        cannot be imported or called, or returns neither. What is raised inside
        the user's code keeps its traceback.
    """
    given = {"channels": channels, "size": size, "classes": classes}
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


def is_network(model: object) -> bool:
    """Return whether a model is a torch Module; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def _entry(name: str) -> Entry:
    if name not in MODELS:
        meant = suggest(name, MODELS, form="Did you mean {!r}? ")
        raise UsageError(
            f"there is no model {name!r}",
            f"{meant}The models are: {', '.join(MODELS)}; your own is package.module:factory.",
        )
    return MODELS[name]


def is_own(name: str) -> bool:
    """Return whether ``name`` is a user's ``package.module:factory``."""
    return ":" in name


def code_digest(name: str) -> str:
    """Return the sha256 of the file that holds a user's own model; empty for a built-in one.

    It sees that file only, and not what it imports.
    """
    if not is_own(name):
        return ""
    try:
        found = importlib.util.find_spec(name.partition(":")[0])
    except (ImportError, ValueError):
        return ""  # building it will say what is wrong
    if found is None or not found.origin or not Path(found.origin).is_file():
        return ""
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()


def _build_own(name: str, given: dict[str, Any], options: dict[str, Any]) -> Any:
    factory = find_factory(name)
    try:
        signature = inspect.signature(factory)
    except ValueError:  # compiled code may not tell
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
    if not is_network(model) and not _is_estimator(model):
        raise UsageError(
            f"{name} returns {type(model).__name__}, neither a torch Module nor an object with "
            "fit and predict",
            "Name a class, or a function that returns a new model.",
        )
    return model


def find_factory(name: str) -> Callable[..., Any]:
    """Return what "package.module:factory" names.

    Raises
    ------
    UsageError
        If there is no such module or attribute, or it is no callable.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise UsageError(
            f"{name!r} names no model", "Write package.module:factory, or a built-in model's name."
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that the user's module imports in vain is the user's to see.
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
    """Return the arguments that can be given by name, and whether any name can."""
    parameters = signature.parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in parameters if p.kind in kinds], any(
        p.kind is p.VAR_KEYWORD for p in parameters
    )


def _accepted(signature: inspect.Signature, given: dict[str, Any]) -> dict[str, Any]:
    """Return those of ``given`` that a signature names; all, where it takes any."""
    named, takes_all = _named(signature)
    return {key: value for key, value in given.items() if takes_all or key in named}
