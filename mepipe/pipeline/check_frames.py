"""The problems of frames: bad files, mixed sizes, recordings of two subjects."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mepipe.clips.clip_task import PreparedClip
from mepipe.clips.file_index import DigestIndex
from mepipe.config.settings import Config
from mepipe.errors import BadDataError, MepipeError, UnreadableInputError
from mepipe.frames import VideoFacts, damaged_frame, image_size
from mepipe.pipeline.problem import Problem
from mepipe.stages import face, spot

_SHOWN = 3
_USED = "the clip is used"


def frame_problems(clips: Sequence[PreparedClip], config: Config) -> list[list[Problem]]:
    """Return the problems of the files of each clip, as far as their headers show them.

    A video was decoded when its clip was prepared: a run stops where it needs a damaged frame.
    """
    # Threads, because the work is waiting for a slow disk.
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda clip: _problems_of_frames(clip, config), clips))


def _problems_of_frames(prepared: PreparedClip, config: Config) -> list[Problem]:
    frames = prepared.input.frames
    if frames.video is not None:
        return _damage_of_video(prepared, frames.video, config)
    sizes: dict[int, tuple[int, int]] = {}
    bad: dict[int, MepipeError] = {}
    for position, path in enumerate(map(str, frames.files)):
        try:
            sizes[position] = image_size(path)
        except (BadDataError, UnreadableInputError) as error:
            bad[position] = error
    decoded, compared = needed_frames(prepared, config)
    clip, problems = prepared.clip.id, []
    if bad:
        shown = [f"{frames.files[p].name}: {bad[p].message}" for p in list(bad)[:_SHOWN]]
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        text = f"{len(bad)} frame(s) cannot be used ({'; '.join(shown)}{more})"
        needed = decoded & bad.keys()
        remedy = next(iter(bad.values())).remedy
        problems.append(
            Problem.left_out(clip, text, remedy)
            if needed
            else Problem(clip, text, f"{_USED}: no stage needs these frames")
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
            Problem.left_out(clip, text, "Convert all frames to one size.")
            if mixed
            else Problem(clip, text, f"{_USED}: the frames that the stages need have one size")
        )
    return problems


def _damage_of_video(prepared: PreparedClip, facts: VideoFacts, config: Config) -> list[Problem]:
    needed, _ = needed_frames(prepared, config)
    for position in sorted(needed):
        damage = facts.damage_at(position)
        if damage is not None:
            error = damaged_frame(damage, position, facts)
            text = f"{prepared.input.frames.name(position)}: {error.message}"
            return [Problem.left_out(prepared.clip.id, text, error.remedy)]
    return []


def needed_frames(prepared: PreparedClip, config: Config) -> tuple[set[int], set[int]]:
    """Return the positions that a run certainly decodes, and those that it compares."""
    clip = prepared.input
    searched = face.STAGE.frames(clip, config, {})
    # The search for a face ends at the first frame that has one, so only that and those beside
    # it are certain.
    certain = {searched[0] + step for step in range(-2, 3)} & set(searched)
    faces = searched if config.face.align == "per-frame" else certain
    compared = set(range(clip.frames.count)) if spot.searches(clip, config) else set()
    # Spotting reads no frame of a fully annotated clip. Then flow compares onset and apex.
    if not compared:
        compared = {mark.position for mark in (clip.onset, clip.apex) if mark}
    return compared | set(faces), compared


def shared_recordings(clips: Sequence[PreparedClip], index: DigestIndex) -> list[Problem]:
    """Return a problem for each clip that shares a key frame with another subject's clip."""
    # Only files of equal size can be equal, so most files need not be read.
    by_size: dict[int, list[tuple[PreparedClip, Path]]] = defaultdict(list)
    for prepared in clips:
        for path in _key_files(prepared) if prepared.clip.group else ():
            try:
                by_size[os.stat(path).st_size].append((prepared, path))  # noqa: PTH116
            except OSError:
                continue  # already reported by `frame_problems`
    owners: dict[str, dict[str, tuple[PreparedClip, Path]]] = defaultdict(dict)
    for some in by_size.values():
        if len({prepared.clip.group for prepared, _ in some}) < 2:
            continue
        for prepared, path in some:
            try:
                owners[index.digest(path)].setdefault(prepared.clip.id, (prepared, path))
            except UnreadableInputError:
                continue
    found: dict[str, Problem] = {}
    for (first, _), *others in (list(files.values()) for files in owners.values()):
        for other, path in others:
            if other.clip.group == first.clip.group:
                continue
            found.setdefault(
                other.clip.id,
                Problem(
                    other.clip.id,
                    f"{path.name} is also in the clip {first.clip.id} of another subject",
                    "both clips are used, but a run gives no classifier results while two subjects "
                    "share a recording. Exclude one of the clips in the corrections",
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
