"""The card of a saved model: what it was trained on, how, and what its inputs must be.

The card is JSON in the header of the .safetensors file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mepipe.errors import DamageError, UsageError
from mepipe.features.splits import LabelledClips
from mepipe.networks.registry import MODELS, takes
from mepipe.schema import CLIP_STAGES, ModelMap

FORMAT = "mepipe-model"
FORMAT_VERSION = 2
"""Version 1 knows no ``model.cells``: each branch of its pyramids has the fewest windows.
Nor ``inputs.per_clip`` and ``inputs.temperature``: an older mepipe would answer wrongly.
Nor models that read several maps a clip."""

# Sections of the feature settings that decide what a network sees.
DECIDING = CLIP_STAGES

# These add to the features, and leave what a network sees as it is.
_BESIDE = {"flow": {"keep_faces", "targets"}}
_OF_A_SEQUENCE = {"targets"}

_LONGEST_HEADER = 100 << 20
_ABSENT = "(not set)"

# Of the logits, divided by it before the softmax.
COLDEST, HOTTEST = 0.05, 20.0

WIDEST = 512
MOST_KERNELS = 64
LARGEST = 512
_Side = Annotated[int, Field(ge=4, le=LARGEST)]
_Channels = Annotated[int, Field(ge=1, le=16)]
_OneMap = Annotated[tuple[_Channels, _Side, _Side], Field(strict=False)]
_SeveralMaps = Annotated[
    tuple[Annotated[int, Field(ge=1, le=64)], _Channels, _Side, _Side], Field(strict=False)
]


def differences(
    trained: Mapping[str, Any], here: Mapping[str, Any], reads: ModelMap = "x"
) -> list[str]:
    """Return what differs between two feature settings, of the sections that decide a map."""
    found = []
    for section in DECIDING:
        one, two = section_of(trained, section), section_of(here, section)
        beside = _BESIDE.get(section, set()) - (_OF_A_SEQUENCE if reads == "sequence" else set())
        for key in sorted((one.keys() | two.keys()) - beside):
            was, now = one.get(key, _ABSENT), two.get(key, _ABSENT)
            if was != now:
                found.append(f"{section}.{key} was {was} in training and is {now} here")
    return found


def section_of(settings: Any, name: str) -> dict[str, Any]:
    """Return a section of the settings in a file; none of one that is something else."""
    found = settings.get(name) if isinstance(settings, dict) else None
    return found if isinstance(found, dict) else {}


def kind_of(card: Mapping[str, Any]) -> str:
    """Return "synthetic" for a model of made movements only, "trained" for one of clips."""
    return "synthetic" if card.get("synthetic") else "trained"


def figures_of(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the figures in a card: ``on`` (what they were measured on), ``uf1`` and ``uar``.

    A card has those of an evaluation with the same settings, or a list of such entries, or
    none. An entry that is no such thing is left out: the card is another's.
    """
    given = card.get("figures")
    if isinstance(given, dict):
        protocol, clips = given.get("protocol"), given.get("clips")
        on = f"{clips} clips by {protocol}, with other networks of the same settings"
        given = [{**given, "on": on}]
    return [
        {name: one[name] for name in ("on", "uf1", "uar")}
        for one in (given if isinstance(given, list) else ())
        if isinstance(one, dict)
        and isinstance(one.get("on"), str)
        and all(isinstance(one.get(name), int | float) for name in ("uf1", "uar"))
    ]


def describe_card(name: str, card: Mapping[str, Any]) -> str:
    """Return in a line what a saved model is: what it was trained on, its classes, its figures.

    >>> told = {"synthetic": {"seed": 0}, "classes": ["negative", "positive", "surprise"]}
    >>> told["figures"] = [{"on": "made clips of other faces", "uf1": 0.8, "uar": 0.81}]
    >>> print(describe_card("pretrained", told))
    pretrained: trained on made movements only, on no real clip; knows negative, positive and \
surprise; UF1 0.800, UAR 0.810 on made clips of other faces
    """
    *first, last = map(str, card["classes"])
    trained = "trained on made movements only, on no real clip"
    if kind_of(card) != "synthetic":
        clips, people = len(_listed(card.get("clips"))), card.get("subjects", "unknown")
        trained = f"trained on {clips} clips of {people} people"
    parts = [f"{name}: {trained}", f"knows {', '.join(first)} and {last}"]
    parts += [
        f"UF1 {one['uf1']:.3f}, UAR {one['uar']:.3f} on {one['on']}" for one in figures_of(card)
    ]
    return "; ".join(parts)


