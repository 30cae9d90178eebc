"""From datasets to prepared clips: what a run, a check and an explanation all begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mepipe.clips.clip_task import Failure, PreparedClip
from mepipe.clips.corrections import correct
from mepipe.clips.file_index import DigestIndex
from mepipe.clips.labels import LabelScheme, classify
from mepipe.clips.prepare import prepare
from mepipe.clips.selection import select
from mepipe.clips.videos import index_videos
from mepipe.config.settings import Config, DataSettings
from mepipe.datasets.clip import Dataset, Note
from mepipe.schema import Progress


@dataclass(frozen=True)
class Inputs:
    """Everything that is known of a run's clips before anything of them is computed.

    Parameters
    ----------
    datasets
        As the user corrected them and chose from them.
    corrections
        The values that the user's corrections changed, by clip.
    labels
        The classes, and the class of every clip; no class where none were asked for.
    clips
        The clips that can be tried, sorted by id.
    failures
        The clips that cannot, sorted by id.
    notes
        What should be said of datasets and clips.
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
        """Keep what was learnt of the datasets' files, so that the next run need not read them."""
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
    """Correct, choose, label and prepare the clips of some datasets.

    The order matters: the user's corrections go before what the dataset says, the
    selection is made of what was corrected, and labels that cannot be are told before a
    video is read.

    Parameters
    ----------
    datasets
        What the readers found.
    config
        The resolved configuration; ``data`` and ``labels`` matter.
    cache
        Where the digests of the datasets' files are kept.
    jobs
        Worker processes that read videos which are not known yet.
    progress
        Where it says how many videos it has read.
    rehash
        Read every file again, whatever is known of it.
    labelled
        Whether the clips get their classes.
    only
        The id of the one clip that is wanted; None: all.

    Raises
    ------
    UsageError
        If the corrections, the selection or the labels cannot be.
    """
    curated = curate(datasets, config.data)
    found = curated.datasets
    if only is not None:
        found = tuple(
            replace(one, clips=tuple(clip for clip in one.clips if clip.id == only), rejects=())
            for one in found
        )
    labels = classify(found, config.labels.classes) if labelled else LabelScheme((), {}, {})
    indexes = {one.name: DigestIndex(cache, one.root, rehash=rehash) for one in found}
    index_videos(found, indexes, jobs, progress)
    prepared = prepare(found, indexes, config)
    return Inputs(
        found,
        curated.corrections,
        labels,
        prepared.clips,
        prepared.failures,
        (*curated.notes, *prepared.notes, *labels.notes),
        indexes,
    )


@dataclass(frozen=True)
class Curated:
    """The datasets as the user corrected them and chose from them.

    ``corrections`` holds the values that corrections changed, by clip.
    """

    datasets: tuple[Dataset, ...]
    corrections: Mapping[str, Mapping[str, object]]
    notes: tuple[Note, ...]


def curate(datasets: Sequence[Dataset], settings: DataSettings) -> Curated:
    """Apply the user's corrections, then the selection.

    Raises
    ------
    UsageError
        As `correct` and `select`.
    """
    path = Path(settings.corrections).expanduser() if settings.corrections else None
    corrected = correct(datasets, path)
    chosen = select(corrected.datasets, settings.select or None)
    return Curated(chosen.datasets, corrected.changes, corrected.notes + chosen.notes)
