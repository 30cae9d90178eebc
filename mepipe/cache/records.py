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
from mepipe.cache.marker import RECORD_FILE, TABLE_FILE

FORMAT_VERSION = 2
# Longer lists in the parts of a key are recorded as digests. The pair of frames of flow stays a
# list: a report reads it.
_LONGEST_LIST = 16
_STAMP = "%Y%m%dT%H%M%SZ"
_END = ".json.gz"
# A clock can be wrong by much, and the next run takes a later time. After these years there is
# none: datetime ends with 9999.
_NO_FURTHER = "9000"
_TEXTS = ("mepipe", "started", "out", "clips", "parts", "pack", "recordings", "features", "px")
# What a file of this many bytes may unpack to. Nothing that is known of clips repeats itself more.
_MOST_BYTES = 64 << 20
_MOST_TIMES = 50


def new_run_id(cache_root: Path) -> str:
    """Return an id that sorts after every other: UTC to the second, and four random bytes.

    If the clock was set back, the time is one second after the newest record's.
    """
    now = datetime.now(UTC)
    last = next(filter(None, map(started_at, run_ids(cache_root))), None)
    if last is not None:
        later = last + timedelta(seconds=1)
        if f"{later:{_STAMP}}" < _NO_FURTHER:
            now = max(now, later)
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
    return [
        name.removesuffix(_END)
        for name, is_file in reversed(disk.entries(cache_root / "runs"))
        if is_file and _is_record_name(name)
    ]


def foreign_records(cache_root: Path) -> list[Path]:
    """Return what is among the records and tables and is none: other names, folders, dates."""
    runs, tables = cache_root / "runs", cache_root / "tables"
    found = [
        runs / name
        for name, is_file in disk.entries(runs)
        if not (is_file and _is_record_name(name))
    ]
    return found + [
        tables / name
        for name, is_file in disk.entries(tables)
        if not (is_file and TABLE_FILE.fullmatch(name))
    ]


def _is_record_name(name: str) -> bool:
    """Return True for a record of a time that can be."""
    if not RECORD_FILE.fullmatch(name) or name >= _NO_FURTHER:
        return False
    return started_at(name.removesuffix(_END)) is not None


def write_record(cache_root: Path, run_id: str, record: Mapping[str, Any]) -> None:
    """Write (or replace) the record of ``run_id``."""
    content = {"format_version": FORMAT_VERSION, "id": run_id, **record}
    _write(cache_root / "runs" / f"{run_id}{_END}", json.dumps(content))


def read_record(cache_root: Path, run_id: str) -> dict[str, Any] | None:
    """Return the record of ``run_id``, or None if there is none of this format and shape."""
    text = _read(cache_root / "runs" / f"{run_id}{_END}")
    record = _parsed(text)
    if not isinstance(record, dict) or record.get("format_version") != FORMAT_VERSION:
        return None
    return record if _has_shape(record, run_id) else None


def _has_shape(record: Mapping[str, Any], run_id: str) -> bool:
    """Return True if what a record holds is of the kinds that `write_record` is given."""
    roots = record.get("roots", {})
    return (
        record.get("id") == run_id
        and all(isinstance(record.get(name, {}), dict) for name in ("config", "report"))
        and all(isinstance(record.get(name), str | None) for name in _TEXTS)
        and isinstance(roots, dict)
        # No system has a path with a NUL, and Python refuses it as no other error.
        and all(isinstance(root, str) and "\0" not in root for root in roots.values())
        and "\0" not in str(record.get("out"))
    )


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
    if disk.facts(path) is None or path.is_dir():
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
    found = disk.entries(cache_root / "tables")
    return [name.removesuffix(_END) for name, is_file in found if is_file and name.endswith(_END)]


def _write(path: Path, text: str) -> None:
    disk.make_folder(path.parent)
    if path.is_dir():  # a foreign folder with this name
        disk.move_aside(path, path.parent.parent / "quarantine", replace=False)
    # Without a time in the gzip header (mtime=0), equal tables have equal bytes. Level 1 is the
    # fastest.
    disk.write_atomic(path, gzip.compress(text.encode(), 1, mtime=0))


def _read(path: Path) -> str | None:
    if path.is_dir():
        return None
    data = disk.read_bytes(path)
    try:
        return None if data is None else unpacked(data).decode()
    except ValueError:
        return None


def unpacked(data: bytes) -> bytes:
    """Return the content of a gzip file that mepipe wrote.

    Raises
    ------
    ValueError
        If it is damaged, or unpacks to more than a table of clips can.
    """
    most = _MOST_BYTES + _MOST_TIMES * len(data)
    file = zlib.decompressobj(wbits=31)
    try:
        text = file.decompress(data, most)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not file.eof or file.unused_data:
        raise ValueError("it is cut off, unpacks to too much, or other bytes follow")
    return text


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
