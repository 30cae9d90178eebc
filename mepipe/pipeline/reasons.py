"""The reasons that plans and explanations give for a stale stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mepipe.cache.keys import canonical
from mepipe.cache.records import compact
from mepipe.pipeline.past_runs import Recorded
from mepipe.stages import Stage

_INPUT_NAMES = {
    "box": "face box corrected",
    "frames": "input changed",
    "timing": "frames per second changed",
    "count": "number of frames changed",
    "marks": "annotation changed",
    "reference": "annotation changed",
    "transforms": "face position changed",
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
    """Return why there is no usable object with ``key``.

    Parameters
    ----------
    stage
        The stale stage.
    key, parts
        The key that is needed now, and its parts.
    last
        The entry of the newest run record for this stage of the clip.
    damaged
        True if a file with that key exists but is damaged.
    """
    if damaged:
        return "damaged"
    if last is None:
        return "new"
    if last.name.key == key:
        return "missing from the cache"
    if last.version != stage.version:
        return f"stage version changed from {last.version} to {stage.version}"
    # Compared as JSON, because a record returns lists where a stage gives tuples.
    before, after = last.parts, json.loads(canonical(compact(parts)))
    for name in sorted({*before, *after}, key=_order):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name == "method":
            return f"method of the key frames changed from {old} to {new}"
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
    # A changed method or setting usually changes the inputs as well. It is the cause, so it is
    # reported first.
    return ({"method": 0, "settings": 1}.get(name, 2), name)


def _setting(stage: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return "; ".join(
        f"setting {stage}.{key} changed from {_show(old.get(key))} to {_show(new.get(key))}"
        for key in changed
    )


def _show(value: object) -> str:
    return "unset" if value is None else json.dumps(value)
