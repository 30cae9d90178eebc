"""Turn datasets into prepared clips, for a run, a check or an explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mepipe.clips.clip_task import Failure, PreparedClip
from mepipe.clips.corrections import correct
from mepipe.clips.file_index import DigestIndex
from mepipe.clips.label_times import refuse_times
from mepipe.clips.labels import LabelScheme, classify
from mepipe.clips.prepare import prepare
from mepipe.clips.selection import select
from mepipe.clips.videos import index_videos
from mepipe.config.settings import Config, DataSettings
from mepipe.datasets.clip import Dataset, Note
from mepipe.execution.collector import gc_paused
from mepipe.schema import Progress


@dataclass(frozen=True)
class Inputs:
    """The clips of a run, and all data about them that needs no computation.

    Parameters
    ----------
    datasets
        The datasets after corrections and selection.
    corrections
        The values that the corrections of the user changed, by clip.
    labels
        The classes, and the class of every clip. Empty without ``labelled``.
    clips
        The clips that can be processed, sorted by id.
    failures
        The clips that cannot be processed, sorted by id.
    notes
        Remarks on datasets and clips.
    indexes
        The digests of each dataset's files, by the dataset's name.
    """

    datasets: tuple[Dataset, ...]
    corrections: Mapping[str, Mapping[str, object]]
    labels: LabelScheme
    clips: tuple[PreparedClip, ...]
    failures: tuple[Failure, ...]
    notes: tuple[Note, ...]
    indexes: Mapping[str, DigestIndex]

    def save_indexes(self) -> None:
        """Store the digests of the dataset files, so that the next run need not read them."""
        for index in self.indexes.values():
            index.save()


def open_inputs(
    datasets: Sequence[Dataset],
    config: Config,
    cache: Path,
    *,
    jobs: int,
    progress: Progress,
    rehash: bool = False,
    labelled: bool = True,
    only: str | None = None,
) -> Inputs:
    """Correct, select, label and prepare the clips of datasets.

    The order matters. Corrections of the user override the dataset. The selection uses the
    corrected values. Invalid labels are reported before any video is read.

    Parameters
    ----------
    datasets
        The datasets as the readers found them.
    config
        The resolved configuration. Only ``data`` and ``labels`` are used.
    cache
        The cache folder. It holds the digests of dataset files.
    jobs
        Worker processes that read new videos.
    progress
        Reports how many videos were read.
    rehash
        If True, read every file again, even if the index has it.
    labelled
        If True, assign classes to the clips.
    only
        The id of the only clip to prepare. None: all clips.

    Raises
    ------
    UsageError
        If the corrections, the selection, the labels or the unit of a table's key
        frames are invalid.
    """
    curated = curate(datasets, config.data)
    found = curated.datasets
    if only is not None:
        found = tuple(
            replace(one, clips=tuple(clip for clip in one.clips if clip.id == only), rejects=())
            for one in found
        )
    refuse_times(found, config.labels.time)
    # An explanation skips the labels: they are not part of any key.
    labels = classify(found, config.labels.classes) if labelled else LabelScheme((), {}, {})
    indexes = {one.name: DigestIndex(cache, one.root, rehash=rehash) for one in found}
    index_videos(found, indexes, jobs, progress)
    with gc_paused():
        prepared = prepare(found, indexes, config)
    return Inputs(
        found,
        curated.corrections,
        labels,
        prepared.clips,
        prepared.failures,
        # What concerns all clips first: a screen shows only the beginning.
        tuple(
            sorted(
                (*labels.notes, *curated.notes, *prepared.notes),
                key=lambda note: note.clip is not None,
            )
        ),
        indexes,
    )


@dataclass(frozen=True)
class Curated:
    """The datasets after corrections and selection.

    ``corrections`` holds the values that corrections changed, by clip.
    """

    datasets: tuple[Dataset, ...]
    corrections: Mapping[str, Mapping[str, object]]
    notes: tuple[Note, ...]


def curate(datasets: Sequence[Dataset], settings: DataSettings) -> Curated:
    """Apply the corrections of the user, then the selection.

    Raises
    ------
    UsageError
        As `correct` and `select`.
    """
    path = Path(settings.corrections).expanduser() if settings.corrections else None
    corrected = correct(datasets, path)
    chosen = select(corrected.datasets, settings.select or None)
    return Curated(chosen.datasets, corrected.changes, corrected.notes + chosen.notes)
