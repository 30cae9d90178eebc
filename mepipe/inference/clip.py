"""Process one clip without a dataset and without a cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.clips.clip_input import ClipInput
from mepipe.clips.file_index import DigestIndex
from mepipe.clips.prepare import prepare_clip
from mepipe.config.settings import Config, DataSettings
from mepipe.datasets.clip import Clip, Images, Video
from mepipe.datasets.frames_on_disk import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    Listing,
    frames_among,
    has_images,
    list_folder,
)
from mepipe.errors import BadDataError, UsageError
from mepipe.flow.strain import optical_strain
from mepipe.micro import moved_px
from mepipe.pipeline.outcome import ClipOutcome, StageOutcome
from mepipe.pipeline.walk import Found, walk
from mepipe.plausible import RATES, is_rate
from mepipe.schema import KEY_FRAMES, ModelMap
from mepipe.stages import Result, Stage, Upstream
from mepipe.stages.face import face_notes, face_position
from mepipe.stages.flow import aligned_faces
from mepipe.viz.clip_picture import ClipPicture

if TYPE_CHECKING:
    from mepipe.schema import Progress

_NAMED = 4  # clips of a folder that holds several

# What each method measures in a frame, and the unit.
_CURVES = {
    "flow-peak": ("motion along the movement's pattern", "px of the crop"),
    "lbp-divide": ("difference of local binary patterns from the first frame's", "1 - correlation"),
}


def make_ready(config: Config, progress: Progress | None) -> None:
    """Load the face models and the flow engine, so that the first clip is not slow.

    ``progress`` reports the compilation of the engine, the first time.
    """
    from mepipe.face import load_models

    load_models()
    if config.flow.engine != "mepipe":
        return
    from mepipe.execution.compiling import compile_engine
    from mepipe.execution.progress import NoProgress
    from mepipe.flow.engine import compile_all
    from mepipe.flow.kernels import is_compiled

    if is_compiled():
        compile_all()  # reads the compiled code now, not with the first clip
    else:
        compile_engine(progress or NoProgress())


@dataclass
class ClipResult:
    """The results of the stages of one clip.

    Parameters
    ----------
    clip, config
        The clip, and the settings.
    results
        The result of each stage that was computed, by its name.
    stopped
        The error that ended the stages early, at ``stage``. None if there was none.
    """

    clip: ClipInput
    config: Config
    results: dict[str, Result] = field(default_factory=dict)
    stopped: BadDataError | None = None
    stage: str = ""

    @property
    def values(self) -> dict[str, Mapping[str, Any]]:
        """The small results of the stages so far."""
        return {name: result.values for name, result in self.results.items()}

    @property
    def onset(self) -> int:
        """Position of the onset, from 0."""
        return int(self.results["spot"].values["onset"])  # type: ignore[arg-type]

    @property
    def apex(self) -> int:
        """Position of the apex, from 0."""
        return int(self.results["spot"].values["apex"])  # type: ignore[arg-type]

    @property
    def offset(self) -> int | None:
        """Position of the offset, from 0. None if there is none."""
        found = self.results["spot"].values["offset"]
        return None if found is None else int(found)  # type: ignore[arg-type]

    @property
    def movement(self) -> bool:
        """False if no movement above the noise was found: then the key frames are a guess."""
        return bool(self.results["spot"].values["movement"])

    @property
    def confidence(self) -> float:
        """Confidence in the apex, from 0 (a guess) to 1."""
        return float(self.results["spot"].values["apex_confidence"])  # type: ignore[arg-type]

    @property
    def curve(self) -> NDArray[np.float32]:
        """(N,) motion curve of the frames with a visible face. Empty if none was measured."""
        return np.asarray(self.results["spot"].arrays["curve"], np.float32)

    @property
    def landmarks(self) -> NDArray[np.float64]:
        """(68, 2) landmarks, px of the frame, x right and y down."""
        return np.asarray(self.results["face"].arrays["landmarks"])

    @property
    def box(self) -> NDArray[np.float64]:
        """(4,) face box x0, y0, x1, y1, px of the frame."""
        return np.asarray(self.results["face"].arrays["box"])

    @property
    def faces(self) -> NDArray[np.uint8]:
        """(2, S, S) grey aligned face at onset and apex."""
        flow = self.results["flow"].arrays
        if isinstance(self.config.flow.targets, int):
            # The second face is the first target's then, which need not be the apex.
            return aligned_faces(self.clip, self.values, flow)
        return np.asarray(flow["faces"][:2], np.uint8)

    @property
    def flow(self) -> NDArray[np.float32]:
        """(2, S, S) flow u, v from onset to apex, px of the aligned face, head motion removed."""
        return np.asarray(self.results["flow"].arrays["uv"], np.float32)

    @property
    def strain(self) -> NDArray[np.float32]:
        """(S, S) magnitude of the optical strain of `flow`, px a px, smoothed as the tensor's."""
        return optical_strain(self.flow, self.config.tensor.strain_sigma)

    @property
    def moved_px(self) -> float:
        """Largest motion from onset to apex, px of the aligned face, averaged over a cell."""
        from mepipe.flow import flow_tensor

        eyes = float(self.values["flow"]["inter_ocular"])
        size = self.config.tensor.size
        cells = flow_tensor(self.flow, size=size, scale="none", inter_ocular=eyes)
        return float(moved_px(cells[None], {"scale": "none"}, eyes)[0])

    @property
    def tensor(self) -> NDArray[np.float32]:
        """(3, T, T) u, v, strain at the network's size, scaled as ``tensor.scale`` says."""
        return self.map("x")

    def map(self, name: ModelMap) -> NDArray[np.float32]:
        """Return what a model reads: `tensor` for ``x``, (K, 3, T, T) for ``sequence``."""
        return np.asarray(self.results["tensor"].arrays[name], np.float32)


