"""A report that is made some time after its run, from the record of that run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.manifest import FEATURES, REPORT, Manifest
from mepipe.cache.records import read_records
from mepipe.cache.store import Store
from mepipe.clips.file_index import DigestIndex
from mepipe.clips.prepare import ClipTask, curate, prepare
from mepipe.clips.videos import look_into_videos
from mepipe.config.settings import Config
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError
from mepipe.pipeline.run_records import PastRun
from mepipe.pipeline.worker import ClipOutcome, StageOutcome
from mepipe.report.inputs import Told, write_report
from mepipe.schema import Progress
from mepipe.stages import STAGES


def report_later(
    out: Path,
    cache: Path,
    *,
    faces: bool | None,
    clips: int | None,
    jobs: int,
    progress: Progress,
) -> tuple[Path, list[str]]:
    """Write report.html of the newest run with these outputs.

    Parameters
    ----------
    out
        The output folder of a run.
    cache
        Where the run's objects and its record are.
    faces, clips
        Instead of the run's settings ``report.faces`` and ``report.clips``; None keeps these.
    jobs, progress
        As for a run.

    Returns
    -------
    tuple
        The file, and why faces of a dataset cannot be shown.

    Raises
    ------
    UsageError
        If no run wrote to the folder, or the cache has no record of it.
    DamageError
        If features.h5 is damaged.
    """
    manifest = Manifest(out)
    if not manifest.made("failures.csv"):
        raise UsageError(
            f"{out} is no output folder of a run", "Give the folder that `mepipe run --out` named."
        )
    record, computed = _records(cache, out, manifest)
    past = PastRun(cache, record)
    config = _config(record, faces, clips)
    sources: dict[str, ClipTask] = {}
    problems: list[str] = []
    if config.report.faces and config.report.clips:
        sources, problems = _sources(record, config, cache, jobs, progress)
    told = record["report"]
    told = Told(
        config=config,
        outcomes={clip: _outcome(past, clip) for clip in past.clips()},
        sources=sources,
        clips=told["clips"],
        run=str(record["id"]),
        started=str(record["started"]),
        computed=computed.get("computed", {}),
        reused=computed.get("reused", {}),
        seconds=computed.get("seconds", {}),
        no_results=told["no_results"],
    )
    write_report(out, manifest, told, Store(cache), jobs, progress)
    return out / REPORT, problems


def _records(
    cache: Path, out: Path, manifest: Manifest
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the newest run with these outputs, and what of its like computed something.

    A run knows its folder; where the folder was moved since, its features.h5 tells it.
    """
    digest = manifest.made(FEATURES) or None
    place = str(out.resolve())
    found = [
        one
        for one in read_records(cache)
        if one.get("finished") and one.get("features") == digest and "report" in one
    ]
    mine = [one for one in found if one.get("out") == place] or (found if digest else [])
    if not mine:
        raise UsageError(
            f"the cache {cache} has no record of the run that wrote {out}",
            "Name its cache with --cache, or run `mepipe run` again: it writes the report, too.",
        )
    worked = (one["report"] for one in mine if any(one["report"]["computed"].values()))
    return mine[0], next(worked, {})


def _config(record: Mapping[str, Any], faces: bool | None, clips: int | None) -> Config:
    config = Config.model_validate(record["config"])
    asked = {"faces": faces, "clips": clips}
    update = {name: value for name, value in asked.items() if value is not None}
    return config.model_copy(update={"report": config.report.model_copy(update=update)})


def _outcome(past: PastRun, clip: str) -> ClipOutcome:
    outcome = ClipOutcome(clip)
    for stage in STAGES:
        recorded = past.recorded(clip, stage.name)
        known = past.known(recorded.name) if recorded is not None else None
        if recorded is None or known is None:
            break
        outcome.stages[stage.name] = StageOutcome(
            recorded.name.key,
            recorded.parts,
            recorded.name.digest,
            known.values,
            known.failure,
            known.libraries,
            computed=False,
        )
    return outcome


def _sources(
    record: Mapping[str, Any], config: Config, cache: Path, jobs: int, progress: Progress
) -> tuple[dict[str, ClipTask], list[str]]:
    """Return where the clips' frames are now, and why those of a dataset are not known."""
    found: dict[str, ClipTask] = {}
    problems = []
    for name, root in record["roots"].items():
        try:
            if disk.facts(Path(root)) is None:
                raise UsageError(f"{root} is gone", "Bring it back, or run again where it is.")
            datasets = curate([open_dataset(f"{name}={root}")], config.data).datasets
        except UsageError as error:
            problems.append(f"{name}: {error.message}")
            continue
        indexes = {one.name: DigestIndex(cache, one.root) for one in datasets}
        look_into_videos(datasets, indexes, jobs, progress)
        found |= {one.clip.id: one.task() for one in prepare(datasets, indexes, config).clips}
    return found, problems
