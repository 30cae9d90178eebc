"""Make a report after its run, from the record of the run."""

from __future__ import annotations

from pathlib import Path

from mepipe.cache.manifest import REPORT
from mepipe.cache.records import read_table
from mepipe.clips.clip_task import ClipTask
from mepipe.clips.inputs import open_inputs
from mepipe.config.settings import Config
from mepipe.errors import UsageError
from mepipe.execution.context import Context
from mepipe.pipeline.past_outputs import PastOutputs, past_outputs
from mepipe.report.recordings import from_table
from mepipe.report.report_inputs import ReportInputs, write_report


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
    run = past_outputs(context.cache, out)
    record, computed = run.record, run.computed
    config = _config(run, faces, clips)
    sources: dict[str, ClipTask] = {}
    problems: list[str] = []
    if config.report.faces and config.report.clips:
        sources, problems = _sources(run, config, context)
        # A movement of a recording has all its frames.
        whole = {clip: sources.get(clip.rpartition("#")[0]) for clip in run.past.clips()}
        sources = {clip: task for clip, task in whole.items() if task is not None} | sources
    kept = record["report"]
    shown = ReportInputs(
        config=config,
        outcomes=run.outcomes(config),
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


def _config(run: PastOutputs, faces: bool | None, clips: int | None) -> Config:
    config = run.config
    asked = {"faces": faces, "clips": clips}
    update = {name: value for name, value in asked.items() if value is not None}
    return config.model_copy(update={"report": config.report.model_copy(update=update)})


def _sources(
    run: PastOutputs, config: Config, context: Context
) -> tuple[dict[str, ClipTask], list[str]]:
    """Return the tasks of the clips, and for each unreadable dataset the reason."""
    found: dict[str, ClipTask] = {}
    datasets, problems = run.datasets()
    for dataset in datasets:
        try:
            inputs = open_inputs(
                [dataset],
                config,
                context.cache,
                jobs=context.jobs,
                progress=context.progress,
                labelled=False,
            )
        except UsageError as error:
            problems.append(f"{dataset.name}: {error.message}")
            continue
        found |= {one.clip.id: one.task() for one in inputs.clips}
    return found, problems