def open_clip(path: Path, data: DataSettings, fps: float | None = None) -> ClipInput:
    """Open the clip at ``path`` like a run over its dataset, but without annotation.

    Parameters
    ----------
    path
        A video, or a folder of images.
    data
        ``data.fps`` is the rate of images, and of videos that do not state one.
    fps
        Frames per second. It replaces the rate that a video states.

    Raises
    ------
    UsageError
        If there is no such path, or it is a folder of several clips or none.
    BadDataError
        If it cannot be decoded, has only one frame, or the order of its frames is uncertain.
    UnreadableInputError
        If it cannot be read.
    """
    clip = Clip(path.name, "", "", "", source=_source(path), fps=fps)
    if fps is not None:  # the user's word: an unusual rate needs no other
        data = data.model_copy(update={"fps": fps})
    # An empty index that is never saved: there is no cache.
    index = DigestIndex(path, path, rehash=True)
    return prepare_clip(clip, index, data).input


def check_rate(fps: float | None) -> float | None:
    """Return ``fps`` if a camera can make so many; None is unknown.

    Raises
    ------
    UsageError
        If it is no rate.
    """
    if fps is not None and not is_rate(fps):
        raise UsageError(
            f"{fps:g} frames per second is not a valid rate: valid are {RATES}",
            "Give the rate of the camera, for example 200.",
        )
    return fps


