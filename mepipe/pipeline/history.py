"""What a run leaves in its record, and what later plans read there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mepipe import __version__
from mepipe.cache.records import compact
from mepipe.cache.store import ObjectName
from mepipe.config.settings import Config
from mepipe.datasets.model import Clip, Dataset
from mepipe.pipeline.work import ClipOutcome
from mepipe.stages import STAGES


def record_content(
    datasets: Sequence[Dataset],
    config: Config,
    clips: Iterable[Clip],
    outcomes: Mapping[str, ClipOutcome],
) -> dict[str, Any]:
    """Return what a record says of a run: its roots, settings, and each clip's objects."""
    versions = {stage.name: stage.version for stage in STAGES}
    return {
        "mepipe": __version__,
        "roots": {dataset.name: str(dataset.root) for dataset in datasets},
        "config": config.model_dump(mode="json", by_alias=True),
        "clips": {
            clip.id: {
                "dataset": clip.dataset,
                "subject": clip.subject,
                "emotion": clip.emotion,
                "stages": {
                    name: {
                        "version": versions[name],
                        "key": stage.key,
                        "object": stage.digest,
                        "parts": compact(stage.parts),
                        "values": stage.values,
                        "failure": stage.failure,
                        "libraries": stage.libraries,
                    }
                    for name, stage in outcomes[clip.id].stages.items()
                },
            }
            for clip in clips
        },
    }


@dataclass(frozen=True)
class Known:
    """What planning has to know of an object."""

    values: Any
    failure: Any
    libraries: Mapping[str, str]


class History:
    """What earlier runs say of clips and objects."""

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self._known: dict[tuple[str, str, str], Known] = {}
        self._stages: dict[tuple[str, str], Mapping[str, Any]] = {}
        for record in records:
            for clip, entry in record["clips"].items():
                for stage, state in entry["stages"].items():
                    self._stages.setdefault((clip, stage), state)
                    self._known[stage, state["key"], state["object"]] = Known(
                        state["values"], state["failure"], state["libraries"]
                    )

    def known(self, name: ObjectName) -> Known | None:
        """Return what a record holds of the object ``name``, if one does."""
        return self._known.get((name.stage, name.key, name.digest))

    def last(self, clip: str, stage: str) -> Mapping[str, Any] | None:
        """Return what the newest record says of this stage of the clip."""
        return self._stages.get((clip, stage))
