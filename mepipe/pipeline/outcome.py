"""The outcome of a clip: the object of each stage, and the failure that ended it early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mepipe.cache.keys import Json
from mepipe.cache.store import ObjectName
from mepipe.clips.clip_task import Failure
from mepipe.frames import FileFacts


@dataclass(frozen=True)
class Known:
    """The content of an object without its arrays, as later stages and plans need it."""

    values: Any
    failure: Any
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class StageOutcome:
    """The object of one stage of one clip.

    Parameters
    ----------
    key
        The object's key.
    parts
        What the key was made from, with long lists as digests (`mepipe.cache.records.compact`).
    digest
        sha256 of the object's bytes.
    values
        Its small results.
    failure
        Set instead of values if the data are bad.
    libraries
        Versions of the libraries that computed it.
    computed
        False if the object was reused.
    seconds
        Time of the computation.
    """

    key: str
    parts: Mapping[str, Json]
    digest: str
    values: Mapping[str, Any]
    failure: Mapping[str, Any] | None
    libraries: Mapping[str, str]
    computed: bool
    seconds: float = 0.0

    @classmethod
    def reused(cls, name: ObjectName, parts: Mapping[str, Json], known: Known) -> StageOutcome:
        """Return the outcome of a stage whose object is reused."""
        return cls(
            name.key, parts, name.digest, known.values, known.failure, known.libraries,
            computed=False,
        )  # fmt: skip


@dataclass
class ClipOutcome:
    """The stages of a clip so far, and its failure.

    Parameters
    ----------
    clip
        Its id.
    stages
        The stages that are done, in order.
    failure
        Why the clip ended early, if it did.
    learnt
        Facts about files that the plan did not have to read.
    busy
        The stage that another process computes for the same input, if this one did not
        wait for it.
    """

    clip: str
    stages: dict[str, StageOutcome] = field(default_factory=dict)
    failure: Failure | None = None
    learnt: Mapping[Path, FileFacts] = field(default_factory=dict)
    busy: str = ""

    @property
    def values(self) -> dict[str, Mapping[str, Any]]:
        """The small results of the stages so far."""
        return {name: stage.values for name, stage in self.stages.items()}

    def object_name(self, stage: str) -> ObjectName:
        """Return the name of the object of a stage that is done."""
        done = self.stages[stage]
        return ObjectName(stage, done.key, done.digest)

    def following(self, earlier: ClipOutcome | None) -> ClipOutcome:
        """Return this outcome. Stages that the run computed ``earlier`` still count as computed."""
        # A clip can pass through the walk twice: when another run held a lock, and when damage
        # was found behind the plan. Its own objects are then found, but this run computed them.
        if earlier is not None:
            for name, done in self.stages.items():
                before = earlier.stages.get(name)
                if before is not None and before.computed and before.digest == done.digest:
                    self.stages[name] = before
        return self
