"""The videos of datasets that are not known yet, hashed and counted several at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mepipe.clips.file_index import DigestIndex, Entry, look_into_video
from mepipe.datasets.clip import Dataset, Video
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.execution.processes import WorkerDied, run_tasks
from mepipe.schema import Progress


def index_videos(
    datasets: Sequence[Dataset],
    indexes: Mapping[str, DigestIndex],
    jobs: int,
    progress: Progress,
) -> None:
    """Look into every video that the index of its dataset does not know.

    What is wrong with a bad one is told when its clip is prepared.

    Parameters
    ----------
    datasets
        What the readers found.
    indexes
        The digest index of each dataset, by its name; they learn what is found.
    jobs
        Worker processes.
    progress
        Where it says how far it is.
    """
    owners: dict[Path, DigestIndex] = {}
    for dataset in datasets:
        index = indexes[dataset.name]
        for clip in dataset.clips:
            if isinstance(clip.source, Video) and not index.knows_video(clip.source.path):
                owners[clip.source.path] = index
    if not owners:
        return
    progress.begin("videos", len(owners))
    try:
        for path, answer in run_tasks(_video_or_none, list(owners), jobs):
            if isinstance(answer, Entry):
                owners[path].learn(path, answer)
            elif isinstance(answer, WorkerDied):
                owners[path].refuse(path, answer.reason)
            progress.advance()
    finally:
        progress.end()
        for index in indexes.values():
            index.save()


def _video_or_none(path: Path) -> Entry | None:
    try:
        return look_into_video(path)
    except (BadDataError, UnreadableInputError, MemoryError):
        return None
