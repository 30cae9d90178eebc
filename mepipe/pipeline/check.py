"""Find the problems of a dataset, and how a run would handle them.

Nothing is stored. Annotations are compared with the existing frames. The start and the
end of every image file are checked, and every video is decoded, once. Key frames are compared
between subjects. With ``frames``, every image is decoded and every clip's face is looked for.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mepipe.cache.location import cache_root
from mepipe.cache.records import read_records
from mepipe.clips.correction_rows import template
from mepipe.clips.inputs import Inputs, open_inputs
from mepipe.clips.video_notes import rate_notes
from mepipe.config.load import as_config
from mepipe.config.settings import Config
from mepipe.datasets.clip import Dataset, Note
from mepipe.datasets.frames_on_disk import missing_runs
from mepipe.datasets.registry import open_dataset
from mepipe.execution.progress import progress_for
from mepipe.pipeline.check_frames import frame_problems, needed_frames, shared_recordings
from mepipe.pipeline.check_pictures import picture_problems
from mepipe.pipeline.problem import Problem
from mepipe.recordings.length import is_recording, seconds_of
from mepipe.schema import Progress

if TYPE_CHECKING:
    from mepipe.pipeline.worth_a_look import Doubt

# For notes that state their handling themselves, or that need none.
_NO_CHANGE = "as described; nothing else is changed"


@dataclass(frozen=True)
class Findings:
    """The result of a check.

    ``labels`` counts the emotion words of the dataset, ``classes`` the classes of its
    clips. The class None is no class; ``unlabelled`` of these have no emotion word either.
    ``usable`` clips can be read; where ``faces`` were looked for, they have one, too.
    ``rates`` are the frame rates that occur. ``ids`` are the clips that can be corrected.
    ``recordings`` are the clips in which a run looks for movements, with their length, s.
    ``doubts`` are the clips that are worth a look by what the newest run found, the worst first.
    """

    dataset: str
    reader: str
    root: Path
    clips: int
    usable: int
    subjects: int
    labels: Mapping[str, int]
    classes: Mapping[str | None, int]
    unlabelled: int
    rates: tuple[float | None, ...]
    missing_frames: int
    problems: tuple[Problem, ...]
    ids: frozenset[str]
    faces: bool = False
    recordings: Mapping[str, float] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()

    @property
    def fps(self) -> float | None:
        """Frames per second. None if they differ or are unknown."""
        return self.rates[0] if len(self.rates) == 1 else None

    def corrections(self) -> str:
        """Return a corrections.csv to fill in, with a row for each clip that has a problem."""
        found: dict[str, list[str]] = defaultdict(list)
        for problem in self.problems:
            if problem.clip in self.ids:
                found[str(problem.clip)].append(problem.problem)
        for doubt in self.doubts:
            if doubt.clip in self.ids:
                found[doubt.clip].append(doubt.text)
        return template(found)


def check(
    dataset: Dataset | str | Path,
    config: Config | str | Path | None = None,
    *,
    settings: Sequence[str] = (),
    frames: bool = False,
    cache: str | Path | None = None,
    progress: Callable[[str, int, int], object] | None = None,
) -> Findings:
    """Look at a dataset as a run would: what is there, what is wrong, what a run would do.

    >>> import mepipe
    >>> found = mepipe.check("sample")
    >>> found.clips, found.usable, found.subjects, found.fps
    (3, 3, 1, 200.0)

    Parameters
    ----------
    dataset
        Its path, or what `mepipe.read_dataset` returned.
    frames
        If True, decode every image and look for every face: it takes as long as a run's start.
    config, settings, cache, progress
        As for `mepipe.run`.

    Raises
    ------
    UsageError
        If no dataset is recognised, or the corrections, the selection, the labels or a
        setting are not valid.
    SystemProblemError
        If the cache cannot be written.
    """
    if not isinstance(dataset, Dataset):
        dataset = open_dataset(str(dataset))
    root = cache_root(Path(cache) if cache is not None else None)
    return check_dataset(
        dataset, as_config(config, settings), root, progress_for(progress), frames=frames
    )


def check_dataset(
    dataset: Dataset, config: Config, cache: Path, progress: Progress, *, frames: bool = False
) -> Findings:
    """Check a dataset with these settings, without computing anything.

    Parameters
    ----------
    dataset
        The dataset as its reader found it.
    config
        The resolved configuration. ``data``, ``labels``, and what says which clips are
        recordings are used.
    cache
        The cache folder. It holds the index of file digests.
    progress
        Reports how many videos were read.
    frames
        If True, decode every image and look for every face.

    Raises
    ------
    UsageError
        If the corrections, the selection or the labels are invalid.
    SystemProblemError
        If the cache cannot be written.
    """
    inputs = open_inputs([dataset], config, cache, jobs=os.cpu_count() or 1, progress=progress)
    labels, index = inputs.labels, inputs.indexes[dataset.name]
    problems = [Problem.left_out(f.clip, f.message, f.remedy) for f in inputs.failures]
    failed = {failure.clip for failure in inputs.failures}
    problems += [_noted(note, failed) for note in inputs.notes]
    for clip, found in zip(inputs.clips, frame_problems(inputs.clips, config), strict=True):
        problems += found
        if any(problem.fatal for problem in found):
            failed.add(clip.clip.id)
    if frames:
        sound = [clip for clip in inputs.clips if clip.clip.id not in failed]
        needed = [needed_frames(clip, config)[0] for clip in sound]
        seen = picture_problems(sound, needed, config, os.cpu_count() or 1, progress)
        for clip, found in zip(sound, seen, strict=True):
            problems += found
            if any(problem.fatal for problem in found):
                failed.add(clip.clip.id)
    problems += shared_recordings(inputs.clips, index)
    rates = [clip.input.timing.fps for clip in inputs.clips]
    problems += [_noted(note, failed) for note in rate_notes(rates)]
    # The digests of key frames and videos spare the next run reading these files.
    inputs.save_indexes()
    clips = [clip for part in inputs.datasets for clip in part.clips]
    rejects = [reject for part in inputs.datasets for reject in part.rejects]
    return Findings(
        dataset=dataset.name,
        reader=dataset.reader,
        root=dataset.root,
        clips=len(clips) + len(rejects),
        usable=sum(clip.clip.id not in failed for clip in inputs.clips),
        subjects=len({clip.group for clip in clips if clip.group}),
        labels=dict(Counter(clip.emotion for clip in clips if clip.emotion).most_common()),
        classes={
            **dict.fromkeys(labels.classes, 0),
            **Counter(labels.label(clip) for clip in clips),
        },
        unlabelled=sum(
            not (labels.label(clip) or clip.emotion or clip.objective_class) for clip in clips
        ),
        rates=tuple(sorted(set(rates), key=lambda rate: rate or 0.0)),
        missing_frames=sum(
            last - first + 1
            for clip in inputs.clips
            if not clip.input.frames.is_video
            for first, last in missing_runs(clip.numbers)
        ),
        problems=tuple(sorted(problems, key=lambda problem: problem.clip or "")),
        ids=frozenset([clip.id for clip in clips] + [reject.clip for reject in rejects]),
        faces=frames,
        recordings={
            one.clip.id: seconds_of(one.input) or 0.0
            for one in inputs.clips
            if one.clip.id not in failed and is_recording(one, config)
        },
        doubts=_doubts(dataset, inputs, config, cache),
    )


def _doubts(dataset: Dataset, inputs: Inputs, config: Config, cache: Path) -> tuple[Doubt, ...]:
    root = str(dataset.root.resolve())
    record = next(
        (
            one
            for one in read_records(cache)
            if one.get("roots", {}).get(dataset.name) == root and one.get("finished")
        ),
        None,
    )
    if record is None:
        return ()
    # Imported only where there was a run: it needs h5py.
    from mepipe.pipeline.recorded_doubts import recorded_doubts

    return recorded_doubts(cache, record, inputs, config)


def _noted(note: Note, failed: set[str]) -> Problem:
    if note.clip is not None and note.clip in failed:
        return Problem.left_out(note.clip, note.problem)
    return Problem(note.clip, note.problem, note.handling or _NO_CHANGE)
