"""``mepipe doctor``."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from importlib.metadata import distributions, version
from pathlib import Path

import click

from mepipe.cli.errors import exit_codes
from mepipe.cli.terminal import say
from mepipe.errors import EXIT_USAGE, UsageError
from mepipe.extras import BASE, EXTRAS, install_line, missing

_OPENCVS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


@click.command()
@click.option("--cache", type=click.Path(path_type=Path), help="The cache to check.")
def command(cache: Path | None) -> None:
    """Print versions, conflicts, model files, devices and disk; exit with 2 after a problem.

    \b
    Example:
      mepipe doctor
    """
    with exit_codes():
        problems = [*_versions(), *_models(), *_device(), *_disk(cache)]
        for problem in problems:
            say(f"PROBLEM   {problem}")
        if not problems:
            say("No problem found.")
    sys.exit(EXIT_USAGE if problems else 0)


def conflicts(installed: set[str]) -> list[str]:
    """Return the conflicts between installed distributions.

    Parameters
    ----------
    installed
        Names of the distributions, in lower case.
    """
    found = []
    opencvs = [name for name in _OPENCVS if name in installed]
    if len(opencvs) > 1:
        found.append(
            f"{' and '.join(opencvs)} overwrite each other's cv2. Run: pip uninstall "
            f"{' '.join(opencvs)} && pip install opencv-contrib-python-headless"
        )
    elif opencvs and "contrib" not in opencvs[0]:
        found.append(
            f"{opencvs[0]} has no TV-L1 (cv2.optflow). Run: pip uninstall {opencvs[0]} && "
            "pip install opencv-contrib-python-headless"
        )
    if {"dlib", "dlib-bin"} <= installed:
        found.append(
            "dlib and dlib-bin overwrite each other. Run: pip uninstall dlib dlib-bin && "
            "pip install dlib-bin"
        )
    return found


def _versions() -> list[str]:
    from mepipe import __version__

    say(f"mepipe    {__version__} ({Path(__file__).resolve().parents[1]})")
    say(f"python    {platform.python_version()}, {platform.system()} {platform.machine()}")
    installed = {
        (dist.metadata["Name"] or "").lower().replace("_", "-") for dist in distributions()
    }
    for name in BASE.values():
        say(f"library   {name} {version(name) if name in installed else 'MISSING'}")
    for name, extra in EXTRAS.items():
        absent = [extra.libraries[module] for module in missing(extra.libraries)]
        there = [one for one in extra.libraries.values() if one not in absent]
        said = ", ".join([f"{one} {version(one)}" for one in there] + [f"no {n}" for n in absent])
        # What is left out is no problem: it is named with the line that brings it.
        how = f". To {extra.about}: {install_line(name)}" if absent else ""
        say(f"extra     {name}: {said}{how}")
    absent = [name for name in BASE.values() if name not in installed]
    found = [f"{name} is missing. Run: pip install {name}" for name in absent]
    found += conflicts(installed)
    reinstall = "Run: pip install --force-reinstall"
    modules = (("cv2", "opencv-contrib-python-headless"), ("dlib", "dlib-bin"), ("av", "av"))
    for module, distribution in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            found.append(f"{module} cannot be imported ({error}). {reinstall} {distribution}")
    # One OpenCV distribution can overwrite another, so the installed list alone proves nothing.
    cv2 = sys.modules.get("cv2")
    if cv2 is not None and not hasattr(cv2, "optflow") and not conflicts(installed):
        found.append(f"cv2 has no optflow. {reinstall} opencv-contrib-python-headless")
    return found


def _models() -> list[str]:
    from mepipe.assets import landmarks_dir, model_files, verified_model_path

    say(f"face data {landmarks_dir()}")
    found = []
    for model in model_files():
        try:
            path = verified_model_path(model.name)
        except UsageError as error:
            found.append(str(error))
            continue
        say(f"model     {path}")
        say(f"          sha256 {model.sha256}, checked")
        say(f"          licence: {model.licence}")
    return found


def _device() -> list[str]:
    from mepipe.evaluation.device import available

    if missing(["torch"]):
        say("devices   none to train on: there is no torch")
        return []
    try:
        say(f"devices   {', '.join(available())}")
    except ImportError as error:
        return [f"torch cannot be imported ({error}). Run: pip install --force-reinstall torch"]
    return []


def _disk(cache: Path | None) -> list[str]:
    from mepipe.cache.location import cache_root

    root = cache_root(cache)
    existing = next(path for path in (root, *root.resolve().parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    say(f"cache     {root} ({free:.1f} GB free)")
    if not existing.is_dir():
        return [
            f"the cache {root} cannot be created: {existing} is a file. Choose another with --cache"
        ]
    if not os.access(existing, os.W_OK):
        return [f"{existing} cannot be written. Choose another cache with --cache"]
    return []
