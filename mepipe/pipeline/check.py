"""What a dataset is, what is wrong with it, and what a run would do about it.

Nothing is computed: annotations are held against the frames that exist, every
image file is looked at from both ends, and the key frames are compared between
persons.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mepipe.config.settings import Config
from mepipe.datasets.corrections import template
from mepipe.datasets.frames_on_disk import missing_runs
from mepipe.datasets.labels import classify
from mepipe.datasets.model import Dataset, Note
from mepipe.errors import BadDataError, MepipeError, UnreadableInputError
from mepipe.frames import image_size
from mepipe.pipeline.index import DigestIndex
from mepipe.pipeline.model import Progress
from mepipe.pipeline.prepare import PreparedClip, curate, prepare
from mepipe.pipeline.videos import look_into_videos
from mepipe.stages import face, spot

_SHOWN = 3
_USED = "the clip is used"
_LEFT_OUT = "the clip is left out"


@dataclass(frozen=True)
class Problem:
    """Something wrong, of one clip or (None) of the dataset, and what becomes of it."""

    clip: str | None
    problem: str
    handling: str


@dataclass(frozen=True)
class Findings:
    """What a check found.

    ``labels`` counts the dataset's emotion words and ``classes`` what they
    become (None: outside), each for all of ``clips``; ``rates`` are the frames
    per second that occur. ``ids`` are the clips that can be corrected.
    """

    dataset: str
    reader: str
    root: Path
    clips: int
    usable: int
    subjects: int
    labels: Mapping[str, int]
    classes: Mapping[str | None, int]
    rates: tuple[float | None, ...]
    missing_frames: int
    problems: tuple[Problem, ...]
    ids: frozenset[str]

    @property
    def fps(self) -> float | None:
        """Frames per second; None where they differ or are unknown."""
        return self.rates[0] if len(self.rates) == 1 else None

    def corrections(self) -> str:
        """Return a corrections.csv to be filled in, with a row for each clip of a problem."""
        found: dict[str, list[str]] = defaultdict(list)
        for problem in self.problems:
            if problem.clip in self.ids:
                found[str(problem.clip)].append(problem.problem)
        return template(found)


def check(dataset: Dataset, config: Config, cache: Path, progress: Progress) -> Findings:
    """Look at a dataset as a run with these settings would.

    Parameters
    ----------
    dataset
        What a reader found.
    config
        The resolved configuration; ``data`` and ``labels`` matter.
    cache
        Where the index of the files' digests is kept.
    progress
        Where it says how far it is, if there are videos to look into.

    Raises
    ------
    UsageError
        If the corrections, the selection or the labels cannot be.
    SystemProblemError
        If the cache cannot be written.
    """
    curated = curate([dataset], config.data)
    labels = classify(curated.datasets, config.labels.classes)
    index = DigestIndex(cache, dataset.root)
    indexes = {dataset.name: index}
    look_into_videos(curated.datasets, indexes, os.cpu_count() or 1, progress)
    prepared = prepare(curated.datasets, indexes, config)
    problems = [_left_out(f.clip, f.message, f.remedy) for f in prepared.failures]
    notes = (*curated.notes, *labels.notes, *prepared.notes)
    failed = {failure.clip for failure in prepared.failures}
    problems += [_noted(note, failed) for note in notes]
    for clip, found in zip(prepared.clips, _frame_problems(prepared.clips, config), strict=True):
        problems += found
        if any(problem.handling.startswith(_LEFT_OUT) for problem in found):
            failed.add(clip.clip.id)
    problems += _shared_recordings(prepared.clips, index)
    index.save()
    clips = [clip for part in curated.datasets for clip in part.clips]
    rejects = [reject for part in curated.datasets for reject in part.rejects]
    rates = {clip.input.timing.fps for clip in prepared.clips}
    return Findings(
        dataset=dataset.name,
        reader=dataset.reader,
        root=dataset.root,
        clips=len(clips) + len(rejects),
        usable=sum(clip.clip.id not in failed for clip in prepared.clips),
        subjects=len({clip.group for clip in clips if clip.group}),
        labels=dict(Counter(clip.emotion for clip in clips if clip.emotion).most_common()),
        classes={
            **dict.fromkeys(labels.classes, 0),
            **Counter(labels.label(clip) for clip in clips),
        },
        rates=tuple(sorted(rates, key=lambda rate: rate or 0.0)),
        missing_frames=sum(
            last - first + 1
            for clip in prepared.clips
            if not clip.input.frames.is_video
            for first, last in missing_runs(clip.numbers)
        ),
        problems=tuple(sorted(problems, key=lambda problem: problem.clip or "")),
        ids=frozenset([clip.id for clip in clips] + [reject.clip for reject in rejects]),
    )


def _left_out(clip: str, problem: str, remedy: str) -> Problem:
    return Problem(clip, problem, f"{_LEFT_OUT}. {remedy}" if remedy else _LEFT_OUT)


def _noted(note: Note, failed: set[str]) -> Problem:
    handling = note.handling or "said in notes.csv, nothing else"
    if note.clip in failed:
        handling = _LEFT_OUT
    return Problem(note.clip, note.problem, handling)


def _frame_problems(clips: Sequence[PreparedClip], config: Config) -> list[list[Problem]]:
    """Return, for each clip, what is wrong with its image files."""
    # Several threads: on a slow disk it is the waiting that counts.
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda clip: _problems_of_frames(clip, config), clips))


def _problems_of_frames(prepared: PreparedClip, config: Config) -> list[Problem]:
    frames = prepared.input.frames
    if frames.is_video:
        return []
    sizes: dict[int, tuple[int, int]] = {}
    bad: dict[int, MepipeError] = {}
    for position, path in enumerate(map(str, frames.files)):
        try:
            sizes[position] = image_size(path)
        except (BadDataError, UnreadableInputError) as error:
            bad[position] = error
    decoded, compared = _needed(prepared, config)
    clip, problems = prepared.clip.id, []
    if bad:
        shown = [f"{frames.files[p].name}: {bad[p].message}" for p in list(bad)[:_SHOWN]]
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        text = f"{len(bad)} frame(s) cannot be used ({'; '.join(shown)}{more})"
        needed = decoded & bad.keys()
        remedy = next(iter(bad.values())).remedy
        problems.append(
            _left_out(clip, text, remedy)
            if needed
            else Problem(clip, text, f"{_USED}: nothing needs these frames")
        )
    if len(set(sizes.values())) > 1:
        (usual, _), *others = Counter(sizes.values()).most_common()
        odd = next(p for p in sizes if sizes[p] != usual)
        text = (
            f"frames of {len(others) + 1} sizes: most are {usual[0]} x {usual[1]} px, "
            f"{frames.files[odd].name} is {sizes[odd][0]} x {sizes[odd][1]}"
        )
        mixed = len({sizes[p] for p in compared if p in sizes}) > 1
        problems.append(
            _left_out(clip, text, "Bring all frames to one size.")
            if mixed
            else Problem(clip, text, f"{_USED}: the frames that it needs are of one size")
        )
    return problems


def _needed(prepared: PreparedClip, config: Config) -> tuple[set[int], set[int]]:
    """Return the positions that are sure to be decoded, and those compared with each other."""
    clip = prepared.input
    searched = face.STAGE.frames(clip, config, {})
    # Of the frames that may be searched for a face, only the first one surely is.
    faces = searched if config.face.align == "per-frame" else searched[:1]
    compared = set(spot.STAGE.frames(clip, config, {}))
    if not compared:
        compared = {mark.position for mark in (clip.onset, clip.apex) if mark}
    return compared | set(faces), compared


def _shared_recordings(clips: Sequence[PreparedClip], index: DigestIndex) -> list[Problem]:
    """Return the clips of which a key frame stands under another person, too."""
    # Only files of equal size can be equal: few are read where sizes differ.
    by_size: dict[int, list[tuple[PreparedClip, Path]]] = defaultdict(list)
    for prepared in clips:
        for path in _key_files(prepared) if prepared.clip.group else ():
            try:
                by_size[os.stat(path).st_size].append((prepared, path))  # noqa: PTH116
            except OSError:
                continue  # told of by the look at every frame
    owners: dict[str, dict[str, Path]] = defaultdict(dict)
    people: dict[str, set[str]] = defaultdict(set)
    for some in by_size.values():
        if len({prepared.clip.group for prepared, _ in some}) < 2:
            continue
        for prepared, path in some:
            try:
                digest = index.digest(path)
            except UnreadableInputError:
                continue
            owners[digest].setdefault(prepared.clip.id, path)
            people[digest].add(prepared.clip.group)
    found: dict[str, Problem] = {}
    for digest, files in owners.items():
        if len(people[digest]) < 2:
            continue
        (first, _), *others = files.items()
        for clip, path in others:
            found.setdefault(
                clip,
                Problem(
                    clip,
                    f"{path.name} is also in {first}, of another subject",
                    "both clips are used; a recording under two persons ends a run without "
                    "classifier results. Leave one out in the corrections",
                ),
            )
    return list(found.values())


def _key_files(prepared: PreparedClip) -> list[Path]:
    clip = prepared.input
    if clip.frames.is_video:
        return [clip.frames.files[0]]
    positions = {0, clip.frames.count - 1}
    positions |= {mark.position for mark in (clip.onset, clip.apex) if mark}
    return [clip.frames.files[position] for position in sorted(positions)]
