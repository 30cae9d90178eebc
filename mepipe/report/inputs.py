"""The report of a run: its outputs, its objects and its sources brought onto one page."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mepipe import __version__
from mepipe.cache import disk
from mepipe.cache.keys import Json, canonical, object_key, sha256_text
from mepipe.cache.manifest import FEATURES, REPORT, Manifest
from mepipe.cache.store import Store
from mepipe.clips.prepare import ClipTask
from mepipe.config.settings import Config
from mepipe.pipeline.worker import ClipOutcome
from mepipe.schema import STEPS, Progress

VERSION = 1
_TABLES = ("failures.csv", "notes.csv")
_CLASSIFIED = ("results.json", "predictions.csv")


@dataclass(frozen=True)
class Told:
    """What a run knows that its output files do not say.

    Parameters
    ----------
    config
        The settings; ``report`` says what is shown.
    outcomes
        Each clip's objects.
    sources
        Where each clip's frames are; a clip that has none gets no picture of the face.
    clips
        How many clips there were, failed ones too.
    run, started
        The id of the run, and when it began.
    computed, reused, seconds
        By step; empty where no run on record computed anything.
    no_results
        Why there are none.
    """

    config: Config
    outcomes: Mapping[str, ClipOutcome]
    sources: Mapping[str, ClipTask]
    clips: int
    run: str = ""
    started: str = ""
    computed: Mapping[str, int] = field(default_factory=dict)
    reused: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    no_results: str = ""


def report_key(manifest: Manifest, told: Told) -> str:
    """Return the key of the report: all that it shows but for times and whether sources are there.

    Nothing is opened for it, so a run in which nothing changed costs no more.
    """
    objects = {
        clip: [outcome.stages[name].digest for name in sorted(outcome.stages)]
        for clip, outcome in told.outcomes.items()
    }
    parts: dict[str, Json] = {
        "mepipe": __version__,
        "files": {file: manifest.made(file) for file in (FEATURES, *_CLASSIFIED, *_TABLES)},
        "objects": sha256_text(canonical(objects)),
        "settings": told.config.model_dump(mode="json", by_alias=True),
        "clips": told.clips,
        "no_results": told.no_results,
    }
    return object_key("report", VERSION, parts)


def write_report(
    out: Path, manifest: Manifest, told: Told, store: Store, jobs: int, progress: Progress
) -> None:
    """Write report.html into ``out``.

    Raises
    ------
    SystemProblemError
        If it cannot be written.
    DamageError
        If features.h5 is damaged.
    """
    from mepipe.report.assemble import make_page
    from mepipe.report.page import render

    page = make_page(out, manifest, told, store, jobs, progress)
    manifest.write(REPORT, report_key(manifest, told), render(page).encode())


def write_if_stale(
    out: Path, manifest: Manifest, told: Told, store: Store, jobs: int, progress: Progress
) -> None:
    """Write report.html as `write_report` does, unless it is current."""
    if not manifest.is_current(REPORT, report_key(manifest, told)):
        write_report(out, manifest, told, store, jobs, progress)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table that a run wrote; none where it is not there."""
    data = disk.read_bytes(path)
    return [] if data is None else list(csv.DictReader(data.decode().splitlines(keepends=True)))


def results_of(out: Path) -> Mapping[str, Any] | None:
    """Return the content of results.json; None where there is none."""
    data = disk.read_bytes(out / "results.json")
    return None if data is None else dict(json.loads(data))


def remembered(told: Told) -> dict[str, Any]:
    """Return what a run record keeps for a report that is made later."""
    return {
        "clips": told.clips,
        "computed": dict(told.computed),
        "reused": dict(told.reused),
        "seconds": dict(told.seconds),
        "no_results": told.no_results,
    }


def is_reported(until: str) -> bool:
    """Say whether a run that ends with ``until`` has what a report shows."""
    return STEPS.index(until) >= STEPS.index("pack")
