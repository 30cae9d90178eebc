"""Make a report after its run, from the record of the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.manifest import FEATURES, REPORT, Manifest
from mepipe.cache.records import read_records, read_table
from mepipe.clips.clip_task import ClipTask
from mepipe.clips.correction_places import moved_along
from mepipe.clips.inputs import open_inputs
from mepipe.config.settings import Config
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError
from mepipe.execution.context import Context
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.run_records import PastRun
from mepipe.pipeline.walk import Found, walk
from mepipe.report.recordings import from_table
from mepipe.report.report_inputs import ReportInputs, write_report
from mepipe.stages import Stage


def rebuild(
    out: Path, context: Context, *, faces: bool | None, clips: int | None
) -> tuple[Path, list[str]]:
    """Write report.html of the newest run with these outputs.

    Parameters
    ----------
    out
        The output folder of a run.
    context
        The cache, with the run's objects and its record, and how the work is done.
    faces, clips
        Replace the settings ``report.faces`` and ``report.clips`` of the run. None keeps them.

    Returns
    -------
    tuple
        The path of the report, and for each dataset without faces the reason.

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
            f"{out} is not an output folder of a run", "Give the folder of `mepipe run --out`."
        )
    record, computed = _records(context.cache, out, manifest)
    past = PastRun(context.cache, record)
    config = moved_along(_config(record, faces, clips), str(record["out"]), out)
    sources: dict[str, ClipTask] = {}
    problems: list[str] = []
    if config.report.faces and config.report.clips:
        sources, problems = _sources(record, config, context)
        # A movement of a recording has all its frames.
        whole = {clip: sources.get(clip.rpartition("#")[0]) for clip in past.clips()}
        sources = {clip: task for clip, task in whole.items() if task is not None} | sources
    kept = record["report"]
    shown = ReportInputs(
        config=config,
        outcomes={clip: _outcome(past, clip, config) for clip in past.clips()},
        sources=sources,
        clips=kept["clips"],
        run=str(record["id"]),
        started=str(record["started"]),
        computed=computed.get("computed", {}),
        reused=computed.get("reused", {}),
        seconds=computed.get("seconds", {}),
        no_results=kept["no_results"],
        recordings=from_table(read_table(context.cache, str(record.get("recordings")))),
    )
    write_report(out, shown, context)
    return out / REPORT, problems


def _records(
    cache: Path, out: Path, manifest: Manifest
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the newest record with these outputs, and the report data of the run that computed.

    A record names its folder. If the folder was moved, the digest of features.h5 identifies it.
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
            "Give its cache with --cache, or run `mepipe run` again: it also writes the report.",
        )
    # A warm run computed nothing. The times on the page are those of the run that did.
    worked = (one["report"] for one in mine if any(one["report"]["computed"].values()))
    return mine[0], next(worked, {})


def _config(record: Mapping[str, Any], faces: bool | None, clips: int | None) -> Config:
    config = Config.model_validate(record["config"])
    asked = {"faces": faces, "clips": clips}
    update = {name: value for name, value in asked.items() if value is not None}
    return config.model_copy(update={"report": config.report.model_copy(update=update)})


def _outcome(past: PastRun, clip: str, config: Config) -> ClipOutcome:
    """Return the outcome of a clip from the record, because its source may no longer exist."""

    def look(stage: Stage, outcome: ClipOutcome) -> Found:
        recorded = past.recorded(clip, stage.name)
        known = past.known(recorded.name) if recorded is not None else None
        if recorded is None or known is None:
            return Found()
        return Found(recorded.name.key, recorded.parts, recorded.name, known)

    outcome = ClipOutcome(clip)
    for _ in walk(None, config, outcome, look):
        pass
    return outcome


def _sources(
    record: Mapping[str, Any], config: Config, context: Context
) -> tuple[dict[str, ClipTask], list[str]]:
    """Return the tasks of the clips, and for each unreadable dataset the reason."""
    found: dict[str, ClipTask] = {}
    problems = []
    for name, root in record["roots"].items():
        try:
            if disk.facts(Path(root)) is None:
                raise UsageError(
                    f"{root} does not exist", "Restore it, or run again with its new path."
                )
            dataset = open_dataset(f"{name}={root}")
            inputs = open_inputs(
                [dataset],
                config,
                context.cache,
                jobs=context.jobs,
                progress=context.progress,
                labelled=False,
            )
        except UsageError as error:
            problems.append(f"{name}: {error.message}")
            continue
        found |= {one.clip.id: one.task() for one in inputs.clips}
    return found, problems
