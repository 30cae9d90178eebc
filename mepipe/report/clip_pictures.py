"""Draw the pictures of one clip for the report. Faces are read from the source again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.store import ObjectName, Store
from mepipe.clips.clip_input import ClipInput
from mepipe.clips.clip_task import ClipTask
from mepipe.errors import BadDataError, DamageError, UnreadableInputError
from mepipe.execution.context import Context
from mepipe.execution.processes import WorkerDied, run_tasks
from mepipe.flow.strain import optical_strain
from mepipe.frames import FrameReader, Timing, split_digest
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.report.content import Pictures
from mepipe.stages import ARRAYS
from mepipe.stages.flow import aligned_faces

# Clips per worker. Starting a worker takes as long as drawing a few dozen clips.
_CLIPS_A_WORKER = 24


@dataclass(frozen=True)
class ClipWork:
    """The work for one clip: its objects, and the files of its frames.

    ``digests`` are those of the onset and the apex frame that flow read. ``source`` is None
    if no face is shown or the dataset is missing. ``strain_sigma`` is that of the clip's tensor.
    """

    clip: str
    flow: ObjectName
    spot: ObjectName
    values: Mapping[str, Mapping[str, Any]]
    digests: Sequence[str]
    source: ClipTask | None
    faces: bool
    strain_sigma: float

    @classmethod
    def of(cls, outcome: ClipOutcome, source: ClipTask | None, *, faces: bool) -> ClipWork:
        """Return the work for a clip whose stages are in ``outcome``."""
        spot, flow = outcome.stages["spot"], outcome.stages["flow"]
        frames = flow.parts["frames"]
        assert isinstance(frames, list | tuple)  # a pair is never long enough to be shortened
        return cls(
            outcome.clip,
            ObjectName("flow", flow.key, flow.digest),
            ObjectName("spot", spot.key, spot.digest),
            {name: outcome.values[name] for name in ("face", "spot")},
            [str(digest) for digest in frames],
            source,
            faces,
            _strain_sigma(outcome),
        )


def _strain_sigma(outcome: ClipOutcome) -> float:
    """Return the smoothing of the strain in the clip's tensor, as its key says it: else none."""
    settings = outcome.stages["tensor"].parts["settings"] if "tensor" in outcome.stages else {}
    sigma = settings.get("strain_sigma", 0) if isinstance(settings, Mapping) else 0
    return float(sigma) if isinstance(sigma, int | float) else 0.0


def draw_clips(work: Sequence[ClipWork], context: Context) -> dict[str, Pictures]:
    """Return the pictures of every clip, by its id."""
    found: dict[str, Pictures] = {}
    if not work:
        return found
    progress = context.progress
    workers = min(context.jobs, 1 + len(work) // _CLIPS_A_WORKER)
    progress.begin("report", len(work))
    try:
        draw = partial(pictures_of, cache_root=context.cache)
        for task, answer in run_tasks(draw, work, workers):
            found[task.clip] = (
                Pictures(missing=f"drawing this clip failed: {answer.reason}")
                if isinstance(answer, WorkerDied)
                else answer
            )
            progress.advance()
    finally:
        progress.end()
    return found


def pictures_of(work: ClipWork, cache_root: Path) -> Pictures:
    """Return the pictures of a clip. Missing pictures have a reason."""
    import cv2

    from mepipe.viz.displacement import displacement_map, flow_grid
    from mepipe.viz.thumbnails import LARGE, flow_picture, strain_picture, thumbnail

    # Clips are drawn in parallel.
    cv2.setNumThreads(1)
    store = Store(cache_root)
    try:
        flow = store.read(work.flow, ARRAYS["flow"]).arrays
        curve = store.read(work.spot, ARRAYS["spot"]).arrays["curve"]
    except DamageError as error:
        return Pictures(missing=error.message)
    uv = np.asarray(flow["uv"], np.float32)
    side = min(uv.shape[-1], LARGE)
    coloured, largest_px = flow_picture(uv)
    strained, largest_strain = strain_picture(optical_strain(uv, work.strain_sigma))
    faces, missing = _faces(work, flow) if work.faces else (None, "")
    visible = work.values["spot"].get("visible", [0])
    large = {"flow": thumbnail(coloured, side), "strain": thumbnail(strained, side)}
    if faces is not None:
        large |= {"onset": thumbnail(faces[0], side), "apex": thumbnail(faces[1], side)}
    moves, moves_px = displacement_map(uv)
    grid, grid_px = flow_grid(uv)
    return Pictures(
        onset=None if faces is None else thumbnail(faces[0]),
        apex=None if faces is None else thumbnail(faces[1]),
        flow=thumbnail(coloured),
        strain=thumbnail(strained),
        largest_px=largest_px,
        largest_strain=largest_strain,
        curve=tuple(np.asarray(curve, np.float64).round(4).tolist()),
        curve_from=int(visible[0]),
        missing=missing,
        large=large,
        side=side,
        moves=moves,
        moves_px=moves_px,
        grid=grid,
        grid_px=grid_px,
        face_px=uv.shape[-1],
    )


def searched_frames(
    clips: Sequence[tuple[str, ClipTask]], context: Context
) -> dict[str, tuple[bytes, int]]:
    """Return for failed clips the frame that was searched first (WebP) and its position.

    A clip whose frame cannot be read has none: its failure says why.
    """
    found = {}
    workers = min(context.jobs, 1 + len(clips) // _CLIPS_A_WORKER)
    for (clip, _), answer in run_tasks(_searched, clips, workers) if clips else ():
        if isinstance(answer, tuple):
            found[clip] = answer
    return found


def _searched(work: tuple[str, ClipTask]) -> tuple[bytes, int] | None:
    import cv2

    from mepipe.viz.thumbnails import frame_picture

    cv2.setNumThreads(1)
    position = work[1].onset.position if work[1].onset else 0
    try:
        for _, image in work[1].open().frames.images([position]):
            return frame_picture(image), position
    except (UnreadableInputError, BadDataError):
        pass
    return None


def _faces(
    work: ClipWork, flow: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the aligned faces (2, S, S), or why there are none."""
    # With several targets, the second face is the first target, which need not be the apex.
    if "faces" in flow and "sequence" not in flow:
        return np.asarray(flow["faces"], np.uint8), ""
    if work.source is None:
        return None, "the dataset is not in the folder of the run"
    try:
        clip = _as_it_was(work.source, work)
        return aligned_faces(clip, work.values, flow), ""
    except UnreadableInputError:
        # The message of the error has a path, and paths are private in a shared report.
        there = all(path.exists() for path in work.source.files)
        return None, "its source was changed since the run" if there else "its source is gone"
    except BadDataError as error:
        return None, error.message


def _as_it_was(source: ClipTask, work: ClipWork) -> ClipInput:
    """Return the clip with the frames that flow read. Raises if they have changed."""
    positions = [work.values["spot"][name] for name in ("onset", "apex")]
    # A folder with fewer frames now would raise an index error below.
    if max(positions) >= source.count:
        raise BadDataError("its frames are not those of the run", "Run again.")
    read = [split_digest(digest) for digest in work.digests]
    known = {
        str(source.files[0 if source.video else position]): sha256
        for position, (sha256, _) in zip(positions, read, strict=True)
    }
    reader = FrameReader(
        source.files, source.count, source.video, lambda path: known.get(str(path)), read[0][1]
    )
    for position in positions:
        reader.digest(position)
    return ClipInput(reader, Timing(None))
