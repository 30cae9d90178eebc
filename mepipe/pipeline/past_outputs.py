"""A run opened again from its output folder: its record, its settings, its clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mepipe.cache import disk
from mepipe.cache.manifest import FEATURES, Manifest
from mepipe.cache.records import read_records
from mepipe.clips.correction_places import moved_along
from mepipe.clips.inputs import Inputs, open_inputs
from mepipe.config.settings import Config
from mepipe.datasets.clip import Dataset
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError
from mepipe.execution.context import Context
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.past_runs import PastRun
from mepipe.pipeline.recorded import recorded_outcome
from mepipe.stages.stored_values import is_number


@dataclass(frozen=True)
class PastOutputs:
    """The newest run that wrote to an output folder.

    Parameters
    ----------
    record
        Its record.
    computed
        What the record of the last run that computed something says for the report; empty if
        there is none. A warm run computed nothing.
    past
        The clips and objects of the record.
    until
        The last step that it went to, as far as its outputs tell.
    """

    record: Mapping[str, Any]
    computed: Mapping[str, Any]
    past: PastRun
    until: str

    def config(self, out: Path) -> Config:
        """Return the settings of the run, whose folder may have been moved to ``out``."""
        config = _config(self.record)
        assert config is not None, "past_outputs takes no record without settings"
        return moved_along(config, str(self.record["out"]), out)

    def outcomes(self, config: Config) -> dict[str, ClipOutcome]:
        """Return the outcome of every clip of the run, by its id."""
        return {clip: recorded_outcome(self.past, clip, config) for clip in self.past.clips()}

    def datasets(self) -> tuple[list[Dataset], list[str]]:
        """Return the datasets of the run that can be read, and for each other one the reason."""
        found, problems = [], []
        for name, root in self.record["roots"].items():
            try:
                found.append(_dataset(name, Path(root)))
            except UsageError as error:
                problems.append(f"{name}: {error.message}")
        return found, problems


def past_outputs(cache: Path, out: Path) -> PastOutputs:
    """Return the newest run that wrote to an output folder.

    A record names its folder. If the folder was moved, the digest of features.h5 identifies it.

    Raises
    ------
    UsageError
        If no run wrote to the folder, or the cache has no record of it.
    """
    manifest = Manifest(out)
    if not manifest.made("failures.csv"):
        raise UsageError(
            f"{out} is not an output folder of a run", "Give the folder of `mepipe run --out`."
        )
    digest = manifest.made(FEATURES) or None
    place = str(out.resolve())
    found = [
        one
        for one in read_records(cache)
        if one.get("finished") and one.get("features") == digest and _is_shown(one)
    ]
    mine = [one for one in found if one.get("out") == place] or (found if digest else [])
    # A damaged record is none. Settings are looked at only until some are right.
    record = next((one for one in mine if _config(one) is not None), None)
    if record is None:
        raise UsageError(
            f"the cache {cache} has no record of the run that wrote {out}",
            "Give its cache with --cache, or run `mepipe run` again: it also writes the report.",
        )
    # A warm run computed nothing. The times on the page are those of the run that did.
    worked = (one["report"] for one in mine if any(one["report"]["computed"].values()))
    until = "pack" if digest else "tensor"
    if manifest.made("results.json") or record["report"]["no_results"]:
        until = "classify"
    return PastOutputs(record, next(worked, {}), PastRun(cache, record), until)


def opened_again(
    datasets: Sequence[Dataset], config: Config, context: Context
) -> tuple[list[Inputs], list[str]]:
    """Return the clips of datasets of a past run as they are now, and what cannot be opened.

    Parameters
    ----------
    datasets
        Of `PastOutputs.datasets`.
    config
        The settings with which their clips are prepared.
    context
        The cache, and how the work is done.

    Returns
    -------
    inputs
        Of each dataset that can be opened, without labels: they may have changed since the run.
    problems
        For each other one the reason, which names it.
    """
    found, problems = [], []
    # Each on its own: one that is not valid any more must not hide the others.
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
            problems.append(f"{dataset.name}: {error}")
        else:
            found.append(inputs)
    return found, problems


def _config(record: Mapping[str, Any]) -> Config | None:
    """Return the settings that a record names, or None if they cannot be any."""
    try:
        return Config.model_validate(record["config"])
    except ValidationError:
        return None


def _is_shown(record: Mapping[str, Any]) -> bool:
    """Return True if a record has what `mepipe.report` writes into it for a later page."""
    told = record.get("report", {})
    return (
        record.keys() >= {"config", "out", "started", "roots"}
        and _is_time(record["started"])
        and type(told.get("clips")) is int
        and isinstance(told.get("no_results"), str)
        and all(_are_numbers(told.get(name)) for name in ("computed", "reused", "seconds"))
    )


def _is_time(text: str | None) -> bool:
    try:
        return text is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _are_numbers(found: Any) -> bool:
    return isinstance(found, dict) and all(is_number(one) and one >= 0 for one in found.values())


def _dataset(name: str, root: Path) -> Dataset:
    if disk.facts(root) is None:
        raise UsageError(f"{root} does not exist", "Restore it, or run again with its new path.")
    return open_dataset(f"{name}={root}")
