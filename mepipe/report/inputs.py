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
from mepipe.cache.manifest import FEATURES, REPORT, TABLES, Manifest
from mepipe.clips.clip_task import ClipTask
from mepipe.config.settings import Config
from mepipe.execution.context import Context
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.schema import STEPS

VERSION = 1
_CLASSIFIED = ("results.json", "predictions.csv")


@dataclass(frozen=True)
class ReportInputs:
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


def report_key(manifest: Manifest, shown: ReportInputs) -> str:
    """Return the key of the report: all that it shows but for times and whether sources are there.

    Nothing is opened for it, so a run in which nothing changed costs no more.
    """
    objects = {
        clip: [outcome.stages[name].digest for name in sorted(outcome.stages)]
        for clip, outcome in shown.outcomes.items()
    }
    parts: dict[str, Json] = {
        "mepipe": __version__,
        "files": {file: manifest.made(file) for file in (FEATURES, *_CLASSIFIED, *TABLES)},
        "objects": sha256_text(canonical(objects)),
        "settings": shown.config.model_dump(mode="json", by_alias=True),
        "clips": shown.clips,
        "no_results": shown.no_results,
    }
    return object_key("report", VERSION, parts)


def write_report(out: Path, shown: ReportInputs, context: Context) -> None:
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

    manifest = Manifest(out)
    page = make_page(out, manifest, shown, context)
    manifest.write(REPORT, report_key(manifest, shown), render(page).encode())


def write_if_stale(out: Path, shown: ReportInputs, context: Context) -> None:
    """Write report.html as `write_report` does, unless it is current."""
    manifest = Manifest(out)
    if not manifest.is_current(REPORT, report_key(manifest, shown)):
        write_report(out, shown, context)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table that a run wrote; none where it is not there."""
    data = disk.read_bytes(path)
    return [] if data is None else list(csv.DictReader(data.decode().splitlines(keepends=True)))


def results_of(out: Path) -> Mapping[str, Any] | None:
    """Return the content of results.json; None where there is none."""
    data = disk.read_bytes(out / "results.json")
    return None if data is None else dict(json.loads(data))


def to_record(shown: ReportInputs) -> dict[str, Any]:
    """Return what a run record keeps for a report that is made later."""
    return {
        "clips": shown.clips,
        "computed": dict(shown.computed),
        "reused": dict(shown.reused),
        "seconds": dict(shown.seconds),
        "no_results": shown.no_results,
    }


def is_reported(until: str) -> bool:
    """Return True if a run that ends with ``until`` has what a report shows."""
    return STEPS.index(until) >= STEPS.index("pack")
