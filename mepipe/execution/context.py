"""How work is done, as one value instead of a parameter for each choice."""

from __future__ import annotations

from dataclasses import dataclass, field

from mepipe.cache.store import Store
from mepipe.execution.progress import NoProgress
from mepipe.schema import Progress


@dataclass(frozen=True)
class Context:
    """How work is done; nothing here changes a result.

    Parameters
    ----------
    store
        Where finished work is kept.
    jobs
        Worker processes.
    device
        A name of `mepipe.schema.DEVICES`.
    progress
        Where the work says how far it is.
    retry_failed
        Compute again what failed before.
    strict_versions
        Compute again what other library versions made.
    fail_fast
        End at the first clip that fails.
    scheduler, cluster_jobs
        A Dask scheduler's address, or how many jobs a cluster is asked for.
    """

    store: Store
    jobs: int = 1
    device: str = "auto"
    progress: Progress = field(default_factory=NoProgress)
    retry_failed: bool = False
    strict_versions: bool = False
    fail_fast: bool = False
    scheduler: str | None = None
    cluster_jobs: int | None = None
