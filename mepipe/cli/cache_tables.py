"""The tables of ``mepipe cache``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from mepipe.cli.terminal import open_console

if TYPE_CHECKING:
    from mepipe.pipeline.cache_admin import Status

_RUNS = 5  # shown of possibly thousands


def print_status(root: Path, found: Status) -> None:
    """Print the objects by stage and dataset, and the newest runs."""
    console = open_console()
    table = Table("stage", "dataset", "objects", "MB", "stale", "unreferenced")
    for one in found.usage:
        counts = (one.objects, f"{one.bytes / 1e6:.1f}", one.stale, one.unreferenced)
        table.add_row(one.stage, escape(one.dataset), *map(str, counts))
    console.print(table)
    total = sum(one.bytes for one in found.usage)
    console.print(f"{sum(one.objects for one in found.usage)} objects, {total / 1e6:.1f} MB")
    if found.missing:
        console.print(
            f"{found.missing} object(s) of the newest runs are missing: the next run computes them"
        )
    if found.quarantined:
        console.print(f"{found.quarantined} damaged file(s) in {escape(str(root / 'quarantine'))}")
    for run in found.runs[:_RUNS]:
        console.print(f"run {run}")
    if len(found.runs) > _RUNS:
        console.print(f"... and {len(found.runs) - _RUNS} older runs (--json lists them)")
    console.print(f"cache {escape(str(root))}")
