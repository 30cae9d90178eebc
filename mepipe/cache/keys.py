"""Keys: the sha256 of the canonical JSON of all that decides an object's bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None

# Made once: a plan writes tens of thousands of keys.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical(value: Json) -> str:
    """Return the one JSON text of ``value``: keys sorted, no white space, no NaN.

    Two values have the same text if and only if they are equal as JSON, so it
    does not matter in which order settings were given or whether a sequence is
    a list or a tuple. Floats are written with the fewest digits that give them
    back exactly.

    Raises
    ------
    ValueError
        If a number is NaN or infinite: neither can be part of a key.
    """
    return _ENCODER.encode(value)


def sha256_text(text: str) -> str:
    """Return the sha256 of ``text`` as UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def object_key(stage: str, version: int, parts: Mapping[str, Json]) -> str:
    """Return the key of the object that ``stage`` makes from ``parts``."""
    return sha256_text(canonical({"stage": stage, "version": version, **parts}))