def _source(path: Path) -> Images | Video:
    if path.is_file():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            raise UsageError(f"{path} is one image", "Give a video, or the folder of its images.")
        return Video(path)
    if not path.is_dir():
        raise UsageError(f"there is no video or folder {path}", "Give a video or a folder.")
    listing = list_folder(path)
    videos = [name for name in listing.files if Path(name).suffix.lower() in VIDEO_SUFFIXES]
    if has_images(listing) and not videos:
        return frames_among(path, listing).images
    clips = videos + ["its images"] * has_images(listing)
    clips += [name for name in listing.folders if has_images(list_folder(path / name))]
    if not clips and listing.folders:
        example = _clip_below(path, listing)
        raise UsageError(
            f"the folder {path} is not a clip: it holds only folders ({_some(listing.folders)})",
            "Give one clip" + (f", for example {example}." if example else "."),
        )
    if not clips:
        raise UsageError(
            f"the folder {path} holds no images and no videos",
            "Give a video, or the folder that holds the images of a clip.",
        )
    raise UsageError(
        f"the folder {path} is not a single clip: it holds {len(clips)} clip(s) ({_some(clips)})",
        f"Give one clip, for example {path / clips[0]}.",
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _clip_below(path: Path, listing: Listing) -> Path | None:
    """Return the first clip in the subfolders of a folder (subjects). None if there is none."""
    for subject in listing.folders:
        inside = list_folder(path / subject)
        for name in inside.files:
            if Path(name).suffix.lower() in VIDEO_SUFFIXES:
                return path / subject / name
        for name in inside.folders:
            if has_images(list_folder(path / subject / name)):
                return path / subject / name
    return None


def run_stages(
    clip: ClipInput, config: Config, until: str = "tensor", *, reads: ModelMap = "x"
) -> ClipResult:
    """Compute the stages of a clip in memory, until one fails.

    The arrays equal those that a run with the same settings stores. In addition, flow has
    the two aligned faces. Flow goes to other targets than the apex only where ``sequence`` is
    what a model ``reads``.
    """
    # The picture needs flow to the apex, which there is with any targets.
    change = {"keep_faces": True, **({"targets": "apex"} if reads == "x" else {})}
    config = config.model_copy(update={"flow": config.flow.model_copy(update=change)})
    done = ClipResult(clip, config)
    for step in walk(clip, config, ClipOutcome(""), _nothing, until=until):
        try:
            upstream = Upstream(done.values, lambda name: done.results[name].arrays)
            result = step.stage.compute(clip, config, upstream)
        except BadDataError as error:
            done.stopped, done.stage = error, step.stage.name
            break
        done.results[step.stage.name] = result
        # Without a cache there is no key and no digest. The walk only needs the values.
        step.outcome = StageOutcome("", {}, "", result.values, None, {}, computed=True)
    return done


def _nothing(_stage: Stage, _outcome: ClipOutcome) -> Found:
    """Return an empty answer: without a cache no key is needed, so no frame is hashed."""
    return Found()


def format_error(clip: ClipInput, error: BadDataError) -> str:
    """Return the message of an error, with the file name of the frame at fault if known."""
    if error.position is None:
        return error.message
    return f"{clip.frames.name(error.position)}: {error.message}"


def picture_of(done: ClipResult, name: str, first_lines: Sequence[str] = ()) -> ClipPicture:
    """Return the content of a picture of a clip. At least a face must have been found.

    Parameters
    ----------
    done
        The results of the clip.
    name
        The title.
    first_lines
        Lines above those of the stages.
    """
    clip, config, values, results = done.clip, done.config, done.values, done.results
    face, spot = values["face"], values.get("spot")
    position = face_position(clip, config, values)
    flow = results["flow"].arrays if "flow" in results else None
    faces = None if flow is None else done.faces
    method = config.spot.fallback if config.spot.method == "auto" else config.spot.method
    title, unit = _CURVES.get(method, ("no motion curve: nothing was measured", ""))
    curve = None
    lines = [
        *first_lines,
        f"{clip.frames.count} frames"
        + (f", {clip.timing.fps:g} per second" if clip.timing.fps else ""),
        f"face in frame {position} of quality {face['quality']:.2f}",
        f"{face['faces']} face(s), {face['inter_ocular_px']:.0f} px between the eyes",
        f"frontal {face['frontal']:.2f} (1: from the front), rolled {face['roll']:.0f} degrees",
        f"landmarks steady within {face['moved']:.1%} of the eyes' distance",
        f"light: contrast {face['contrast']:.0f} grey levels, {face['clipped']:.0%} black or white",
        *(f"note: {text}" for text in face_notes(face)),
        f"method: {method}",
    ]
    if spot is not None and "visible" in spot:
        first, stop = spot["visible"]
        # NaN leaves a gap in the drawing where the face is not visible.
        curve = np.full(clip.frames.count, np.nan, np.float32)
        curve[first:stop] = results["spot"].arrays["curve"]
        threshold = f", threshold {config.spot.threshold:g}" if method == "flow-peak" else ""
        lines += [
            f"face seen in frames {first} to {stop - 1}",
            f"strength {spot['strength']:.2f}{threshold}",
            "a movement" if spot["movement"] else "no movement: the best candidate",
        ]
    if "limited" in values.get("tensor", {}):
        u, v, strain = values["tensor"]["limited"]
        lines.append(f"beyond the linear range: {u:.0%} of u, {v:.0%} of v, {strain:.0%} of strain")
    return ClipPicture(
        name=name,
        frame=clip.frames.image(position),
        box=np.asarray(results["face"].arrays["box"]),
        landmarks=np.asarray(results["face"].arrays["landmarks"]),
        onset_face=None if faces is None else faces[0],
        apex_face=None if faces is None else faces[1],
        flow=None if flow is None else np.asarray(flow["uv"]),
        strain=None if flow is None else done.strain,
        curve=curve,
        curve_title=title if spot is not None else "no motion curve: nothing was measured",
        curve_unit=unit,
        times_ms=clip.timing.times(clip.frames.count),
        marks={}
        if spot is None
        else {
            mark: (int(spot[mark]), spot[f"{mark}_confidence"])
            for mark in KEY_FRAMES
            if spot[mark] is not None  # a movement of a recording need not end in it
        },
        lines=lines,
    )
