"""One clip through its stages without a cache, for a picture of what is found in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mepipe.config.settings import Config
from mepipe.datasets.frames_on_disk import list_frames
from mepipe.errors import BadDataError, UsageError
from mepipe.flow.strain import optical_strain
from mepipe.frames import FrameReader, Timing, probe_video
from mepipe.pipeline.work import selected
from mepipe.report.show import ClipPicture, clip_png
from mepipe.stages import ClipInput, Result, Upstream
from mepipe.stages.face import found_at

# What each method measures in a frame, and its unit.
_CURVES = {
    "flow-peak": ("motion along the movement's pattern", "px of the crop"),
    "lbp-divide": ("difference of local binary patterns from the first frame's", "1 - correlation"),
}


def show(path: Path, config: Config) -> bytes:
    """Return a picture (PNG) of a clip: its face, key frames, flow and motion curve.

    Parameters
    ----------
    path
        A video, or a folder of images.
    config
        As for a run; ``data.fps`` gives the rate of a folder of images. Key
        frames are looked for, whatever a dataset says of the clip.

    Raises
    ------
    UsageError
        If the path holds no clip.
    BadDataError
        If there is no face, or the rate is needed and unknown.
    """
    clip = _open(path, config)
    results: dict[str, Result] = {}
    values: dict[str, Mapping[str, Any]] = {}
    # The picture shows the apex, whatever else is looked at.
    shown = config.flow.model_copy(update={"keep_faces": True, "targets": "apex"})
    settings = config.model_copy(update={"flow": shown})
    reason = ""
    for stage in selected("flow"):
        upstream = Upstream(dict(values), lambda name: results[name].arrays)
        try:
            results[stage.name] = stage.compute(clip, settings, upstream)
        except BadDataError as error:
            # Without flow there is still a face and a curve to be seen.
            if stage.name != "flow":
                raise
            reason = error.message
            break
        values[stage.name] = results[stage.name].values
    return clip_png(_picture(path.name, clip, config, values, results, reason))


def _open(path: Path, config: Config) -> ClipInput:
    if path.is_dir():
        images = list_frames(path).images
        files = tuple(path / name for name in images.names)
        if not files:
            raise UsageError(f"the folder {path} holds no numbered images", "Give a clip's folder.")
        reader = FrameReader(files, len(files), False, lambda _: None)
        return ClipInput(reader, Timing(config.data.fps))
    if not path.is_file():
        raise UsageError(f"{path} is neither a folder nor a file", "Give a video or a folder.")
    with path.open("rb") as stream:
        facts = probe_video(stream)
    reader = FrameReader((path,), facts.count, True, lambda _: None)
    return ClipInput(reader, Timing(facts.fps or config.data.fps, facts.times_ms))


def _picture(
    name: str,
    clip: ClipInput,
    config: Config,
    values: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, Result],
    reason: str,
) -> ClipPicture:
    face, spot = values["face"], values["spot"]
    position = found_at(clip, config, values)
    flow = results["flow"].arrays if "flow" in results else None
    method = config.spot.fallback if config.spot.method == "auto" else config.spot.method
    title, unit = _CURVES.get(method, ("no motion curve: nothing was measured", ""))
    curve = None
    lines = [
        f"{clip.frames.count} frames"
        + (f", {clip.timing.fps:g} a second" if clip.timing.fps else ""),
        f"face in frame {position} of quality {face['quality']:.2f}",
        f"{face['faces']} face(s), {face['inter_ocular_px']:.0f} px between the eyes",
        f"frontal {face['frontal']:.2f} (1: from the front)",
        f"method: {method}",
    ]
    if "visible" in spot:
        first, stop = spot["visible"]
        curve = np.full(clip.frames.count, np.nan, np.float32)
        curve[first:stop] = results["spot"].arrays["curve"]
        threshold = f", threshold {config.spot.threshold:g}" if method == "flow-peak" else ""
        lines += [
            f"face seen in frames {first} to {stop - 1}",
            f"strength {spot['strength']:.2f}{threshold}",
            "a movement" if spot["movement"] else "no movement: the best candidate",
        ]
    if reason:
        lines.append(reason)
    return ClipPicture(
        name=name,
        frame=clip.frames.image(position),
        box=np.asarray(results["face"].arrays["box"]),
        landmarks=np.asarray(results["face"].arrays["landmarks"]),
        onset_face=None if flow is None else np.asarray(flow["faces"][0]),
        apex_face=None if flow is None else np.asarray(flow["faces"][1]),
        flow=None if flow is None else np.asarray(flow["uv"]),
        strain=None if flow is None else optical_strain(np.asarray(flow["uv"])),
        curve=curve,
        curve_title=title,
        curve_unit=unit,
        times_ms=clip.timing.times(clip.frames.count),
        marks={
            mark: (int(spot[mark]), spot[f"{mark}_confidence"])
            for mark in ("onset", "apex", "offset")
        },
        lines=lines,
    )
