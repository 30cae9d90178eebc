"""The networks by name; torch is imported only when one is built."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mepipe.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

NETWORKS = {"spp": "mepipe.networks.spp:SPPNet"}


def build(name: str, *, channels: int, size: int, classes: int, **options: Any) -> nn.Module:
    """Build the network ``name``.

    Parameters
    ----------
    name
        A key of `NETWORKS`.
    channels, size, classes
        It takes (B, channels, size, size) and returns logits (B, classes).
    options
        Keyword arguments of the network's own.

    Raises
    ------
    UsageError
        If there is no such network, or its options cannot be.
    """
    if name not in NETWORKS:
        raise UsageError(
            f"no network {name!r}", f"The networks are: {', '.join(sorted(NETWORKS))}."
        )
    module, factory = NETWORKS[name].split(":")
    network: nn.Module = getattr(importlib.import_module(module), factory)(
        channels=channels, size=size, classes=classes, **options
    )
    return network
