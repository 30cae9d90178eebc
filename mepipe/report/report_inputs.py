"""The inputs and the key of a report, and writing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mepipe import __version__
from mepipe.cache import disk
from mepipe.cache.keys import Json, canonical, object_key, sha256_text
from mepipe.cache.manifest import FEATURES, REPORT, REPORT_FILES, TABLES, Manifest
from mepipe.clips.clip_task import ClipTask
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.datasets.csv_tables import read_csv
from mepipe.errors import UsageError
from mepipe.evaluation.results_file import SHOWN, parsed_results
from mepipe.execution.context import Context
from mepipe.pipeline.motion_objects import Motion, Motions
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.plan import Plan
from mepipe.pipeline.run_records import RunRecord
from mepipe.pipeline.run_result import RunResult
from mepipe.pipeline.worth_a_look import Doubt
from mepipe.recordings.result import RecordingEvents
from mepipe.report.recordings import ShownRecording, to_table
from mepipe.schema import STEPS

VERSION = 4  # 2: strain is drawn as the tensor has it; 3: recordings; 4: motion, worth a look
_CLASSIFIED = ("results.json", "predictions.csv")


@dataclass(frozen=True)
class ReportInputs:
    """The data of a report that are not in the output files of the run.

    Parameters
    ----------
    config
        The settings. ``report`` decides what is shown.
    outcomes
        The objects of each clip.
    sources
        The task of each clip, with its files. Without it a clip has no picture of the face.
    clips
        Number of clips, including failed ones.
    run, started
        The id of the run, and its start time.
    computed, reused, seconds
        By step. Empty if no recorded run computed anything.
    no_results
        The reason why there are no results.
    recordings
        What was found in recordings.
    motions
        The motion of clips, whatever is annotated, as far as it is known. Each is read from the
        cache when it is asked for.
    doubts
        The clips that are worth a look, the worst first.
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
    recordings: Sequence[ShownRecording] = ()
    motions: Mapping[str, Motion] = field(default_factory=dict)
    doubts: Sequence[Doubt] = ()

    @classmethod
    def of(
        cls,
        config: Config,
        inputs: Inputs,
        plan: Plan,
        result: RunResult,
        record: RunRecord,
        recordings: Sequence[RecordingEvents] = (),
        motions: Mapping[str, Motion] = MappingProxyType({}),
    ) -> ReportInputs:
        """Return what a run that has just ended tells its report."""
        return cls(
            config=config,
            outcomes=plan.outcomes,
            sources={one.clip.id: one.task() for one in inputs.clips},
            clips=result.clips,
            run=record.id,
            started=record.started,
            computed=result.computed,
            reused=result.reused,
            seconds=result.seconds,
            no_results=result.no_results,
            recordings=[ShownRecording.of(one) for one in recordings],
            motions=motions,
            doubts=result.doubts,
        )


def report_key(manifest: Manifest, shown: ReportInputs) -> str:
    """Return the key of the report.

    It covers everything on the page except times and the existence of sources. No file is
    opened for it, so that a warm run stays fast.
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
        "motions": sha256_text(canonical(_drawn_motions(shown.motions))),
        "doubts": sha256_text(canonical([asdict(doubt) for doubt in shown.doubts])),
        "recordings": sha256_text(canonical(to_table(shown.recordings))),
    }
    return object_key("report", VERSION, parts)


def _drawn_motions(motions: Mapping[str, Motion]) -> dict[str, Json]:
    """Return the digests of the motions' objects: none is opened."""
    names = motions.names if isinstance(motions, Motions) else {}
    return {clip: name.digest for clip, name in sorted(names.items())}


def write_report(out: Path, shown: ReportInputs, context: Context) -> None:
    """Write report.html into ``out``.

    Raises
    ------
    SystemProblemError
        If it cannot be written.
    DamageError
        If features.h5 is damaged.
    """
    # Imported only here: drawing needs jinja2 and OpenCV, which a current report does not.
    from mepipe.report.assemble import make_page
    from mepipe.report.page import write_page

    manifest = Manifest(out)
    page = make_page(out, manifest, shown, context)
    write_page(manifest, report_key(manifest, shown), page)


def write_if_stale(out: Path, shown: ReportInputs, context: Context) -> None:
    """Write report.html as `write_report` does, unless it is current."""
    manifest = Manifest(out)
    current = manifest.is_current(REPORT, report_key(manifest, shown))
    if not current or not manifest.holds_folder(REPORT_FILES):
        write_report(out, shown, context)


def rows_of(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a table of a run. Empty if the file does not exist.

    Raises
    ------
    UsageError
        If it was changed and is no table with these columns any more.
    """
    data = disk.read_bytes(path)
    if data is None:
        return []
    try:
        header, *rows = [cells for _, cells in read_csv(data.decode())] or [[]]
        if not set(columns) <= set(header):
            raise ValueError(f"its columns are not {', '.join(columns)}")
        return [dict(zip(header, cells, strict=True)) for cells in rows]
    except ValueError as error:
        raise UsageError(
            f"{path} is no table ({error})", "Remove it, and run again to make a new one."
        ) from error


def results_of(out: Path) -> Mapping[str, Any] | None:
    """Return the content of results.json, or None if it does not exist.

    Raises
    ------
    UsageError
        If it is not what an evaluation writes.
    """
    path = out / "results.json"
    data = disk.read_bytes(path)
    return None if data is None else parsed_results(path, data, SHOWN)


def to_record(shown: ReportInputs) -> dict[str, Any]:
    """Return the report data for the run record, so that `rebuild` can use them."""
    return {
        "clips": shown.clips,
        "computed": dict(shown.computed),
        "reused": dict(shown.reused),
        "seconds": dict(shown.seconds),
        "no_results": shown.no_results,
    }


def is_reported(until: str) -> bool:
    """Return True if a run that ends with ``until`` has enough for a report."""
    return STEPS.index(until) >= STEPS.index("pack")
