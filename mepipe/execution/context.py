"""How work is done: one value in place of six parameters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mepipe.cache.store import Store
from mepipe.execution.progress import NoProgress
from mepipe.schema import Progress


@dataclass(frozen=True)
class Context:
    """How work is done; nothing here changes a result.

    Parameters
    ----------
    store
        The cache.
    jobs
        Worker processes.
    device
        What trains networks: a name of `mepipe.schema.DEVICES`.
    progress
        Where the work says how far it is.
    retry_failed
        Try again what a stored failure says cannot be done.
    strict_versions
        Compute again what other library versions made.
    fail_fast
        End at the first clip that fails.
    scheduler
        Address of a Dask cluster that works on the clips; None: this machine does.
    cluster_jobs
        At most so many clips are under way there; None leaves that to its workers.
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
        """Return what a worker process gets: picklable, and the cache by its absolute path."""
        return replace(self, store=Store(self.cache.absolute()), progress=NoProgress())
