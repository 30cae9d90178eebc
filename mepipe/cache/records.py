"""Run records: what a run was made of, so that later commands need not guess.

One compressed JSON file a run, written before the first task and replaced at
the end. They say why something is stale, what may be removed, and hold the
small values of objects so that planning opens none.
"""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.keys import Json, canonical, sha256_text

FORMAT_VERSION = 1
_LONGEST_LIST = 16


def new_run_id() -> str:
    """Return an id that sorts by time: UTC to the second, and four random bytes."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def compact(parts: Mapping[str, Json]) -> dict[str, Json]:
    """Return the parts of a key with long lists as their digests.

    A spotted clip names every frame; ten thousand of them would make records of
    hundreds of megabytes, when all that is asked is whether the list is the same.
    """
    return {
        name: {"items": len(value), "sha256": sha256_text(canonical(value))}
        if isinstance(value, list | tuple) and len(value) > _LONGEST_LIST
        else value
        for name, value in parts.items()
    }


def write_record(cache_root: Path, run_id: str, record: dict[str, Any]) -> None:
    """Write (or replace) the record of ``run_id``."""
    folder = cache_root / "runs"
    disk.make_folder(folder)
    text = json.dumps({"format_version": FORMAT_VERSION, "id": run_id, **record})
    disk.write_atomic(folder / f"{run_id}.json.gz", gzip.compress(text.encode(), 1, mtime=0))


def read_records(cache_root: Path) -> Iterator[dict[str, Any]]:
    """Yield the run records, the newest first; damaged or newer ones are passed over.

    A record only ever saves work or explains it, so a missing one is no error.
    """
    folder = cache_root / "runs"
    for name in reversed(disk.names(folder)):
        data = disk.read_bytes(folder / name)
        if not name.endswith(".json.gz") or data is None:
            continue
        try:
            record = json.loads(gzip.decompress(data))
        except (OSError, EOFError, ValueError):
            continue
        if isinstance(record, dict) and record.get("format_version") == FORMAT_VERSION:
            yield record
