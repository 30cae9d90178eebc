"""Run records: the settings and inputs of each run, for later commands.

A record is a small compressed JSON file. It is written before the first task and
replaced at the end. Its data about the clips is in tables, each named by the digest
of its text: runs with the same result share them, and a table is read only when it
is needed. Records explain why something is stale and what may be removed. They hold
the small values of objects, so that planning opens none. They only save or explain
work: a damaged record is treated as missing.
"""

from __future__ import annotations

import gzip
import json
import secrets
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.keys import Json, canonical, sha256_text
from mepipe.cache.marker import TABLE_FILE

FORMAT_VERSION = 2
# Longer lists in the parts of a key are recorded as digests. The pair of frames of flow stays a
# list: a report reads it.
_LONGEST_LIST = 16
_STAMP = "%Y%m%dT%H%M%SZ"
_END = ".json.gz"


def new_run_id(cache_root: Path) -> str:
    """Return an id that sorts after every other: UTC to the second, and four random bytes.

    If the clock was set back, the time is one second after the newest record's.
    """
    now = datetime.now(UTC)
    last = next(filter(None, map(started_at, run_ids(cache_root))), None)
    if last is not None:
        now = max(now, last + timedelta(seconds=1))
    return f"{now:{_STAMP}}-{secrets.token_hex(4)}"


def started_at(run_id: str) -> datetime | None:
    """Return when a run began, or None if its id has no valid time."""
    try:
        return datetime.strptime(run_id.partition("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def compact(parts: Mapping[str, Json]) -> dict[str, Json]:
    """Return the parts of a key with long lists replaced by their digests.

    The key of a spotted clip names every frame. Ten thousand clips would make records
    of hundreds of megabytes, and only equality of the lists is ever needed.
    """
    return {
        name: {"items": len(value), "sha256": sha256_text(canonical(value))}
        if isinstance(value, list | tuple) and len(value) > _LONGEST_LIST
        else value
        for name, value in parts.items()
    }


def run_ids(cache_root: Path) -> list[str]:
    """Return the ids of the recorded runs, the newest first."""
    found = [name for name in disk.names(cache_root / "runs") if name.endswith(_END)]
    return [name.removesuffix(_END) for name in reversed(found)]


def write_record(cache_root: Path, run_id: str, record: Mapping[str, Any]) -> None:
    """Write (or replace) the record of ``run_id``."""
    content = {"format_version": FORMAT_VERSION, "id": run_id, **record}
    _write(cache_root / "runs" / f"{run_id}{_END}", json.dumps(content))


def read_record(cache_root: Path, run_id: str) -> dict[str, Any] | None:
    """Return the record of ``run_id``, or None if there is none of this format."""
    text = _read(cache_root / "runs" / f"{run_id}{_END}")
    record = _parsed(text)
    if isinstance(record, dict) and record.get("format_version") == FORMAT_VERSION:
        return record
    return None


def read_records(cache_root: Path) -> Iterator[dict[str, Any]]:
    """Yield the run records, the newest first. Damaged and foreign ones are skipped."""
    for run_id in run_ids(cache_root):
        record = read_record(cache_root, run_id)
        if record is not None:
            yield record


def write_table(cache_root: Path, content: Json) -> str:
    """Store a table, if it does not exist yet, and return its name."""
    text = json.dumps(content, separators=(",", ":"))
    name = sha256_text(text)
    path = table_path(cache_root, name)
    # The name is the digest of the text, so an existing file has this content.
    if disk.facts(path) is None:
        _write(path, text)
    return name


def read_table(cache_root: Path, name: str) -> Any:
    """Return the table ``name``, or None if it is gone or damaged or ``name`` is no digest."""
    # The name comes from a record and becomes a path. It must not lead out of the folder.
    if not TABLE_FILE.fullmatch(f"{name}{_END}"):
        return None
    text = _read(table_path(cache_root, name))
    return None if text is None or sha256_text(text) != name else _parsed(text)


def table_path(cache_root: Path, name: str) -> Path:
    """Return the path of the table ``name``."""
    return cache_root / "tables" / f"{name}{_END}"


def table_names(cache_root: Path) -> list[str]:
    """Return the names of the tables."""
    found = disk.names(cache_root / "tables")
    return [name.removesuffix(_END) for name in found if name.endswith(_END)]


def _write(path: Path, text: str) -> None:
    disk.make_folder(path.parent)
    # Without a time in the gzip header (mtime=0), equal tables have equal bytes. Level 1 is the
    # fastest.
    disk.write_atomic(path, gzip.compress(text.encode(), 1, mtime=0))


def _read(path: Path) -> str | None:
    data = disk.read_bytes(path)
    try:
        return None if data is None else gzip.decompress(data).decode()
    except (OSError, EOFError, ValueError, zlib.error):
        return None


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
