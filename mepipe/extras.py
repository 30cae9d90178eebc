"""What mepipe can do without, and the line that installs it.

The base needs no torch: it takes clips to features. What trains, and what few people use, are
extras. A command asks for what it needs before any work. Nothing is imported to find out: a
library that is installed and broken shows its own error where it is imported.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from mepipe.errors import UsageError


@dataclass(frozen=True)
class Extra:
    """Libraries that are installed together: ``libraries`` maps a module to its distribution."""

    libraries: dict[str, str]
    about: str


BASE = {
    "av": "av",
    "click": "click",
    "dlib": "dlib-bin",
    "face_recognition_models": "face-recognition-models",
    "filelock": "filelock",
    "h5py": "h5py",
    "jinja2": "jinja2",
    "joblib": "joblib",
    "matplotlib": "matplotlib",
    "numba": "numba",
    "numpy": "numpy",
    "cv2": "opencv-contrib-python-headless",
    "openpyxl": "openpyxl",
    "pandas": "pandas",
    "PIL": "pillow",
    "platformdirs": "platformdirs",
    "pydantic": "pydantic",
    "rich": "rich",
    "scipy": "scipy",
    "threadpoolctl": "threadpoolctl",
}
"""Module -> distribution of what every command may need."""

EXTRAS = {
    "train": Extra(
        {"torch": "torch", "safetensors": "safetensors", "sklearn": "scikit-learn"},
        "train, evaluate and predict",
    ),
    "sample": Extra({"skimage": "scikit-image"}, "write the synthetic sample"),
    "dask": Extra({"dask": "dask", "distributed": "distributed"}, "compute on a cluster"),
    "review": Extra(
        {"sklearn": "scikit-learn", "starlette": "starlette", "uvicorn": "uvicorn"},
        "look at clips, correct their marks and compare coders",
    ),
    "elan": Extra({"pympi": "pympi-ling"}, "write files of ELAN"),
}
"""The extras of pyproject.toml. `tests/test_extras.py` holds the two together."""

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where CPU builds of torch are: PyPI's builds for Linux carry the libraries of a GPU."""


def missing(modules: Iterable[str]) -> list[str]:
    """Return those of some modules that are not installed. Imports none of them.

    Examples
    --------
    >>> missing(["json", "no_such_module"])
    ['no_such_module']
    """
    return [name for name in modules if find_spec(name) is None]


def require(extra: str, purpose: str, *, otherwise: str = "") -> None:
    """Check that the libraries of an extra are installed: to be called before any work.

    Parameters
    ----------
    extra
        A key of `EXTRAS`.
    purpose
        What needs them, at the beginning of a sentence: "training".
    otherwise
        What can be done without them; a sentence.

    Raises
    ------
    UsageError
        If one is not installed. It gives the line that installs it.

    Examples
    --------
    >>> require("train", "training")
    """
    libraries = EXTRAS[extra].libraries
    absent = [libraries[name] for name in missing(libraries)]
    if absent:
        remedy = f"Install {_them(absent)}: {install_line(extra)}"
        raise UsageError(_needs(purpose, absent), f"{remedy}. {otherwise}".rstrip(". "))


def require_library(module: str, purpose: str) -> None:
    """Check that one library is installed: mepipe may stand beside numpy and h5py alone.

    Raises
    ------
    UsageError
        If it is not.
    """
    if missing([module]):
        names = {one: name for extra in EXTRAS.values() for one, name in extra.libraries.items()}
        name = names.get(module, module)
        raise UsageError(_needs(purpose, [name]), f"Install it: {_line(name)}")


def install_line(extra: str) -> str:
    """Return the line that installs an extra; of torch, the build that fits this machine."""
    return _line(f"'mepipe[{extra}]'", torch="torch" in EXTRAS[extra].libraries)


def _line(what: str, *, torch: bool = False) -> str:
    # On other systems than Linux, PyPI's build of torch has no libraries of a GPU.
    cpu = sys.platform == "linux" and shutil.which("nvidia-smi") is None
    index = f" --extra-index-url {CPU_INDEX}" if cpu and (torch or what == "torch") else ""
    return f"pip install {what}{index}"


def _needs(purpose: str, absent: list[str]) -> str:
    *first, last = absent
    names = f"{', '.join(first)} and {last}" if first else last
    return f"{purpose} needs {names}, which {'are' if first else 'is'} not installed"


def _them(absent: list[str]) -> str:
    return "them" if len(absent) > 1 else "it"