def known_to(card: Mapping[str, Any], part: str) -> set[str]:
    """Return the ``clips`` or ``persons`` of a training, and of what it started from."""
    start = card.get("from")
    earlier = start.get(part) if isinstance(start, dict) else None
    return set(map(str, [*_listed(card.get(part)), *_listed(earlier)]))


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def seen_in_training(card: Mapping[str, Any], clips: LabelledClips) -> tuple[str, ...]:
    """Return the ids of those clips that a model was trained on, or whose person it was trained on.

    Cards of before name clips and no persons.
    """
    known, persons = known_to(card, "clips"), known_to(card, "persons")
    return tuple(
        clip
        for clip, person in zip(clips.clip, clips.group, strict=True)
        if clip in known or person in persons
    )


def read_card(path: Path) -> dict[str, Any]:
    """Return the card of a saved model, reading the file's header alone.

    Raises
    ------
    UsageError
        If there is no such file, or it is no saved model, or from a newer mepipe.
    DamageError
        If it is one, and damaged.
    """
    if path.is_dir() or not path.is_file():
        raise UsageError(
            f"there is no model file {path}", "`mepipe train FEATURES --out FILE` writes one."
        )
    refuse = UsageError(
        f"{path} is not a model of mepipe",
        "Give a .safetensors file that `mepipe train` wrote; pickled models (.pt, .pth, .pkl) "
        "can run code and are never opened.",
    )
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise refuse
        (length,) = struct.unpack("<Q", start)
        if length > min(_LONGEST_HEADER, path.stat().st_size):
            raise refuse
        try:
            header = json.loads(file.read(length))
            card = json.loads(header["__metadata__"]["mepipe"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise refuse from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise refuse
    version = card.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise UsageError(
            f"{path} has the format {version}, newer than this mepipe's {FORMAT_VERSION}",
            "Update mepipe.",
        )
    return card


class Plain(BaseModel):
    """A part of a JSON file that anybody may have edited: types are strict, NaN is no number."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, strict=True)


class _Inputs(Plain):
    recentre: bool
    scale: list[Annotated[float, Field(gt=0, lt=1e30)]]
    mirror: bool
    seen: list[bool]
    members: int = Field(ge=1, le=20)
    # Cards of the format 1 have neither.
    per_clip: bool = False
    temperature: float = Field(1.0, ge=COLDEST, le=HOTTEST)


class _Features(Plain):
    map: ModelMap = "x"  # cards of the format 1 have none
    shape: _OneMap | _SeveralMaps
    channels: list[str]
    settings: dict[str, Any]


class Card(Plain):
    """What a card must say.

    The bounds keep a file of a few kB from asking for any amount of memory.
    """

    model: dict[str, Any]
    classes: list[str] = Field(min_length=2, max_length=100)
    features: _Features
    inputs: _Inputs

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        channels, rows, columns = self.features.shape[-3:]
        if (len(self.features.shape) == 4) != (self.features.map == "sequence"):
            raise ValueError("shape and map do not agree")
        if rows != columns or channels != len(self.features.channels):
            raise ValueError("shape and channels do not agree")
        if len(self.inputs.scale) != channels:
            raise ValueError("scale needs a value a channel")
        if len(self.inputs.seen) != len(self.classes) or not any(self.inputs.seen):
            raise ValueError("seen needs a value a class, and one that is true")
        if not isinstance(self.model.get("name"), str):
            raise ValueError("the model has no name")  # noqa: TRY004
        if {"channels", "size", "classes", "maps"} & set(self.model):
            raise ValueError("the input decides channels, size, classes and maps")
        # Raises ValueError: a NaN is no number of JSON, and within every bound of the networks.
        json.dumps(self.model, allow_nan=False)
        width = self.model.get("width", 8)
        if type(width) is not int or not 4 <= width <= WIDEST:
            raise ValueError(f"a width beyond {WIDEST}")
        kernels = self.model.get("kernels", ())
        if self.model["name"] in MODELS and not (
            isinstance(kernels, list | tuple)
            and len(kernels) <= MOST_KERNELS
            and all(type(kernel) is int for kernel in kernels)
        ):
            raise ValueError(f"kernels are up to {MOST_KERNELS} whole numbers")
        return self


def checked_card(path: Path, card: Mapping[str, Any]) -> Card:
    """Return what a card says; raise DamageError if it cannot be right."""
    try:
        known = Card.model_validate(card)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamageError(
            f"{path}: its card cannot be right: {where} {first['msg'].lower()}".rstrip(),
            "Train the model again.",
        ) from None
    name = known.model["name"]
    if card["format_version"] < 2 and name in MODELS and "cells" in takes(name):
        return known.model_copy(update={"model": {**known.model, "cells": "fewest"}})
    return known
