"""Make a report after its run, from the record of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mepipe.cache.manifest import REPORT, Manifest
from mepipe.cache.records import read_table
from mepipe.clips.clip_task import ClipTask, Failure, PreparedClip
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.execution.context import Context
from mepipe.pipeline.motion import Motions, compute_motions, recorded_motions
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.outputs import NOTE_COLUMNS
from mepipe.pipeline.past_outputs import opened_again, past_outputs
from mepipe.pipeline.run_records import record_motions
from mepipe.pipeline.walk import keyed
from mepipe.pipeline.worth_a_look import keep_doubts
from mepipe.report.recordings import from_table
from mepipe.report.report_inputs import ReportInputs, rows_of, write_report
from mepipe.stages import STAGES


def rebuild(
    out: Path,
    context: Context,
    *,
    faces: bool | None,
    clips: int | None,
    curves: str | None = None,
) -> tuple[Path, list[str]]:
    """Write report.html of the newest run with these outputs.

    Parameters
    ----------
    out
        The output folder of a run.
    context
        The cache, with the run's objects and its record, and how the work is done.
    faces, clips, curves
        Replace the settings ``report.faces``, ``report.clips`` and ``report.curves`` of the run.
        None keeps them. ``all`` computes the motion of clips whose dataset is unchanged.

    Returns
    -------
    tuple
        The path of the report, and for each dataset that is not there the reason.

    Raises
    ------
    UsageError
        If no run wrote to the folder, or the cache has no record of it.
    DamageError
        If features.h5 is damaged.
    """
    run = past_outputs(context.cache, out)
    manifest, record, computed, past = Manifest(out), run.record, run.computed, run.past
    config = _config(run.config(out), faces=faces, clips=clips, curves=curves)
    outcomes = run.outcomes(config)
    motions = recorded_motions(context.store, outcomes, past.motions())
    sources: dict[str, ClipTask] = {}
    problems: list[str] = []
    pictured, curved = config.report.faces and config.report.clips, config.report.curves == "all"
    if pictured or curved:
        datasets, gone = run.datasets()
        found, invalid = opened_again(datasets, config, context)
        problems = gone + invalid
        if curved:
            motions = _computed(found, outcomes, motions, record, config, context)
        sources = {one.clip.id: one.task() for inputs in found for one in inputs.clips}
        # A movement of a recording has all its frames.
        whole = {clip: sources.get(clip.rpartition("#")[0]) for clip in past.clips()}
        sources = {clip: task for clip, task in whole.items() if task is not None} | sources
    kept = record["report"]
    noted = rows_of(out / "notes.csv", NOTE_COLUMNS)
    shown = ReportInputs(
        config=config,
        outcomes=outcomes,
        sources=sources if pictured else {},
        clips=kept["clips"],
        run=str(record["id"]),
        started=str(record["started"]),
        computed=computed.get("computed", {}),
        reused=computed.get("reused", {}),
        seconds=computed.get("seconds", {}),
        no_results=kept["no_results"],
        recordings=from_table(read_table(context.cache, str(record.get("recordings")))),
        motions=motions,
        doubts=keep_doubts(
            manifest,
            outcomes,
            motions,
            [(row["clip"] or None, row["note"]) for row in noted],
        ),
    )
    write_report(out, shown, context)
    return out / REPORT, problems


def _config(config: Config, *, faces: bool | None, clips: int | None, curves: str | None) -> Config:
    asked = {"faces": faces, "clips": clips, "curves": curves}
    update = {name: value for name, value in asked.items() if value is not None}
    return config.model_copy(update={"report": config.report.model_copy(update=update)})


def _computed(
    found: Sequence[Inputs],
    outcomes: Mapping[str, ClipOutcome],
    known: Motions,
    record: Mapping[str, Any],
    config: Config,
    context: Context,
) -> Motions:
    """Return the motion of all clips, computed where it is not known, and record its objects."""
    names, computed = dict(known.names), 0
    failures: dict[str, Failure] = {}
    for inputs in found:
        # Frames that were changed since the run have another motion than the run's clips.
        same = [one for one in inputs.clips if _is_as_it_was(one, outcomes, config)]
        motions, fresh = compute_motions(
            replace(inputs, clips=tuple(same)), outcomes, config, context
        )
        names |= motions.names
        failures |= motions.failures
        computed += fresh
    every = Motions(context.store, names, known.frame_ms, failures)
    if computed:
        # So that garbage collection keeps them.
        record_motions(context.cache, record, every.computed)
    return every


def _is_as_it_was(
    prepared: PreparedClip, outcomes: Mapping[str, ClipOutcome], config: Config
) -> bool:
    outcome = outcomes.get(prepared.clip.id)
    if outcome is None or "face" not in outcome.stages:
        return False
    key, _ = keyed(prepared.input, config, ClipOutcome(prepared.clip.id), STAGES[0])
    return key == outcome.stages["face"].key
