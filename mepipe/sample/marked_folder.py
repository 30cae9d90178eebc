"""The file that says which sample a folder holds, and whether it is complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mepipe.datasets.registry import SYNTHETIC_MARKER
from mepipe.errors import UsageError


def standing_labels(out: Path, wanted: dict[str, Any]) -> dict[str, int] | None:
    """Return the label counts if ``out`` has the complete wanted sample, else None.

    Raises
    ------
    UsageError
        If the folder has other content.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file", "Choose another folder.")
    if not out.is_dir() or not any(out.iterdir()):
        return None
    marker = out / SYNTHETIC_MARKER
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(
            f"the folder {out} is not empty and is not a sample", "Choose a new folder."
        )
    labels: dict[str, int] | None = found.pop("labels", None)
    if found != wanted:
        differing = sorted(k for k in wanted if found.get(k) != wanted[k])
        raise UsageError(
            f"the folder {out} has a sample with other options ({', '.join(differing)})",
            "Choose a new folder, or delete this one.",
        )
    return labels


def mark(out: Path, content: dict[str, Any]) -> None:
    """Write what a sample's folder holds. Without labels it is not complete."""
    (out / SYNTHETIC_MARKER).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
