"""The resources and options for a computation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mepipe.cache.store import Store
from mepipe.execution.progress import NoProgress
from mepipe.schema import Progress


@dataclass(frozen=True)
class Context:
    """The resources and options for a computation. None of them changes a result.

    Parameters
    ----------
    store
        The cache.
    jobs
        Worker processes.
    device
        The device for training: a name of `mepipe.schema.DEVICES`.
    progress
        Reports the progress of the work.
    retry_failed
        Compute stages again whose stored result is a failure.
    strict_versions
        Compute results of other library versions again.
    fail_fast
        Stop at the first clip that fails.
    scheduler
        Address of the Dask cluster that computes the clips. None: this machine does.
    cluster_jobs
        Largest number of clips at the cluster. None: its number of threads decides.
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

    @property
    def cache(self) -> Path:
        """The folder of the cache."""
        return self.store.root

    def for_worker(self) -> Context:
        """Return a context for worker processes: picklable, with an absolute cache path."""
        return replace(self, store=Store(self.cache.absolute()), progress=NoProgress())
