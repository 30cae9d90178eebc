"""What became of a clip: the object of each of its stages, and why it ended early if it did."""

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
    """What later stages and plans need to know of an object, without its arrays."""

    values: Any
    failure: Any
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class StageOutcome:
    """One stage of one clip: the object that stands for it.

    Parameters
    ----------
    key
        The object's key.
    parts
        What the key was made of, long lists as digests (`mepipe.cache.records.compact`).
    digest
        sha256 of the object's bytes.
    values
        Its small results.
    failure
        Set instead of values where the stage found the data bad.
    libraries
        Versions of what made it.
    computed
        False where it was found.
    seconds
        What computing it took.
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
        """Return the outcome of a stage whose object was found."""
        return cls(
            name.key, parts, name.digest, known.values, known.failure, known.libraries,
            computed=False,
        )  # fmt: skip


@dataclass
class ClipOutcome:
    """What became of a clip so far.

    Parameters
    ----------
    clip
        Its id.
    stages
        The stages that are done, in order.
    failure
        Why it ended early, if it did.
    learnt
        What was found of files whose digests planning did not need.
    busy
        The stage that another process is computing for this very input, where it was
        not waited for.
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
        """Return this outcome, where what the run computed ``earlier`` still counts as computed."""
        if earlier is not None:
            for name, done in self.stages.items():
                before = earlier.stages.get(name)
                if before is not None and before.computed and before.digest == done.digest:
                    self.stages[name] = before
        return self
