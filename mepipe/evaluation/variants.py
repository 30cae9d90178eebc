"""The paper's study as data: what is varied of the SPP network, one thing at a time.

Lim et al. (IJACSA 12(12), 2021) compare configurations of the pyramid; the
variants here are: none; every position; kernel sets from {2} to {2, ..., 6};
and the ways of pooling that are called spatial pyramid pooling.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mepipe.errors import UsageError
from mepipe.networks.pyramid import CELLS, MODES, POOLS, Pyramid, plan

LARGEST = 6
BASELINE = "baseline"


@dataclass(frozen=True)
class Variant:
    """One row of the study: changes to the model's settings.

    ``study`` is the question that it answers; the baseline (no change) belongs to all of them
    and comes first.
    """

    study: str
    name: str
    change: Mapping[str, Any]


def variants(size: int, model: Mapping[str, Any], only: Collection[str] = ()) -> list[Variant]:
    """Return the rows for an input of ``size`` x ``size``, the baseline first.

    Parameters
    ----------
    size
        Side of the input.
    model
        The settings of the model: ``kernels``, ``position``, ``mode`` and ``cells`` at
        least.
    only
        The studies that are wanted. Empty: all.

    Returns
    -------
    list of Variant
        Those that fit: a kernel larger than the map is left out with its
        variant. No two are alike. Where the choice of ``cells`` makes no
        difference there is no row for it.

    Raises
    ------
    UsageError
        If the settings of the baseline do not fit: there is nothing to compare with.
    """
    whole = _plan(size, model)
    seen: list[dict[str, Any]] = []
    rows = []
    for variant in _all(model):
        settings = {**model, **variant.change}
        if only and variant.study not in {BASELINE, *only}:
            continue
        if settings in seen or not _fits(size, settings):
            continue
        if variant.study == "cells" and _plan(size, settings) == whole:
            continue
        seen.append(settings)
        rows.append(variant)
    return rows


def _all(model: Mapping[str, Any]) -> Iterator[Variant]:
    kernels, position = tuple(model["kernels"]), int(model["position"])
    named = ", ".join(map(str, kernels))
    yield Variant(
        BASELINE,
        f"{{{named}}} after layer {position}, {model['mode']}",
        {"name": "spp", "kernels": kernels},
    )
    yield Variant("without", "no pyramid", {"name": "spp", "kernels": (), "mode": "upsample"})
    yield Variant("without", "1x1 convolutions, as many parameters", {"name": "base"})
    for layer in range(1, 6):
        yield Variant("position", f"after layer {layer}", {"name": "spp", "position": layer})
    for last in range(2, LARGEST + 1):
        some = tuple(range(2, last + 1))
        text = f"{{{', '.join(map(str, some))}}}"
        yield Variant("kernels", text, {"name": "spp", "kernels": some})
    for cells in CELLS:
        yield Variant("cells", f"{cells} windows", {"name": "spp", "cells": cells})
    for mode in MODES:
        if mode != "flat":  # which only the last layer can have
            yield Variant("mode", mode, {"name": "spp", "mode": mode})
    yield Variant("mode", "flat, after layer 5", {"name": "spp", "mode": "flat", "position": 5})
    for pool in POOLS:
        yield Variant("pool", pool, {"name": "spp", "pool": pool})
    for fuse in ("concat-1x1", "concat", "sum"):
        yield Variant("fuse", fuse, {"name": "spp", "fuse": fuse})


def _plan(size: int, settings: Mapping[str, Any]) -> Pyramid:
    return plan(
        size, settings["kernels"], settings["position"], settings["mode"], settings["cells"]
    )


def _fits(size: int, settings: Mapping[str, Any]) -> bool:
    if settings["mode"] == "flat" and (settings["name"] == "base" or settings["fuse"] == "sum"):
        return False  # neither has a meaning
    if not settings["kernels"]:
        return True
    try:
        _plan(size, settings)
    except UsageError:
        return False
    return True
