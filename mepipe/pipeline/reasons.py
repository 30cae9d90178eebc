"""Why a stage is stale, in the words of a plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mepipe.cache.keys import canonical
from mepipe.cache.records import compact
from mepipe.pipeline.run_records import Recorded
from mepipe.stages import Stage

_INPUT_NAMES = {
    "box": "face box corrected",
    "frames": "input changed",
    "timing": "frames per second changed",
    "count": "number of frames changed",
    "marks": "annotation changed",
    "reference": "annotation changed",
    "transforms": "face found elsewhere",
    "uv": "flow changed",
    "sequence": "flow changed",
    "inter_ocular": "flow changed",
}


def reason_for(
    stage: Stage,
    key: str,
    parts: Mapping[str, Any],
    last: Recorded | None,
    *,
    damaged: bool,
) -> str:
    """Say why there is no usable object with ``key``.

    Parameters
    ----------
    stage
        The stale stage.
    key, parts
        What is wanted now.
    last
        What the newest run record says of this stage of the clip.
    damaged
        Whether a file of that key is there but damaged.
    """
    if damaged:
        return "damaged"
    if last is None:
        return "new"
    if last.name.key == key:
        return "missing from the cache"
    if last.version != stage.version:
        return f"stage version from {last.version} to {stage.version}"
    # Compared as JSON: what a record gives back has lists for tuples.
    before, after = last.parts, json.loads(canonical(compact(parts)))
    for name in sorted({*before, *after}, key=_order):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name == "method":
            return f"key frames by {new} instead of {old}"
        if name == "settings":
            return _setting(stage.name, old or {}, new or {})
        if name == "assets":
            changed = [
                k for k in {**(old or {}), **(new or {})} if (old or {}).get(k) != new.get(k)
            ]
            return f"{', '.join(sorted(changed))} changed"
        return _INPUT_NAMES.get(name, f"{name} changed")
    return "changed"


def _order(name: str) -> tuple[int, str]:
    # The method, then a setting, explain more than the inputs that they bring along.
    return ({"method": 0, "settings": 1}.get(name, 2), name)


def _setting(stage: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return "; ".join(
        f"setting {stage}.{key} from {_show(old.get(key))} to {_show(new.get(key))}"
        for key in changed
    )


def _show(value: object) -> str:
    return "unset" if value is None else json.dumps(value)
