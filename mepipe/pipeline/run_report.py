"""How a run is asked for, and what it reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mepipe.clips.prepare import Failure
from mepipe.datasets.clip import Note


@dataclass(frozen=True)
class RunOptions:
    """How a run is done; nothing here changes a result.

    ``scheduler`` is the address of a Dask cluster that works on the clips; None:
    ``jobs`` processes of this machine do. ``cluster_jobs`` bounds the clips under
    way there; None leaves that to its workers.
    """

    cache: Path
    out: Path
    until: str = "classify"
    jobs: int = 1
    device: str = "auto"
    retry_failed: bool = False
    strict_versions: bool = False
    rehash: bool = False
    fail_fast: bool = False
    scheduler: str | None = None
    cluster_jobs: int | None = None


@dataclass(frozen=True)
class Problem:
    """Something wrong, of one clip or (None) of the dataset, and what becomes of it.

    ``fatal`` says that the clip cannot be used.
    """

    clip: str | None
    problem: str
    handling: str
    fatal: bool = False

    @classmethod
    def left_out(cls, clip: str, problem: str, remedy: str = "") -> Problem:
        """Return a problem that costs the clip, with what the user can do."""
        handling = "the clip is left out" + (f". {remedy}" if remedy else "")
        return cls(clip, problem, handling, fatal=True)


@dataclass
class RunReport:
    """What a run did.

    ``computed``, ``reused`` and ``seconds`` are by step; ``seconds`` sums over
    workers. ``results`` is None where the classifier did not run, and
    ``no_results`` says why. ``network`` tells the cells of its pyramid. ``page`` is the
    report as a web page.
    """

    clips: int = 0
    usable: int = 0
    computed: Counter[str] = field(default_factory=Counter)
    reused: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: list[Failure] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    features: Path | None = None
    results: Mapping[str, Any] | None = None
    network: str = ""
    no_results: str = ""
    page: Path | None = None
    stopped_early: bool = False
