"""Find what happens in recordings: `mepipe.spot`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.location import cache_root
from mepipe.cache.store import Store, open_store
from mepipe.clips.clip_task import Failure, PreparedClip
from mepipe.clips.file_index import DigestIndex
from mepipe.clips.prepare import prepare_clip
from mepipe.config import Config
from mepipe.config.load import as_config
from mepipe.datasets.clip import Clip, Images, Video
from mepipe.datasets.frames_on_disk import VIDEO_SUFFIXES, frames_among, has_images, list_folder
from mepipe.datasets.name_cells import check_name
from mepipe.datasets.recordings import recordings
from mepipe.datasets.registry import as_datasets
from mepipe.errors import BadDataError, UnreadableInputError, UsageError
from mepipe.execution.context import Context
from mepipe.execution.processes import WorkerDied, one_thread
from mepipe.execution.progress import NoProgress, progress_for
from mepipe.execution.runner import task_runner
from mepipe.plausible import RATES, is_rate
from mepipe.recordings.chunks import cuts_of
from mepipe.recordings.curve import motion_curve
from mepipe.recordings.events import find_events
from mepipe.recordings.faces import linked
from mepipe.recordings.result import RecordingEvents
from mepipe.recordings.stored import LIBRARIES, measured
from mepipe.schema import Progress


@dataclass(frozen=True)
class Found:
    """What was found in recordings.

    Parameters
    ----------
    recordings
        The events of each recording that could be read, sorted by name.
    failures
        The others, with the reason.
    """

    recordings: tuple[RecordingEvents, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Source:
    """A recording to be searched, and the folder whose index of digests it belongs to."""

    clip: Clip
    root: Path

    @property
    def video(self) -> Path | None:
        """The video file; None for images."""
        return self.clip.source.path if isinstance(self.clip.source, Video) else None


def spot(
    *paths: str | Path,
    fps: float | None = None,
    cache: str | Path | None = None,
    config: Config | str | Path | None = None,
    settings: Iterable[str] = (),
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Progress | Callable[[str, int, int], object] | None = None,
) -> Found:
    """Find every movement of the face in recordings of any length, from onset to offset.

    >>> import mepipe
    >>> found = mepipe.spot("sample/s01/c01", fps=200)
    >>> [len(one.times_ms) for one in found.recordings]
    [60]

    Parameters
    ----------
    paths
        Videos, folders of one recording's images, or datasets.
    fps
        Frames per second; of a video instead of what it says of itself.
    cache
        The cache folder. None: as `mepipe.run`. What was measured is kept there, a stretch
        of some seconds at a time.
    config, settings
        As for `mepipe.run`; ``recordings``, ``face.search_size``, ``spot.size`` and ``data``
        are used.
    jobs
        Recordings that are searched at once, each in a process.
    scheduler
        The address of a Dask cluster that searches them instead, ``tcp://HOST:PORT``.
    progress
        Called as ``progress(title, done, total)``, with seconds of the recording.

    Returns
    -------
    Found
        A recording without a face has no events; one that cannot be read is a failure.

    Raises
    ------
    UsageError
        If there is no such path, or a setting is not valid.
    SystemProblemError
        If the cache cannot be written.
    """
    resolved = as_config(config, settings)
    store = open_store(cache_root(Path(cache) if cache is not None else None))
    context = Context(
        store, jobs=jobs, progress=progress_for(progress), scheduler=scheduler, cluster_jobs=None
    )
    return spot_sources(open_sources(paths, fps), resolved, context)


def open_sources(paths: Sequence[str | Path], fps: float | None = None) -> list[Source]:
    """Return the recordings at paths: videos, folders of images, or datasets.

    Raises
    ------
    UsageError
        If there is no such path, it holds no recording, two recordings have one name, no camera
        has this rate, or no table can hold a name (`mepipe.datasets.name_cells.check_name`).
    """
    if fps is not None and not is_rate(fps):
        raise UsageError(f"--fps {fps:g} is not a rate", f"Give frames per second: {RATES}.")
    found: list[Source] = []
    for given in paths:
        # Absolute: it may be searched on another machine that shares the storage.
        path = Path(given).expanduser().absolute()
        one = single_source(path)
        if one is not None:
            found.append(Source(Clip(one[0], "", "", "", source=one[1], fps=fps), path.parent))
            continue
        for dataset in as_datasets([str(given)]):
            for recording in recordings(dataset):
                rate = fps if fps is not None else recording.fps
                clip = Clip(
                    recording.id,
                    recording.dataset,
                    recording.subject,
                    recording.group,
                    source=recording.source,
                    fps=rate,
                )
                found.append(Source(clip, dataset.root))
    names = [one.clip.id for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two recordings are called {twice}", "Search them in two calls, or rename one."
        )
    if not found:
        raise UsageError("there is no recording to search", "Give a video or a folder.")
    for source in found:
        # Now, and not when what was found after hours is to be written.
        check_name(source.clip.id)
        if source.clip.subject:
            check_name(source.clip.subject, "subject")
    return found


def single_source(path: Path) -> tuple[str, Images | Video] | None:
    """Return the name and source of a path that is one recording; None for anything else."""
    if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
        return path.stem, Video(path)
    if path.is_dir():
        listing = list_folder(path)
        videos = [name for name in listing.files if Path(name).suffix.lower() in VIDEO_SUFFIXES]
        if has_images(listing) and not videos:
            return path.resolve().name, frames_among(path, listing).images
    return None


def spot_sources(sources: Sequence[Source], config: Config, context: Context) -> Found:
    """Search recordings, several at once where the context has several processes or a cluster."""
    attempt = Attempt(prepared_source, config, context.cache, context.progress)
    roots = [source.root for source in sources]
    answers = [answer for _, answer in search_all(sources, attempt, context, roots)]
    events = [one for one in answers if isinstance(one, RecordingEvents)]
    failures = [one for one in answers if isinstance(one, Failure)]
    return Found(
        tuple(sorted(events, key=lambda one: one.name)),
        tuple(sorted(failures, key=lambda one: one.clip)),
    )


class Task(Protocol):
    """A recording that is to be searched, small and picklable."""

    @property
    def clip(self) -> Clip:
        """The recording as a clip without key frames."""


TaskType = TypeVar("TaskType", bound=Task)


@dataclass(frozen=True)
class Attempt(Generic[TaskType]):
    """Searches a recording, in this process or in a worker, and gives its events or a failure.

    ``prepare`` makes the prepared clip of a task; it is a function of a module.
    """

    prepare: Callable[[TaskType, Config, Path], PreparedClip]
    config: Config
    cache: Path
    progress: Progress

    def __call__(self, task: TaskType) -> RecordingEvents | Failure:
        """Search one recording."""
        try:
            prepared = self.prepare(task, self.config, self.cache)
            return search(prepared, self.config, Store(self.cache), self.progress)
        except (BadDataError, UnreadableInputError) as error:
            return Failure.of(task.clip.id, "recording", error)
        except MemoryError:
            return Failure.of_memory(task.clip.id, "recording")


def search_all(
    tasks: Sequence[TaskType], attempt: Attempt[TaskType], context: Context, roots: Sequence[Path]
) -> list[tuple[TaskType, RecordingEvents | Failure]]:
    """Search recordings, several at once where the context allows it; in no order.

    ``roots`` are the folders that hold them: the workers of a cluster must see them.
    """
    if context.scheduler is None and (context.jobs <= 1 or len(tasks) <= 1):
        return [(task, attempt(task)) for task in tasks]
    answers: list[tuple[TaskType, RecordingEvents | Failure]] = []
    progress = attempt.progress
    far = replace(attempt, cache=attempt.cache.absolute(), progress=NoProgress())
    with task_runner(context, sorted(set(roots)), LIBRARIES) as run:
        progress.begin("recordings", len(tasks))
        try:
            for task, answer in run(far, tasks):
                if isinstance(answer, WorkerDied):
                    answers.append((task, _killed(task.clip.id, answer)))
                else:
                    answers.append((task, answer))
                progress.advance()
        finally:
            progress.end()
    return answers


def _killed(name: str, worker: WorkerDied) -> Failure:
    """Return the failure of a recording whose search a process did not survive."""
    return Failure(
        name,
        "recording",
        "UnreadableInputError",
        f"the process that searched it was killed: {worker.reason}",
        worker.remedy or "Free some memory, or use fewer --jobs.",
    )


def prepared_source(source: Source, config: Config, cache: Path | None = None) -> PreparedClip:
    """Return a recording with its frames and times.

    What was learnt of its files is noted in ``cache``, if that is given.

    Raises
    ------
    BadDataError
        If it cannot be decoded, or has a single frame.
    UnreadableInputError
        If a file cannot be read.
    """
    index = DigestIndex(cache or source.root, source.root, rehash=cache is None)
    data = config.data
    if source.clip.fps is not None:  # the user's word: an unusual rate needs no other
        data = data.model_copy(update={"fps": source.clip.fps})
    prepared = prepare_clip(source.clip, index, data)
    if cache is not None:
        index.save()
    return prepared


def search(
    prepared: PreparedClip, config: Config, store: Store | None, progress: Progress
) -> RecordingEvents:
    """Find what happens in a recording.

    Parameters
    ----------
    prepared
        Its frames and times. Annotation is not used.
    config
        ``recordings``, ``face.search_size`` and ``spot.size`` are used.
    store
        The cache. None: nothing is kept.
    progress
        Counts the seconds of the recording.

    Raises
    ------
    BadDataError
        If the times of its frames are not known, or a frame is damaged.
    UnreadableInputError, SystemProblemError
        As `mepipe.recordings.stored.measured`.
    """
    clip = prepared.input
    times = clip.timing.times(clip.frames.count)
    if times is None:
        raise BadDataError(
            "spotting needs the recording's frames per second, which are unknown",
            "Give them: --fps 30, or --set data.fps=30.",
        )

    def found(_: None) -> RecordingEvents:
        chunks = linked(
            measured(
                clip.frames,
                times,
                store,
                size=config.spot.size,
                search_size=config.face.search_size,
                progress=progress,
                title=f"{prepared.clip.id}, s",
            )
        )
        events = find_events(chunks, times, threshold=config.recordings.threshold)
        return RecordingEvents(
            prepared.clip.id,
            prepared.clip.subject,
            _constant_rate(clip.timing.fps, times),
            times,
            prepared.numbers,
            tuple(events),
            tuple(cuts_of(chunks)),
            motion_curve(chunks, times),
        )

    # The same bits, whoever calls this, and on how many cores.
    return one_thread(found, None)


def _constant_rate(fps: float | None, times_ms: NDArray[np.float64]) -> float | None:
    """Return the frames per second, unless a frame is half a frame away from where it would be."""
    if fps is None:
        return None
    even = np.arange(len(times_ms)) * 1000 / fps
    return fps if np.abs(times_ms - times_ms[0] - even).max() <= 500 / fps else None
