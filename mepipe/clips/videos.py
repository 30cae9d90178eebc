"""Hash and decode the videos that are missing from the index, several at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mepipe.clips.file_index import DigestIndex, Entry, VideoError, probe_file
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
    """Read every video that is not in the index of its dataset.

    A bad video is not reported here, but when its clip is prepared.

    Parameters
    ----------
    datasets
        The datasets as the readers found them.
    indexes
        The digest index of each dataset, by its name. They receive the entries.
    jobs
        Worker processes.
    progress
        Reports how many videos were read.
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
        for path, answer in run_tasks(_entry_or_error, list(owners), jobs):
            if isinstance(answer, Entry):
                owners[path].learn(path, answer)
            # Preparing the clip in this process would end the whole run in the same way.
            elif isinstance(answer, WorkerDied):
                owners[path].refuse(path, answer.reason)
            else:
                owners[path].keep_error(path, answer)
            progress.advance()
    finally:
        progress.end()
        # Also after Ctrl-C: decoding videos is the slow part of preparing clips.
        for index in indexes.values():
            index.save()


def _entry_or_error(path: Path) -> Entry | VideoError:
    try:
        return probe_file(path)
    except (BadDataError, UnreadableInputError, MemoryError) as error:
        # Kept for the clip. Nobody else decodes the file: it may end the next process.
        return error
