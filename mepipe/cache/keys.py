"""Keys: the sha256 of the canonical JSON of everything that decides the bytes of an object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None

# Created once: a plan computes tens of thousands of keys.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical(value: Json) -> str:
    """Return the canonical JSON text of ``value``: sorted keys, no white space, no NaN.

    Two values have the same text if and only if they are equal as JSON. So the
    order of settings does not matter, nor whether a sequence is a list or a tuple.
    Floats have the fewest digits that read back exactly.

    Raises
    ------
    ValueError
        If a number is NaN or infinite. Neither can be part of a key.

    Examples
    --------
    >>> from mepipe.cache.keys import canonical
    >>> canonical({"size": 28, "range": (0.1, 1.0)})
    '{"range":[0.1,1.0],"size":28}'
    """
    return _ENCODER.encode(value)


def sha256_text(text: str) -> str:
    """Return the sha256 of ``text`` as UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def object_key(stage: str, version: int, parts: Mapping[str, Json]) -> str:
    """Return the key of the object that ``stage`` computes from ``parts``."""
    return sha256_text(canonical({"stage": stage, "version": version, **parts}))
