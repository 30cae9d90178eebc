"""Which device trains."""

from __future__ import annotations

import os

from mepipe.errors import UsageError
from mepipe.extras import require
from mepipe.schema import DEVICES


def available() -> tuple[str, ...]:
    """Return the devices that torch can use here, "cpu" last."""
    require("train", "the choice of a device")
    import torch

    here = []
    if torch.cuda.is_available():
        here.append("cuda")
    if torch.backends.mps.is_available():
        here.append("mps")
    return (*here, "cpu")


def resolve(name: str) -> str:
    """Return the device for ``name``: "cpu", "cuda" or "mps".

    "auto" is a CUDA GPU where there is one, else the CPU; Apple's GPU is used
    only when named, for its results cannot be promised to repeat. "cpu" does
    not import torch.

    Raises
    ------
    UsageError
        If the device is unknown or not there.
    """
    if name not in DEVICES:
        raise UsageError(f"no device {name!r}", f"Choose one of {', '.join(DEVICES)}.")
    if name == "cpu":
        return name
    # cuBLAS reads this once, when it starts; without it its sums may change their order.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    here = available()
    if name == "auto":
        return "cuda" if "cuda" in here else "cpu"
    if name not in here:
        raise UsageError(f"the device {name} is not there", f"Available here: {', '.join(here)}.")
    return name


def require_device(name: str) -> None:
    """Raise if the device is not there; "auto" and "cpu" always are, and cost no import of torch.

    Raises
    ------
    UsageError
        As `resolve`.
    """
    if name not in {"auto", "cpu"}:
        resolve(name)
