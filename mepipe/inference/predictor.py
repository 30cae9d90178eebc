"""A saved model's answer on a new clip: the features' stages in memory, then the model.

The features are computed by exactly the settings that the model's card holds:
the bits are those that a run with these settings packs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config, DataSettings
from mepipe.errors import BadDataError, DamageError, MepipeError, UnreadableInputError, UsageError
from mepipe.evaluation.model_card import DECIDING
from mepipe.evaluation.saved_model import SavedModel, load_model
from mepipe.execution.progress import progress_for
from mepipe.frames import FramesInMemory, Timing
from mepipe.inference.clip import (
    ClipResult,
    check_rate,
    format_error,
    make_ready,
    open_clip,
    picture_of,
    run_stages,
)
from mepipe.schema import CHANNELS, IMPORTED, KEY_FRAMES, Progress
from mepipe.viz.clip_picture import ClipPicture, clip_png

_OTHERS = "Train a model on features that `mepipe run` made with this mepipe."
_STILL = "no movement was found above the noise"
_COLUMN = 40  # characters beside the curve of the picture


# The 36 moving clips of the sample have .80 to .95; a still face in a lossy video had .08.
_WEAK = 0.3
# Yan, Wu, Liang, Chen and Fu, "How fast are the leaked facial expressions: The duration of
# micro-expressions" (Journal of Nonverbal Behavior 37, 2013): half a second at most.
_LONGEST_S = 0.5


@dataclass(frozen=True)
class Prediction:
    """What a model says of a clip, or why it says nothing.

    Parameters
    ----------
    label
        The most probable class; None where there is no answer.
    probabilities
        By class, summing to 1, as the model gives them; empty without an answer.
    onset, apex, offset
        0-based positions; None without an answer.
    onset_s, apex_s, offset_s
        Their times from the first frame in seconds; None where the frame rate
        is unknown.
    confidence
        How far the apex can be trusted: spotting's, 0 (a guess) to 1. It is no
        probability, and not of the class. None without an answer.
    reason
        Why there is no answer; None where there is one.
    x
        (C, S, S) float32, the features that the model saw.
    shown
        What `png` draws; None where no face was found.
    """

    label: str | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    onset_s: float | None = None
    apex_s: float | None = None
    offset_s: float | None = None
    confidence: float | None = None
    reason: str | None = None
    x: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    shown: ClipPicture | None = field(default=None, repr=False, compare=False)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What speaks against believing the answer, in words; empty where nothing is known to."""
        found = []
        if self.confidence is not None and self.confidence < _WEAK:
            found.append(
                f"the movement is weak (confidence {self.confidence:.2f}): it may be noise, or "
                "steps that a video's compression makes; look at the curve in the picture"
            )
        if self.onset_s is not None and self.offset_s is not None:
            seconds = self.offset_s - self.onset_s
            if seconds > _LONGEST_S:
                found.append(
                    f"{seconds:.2f} s from onset to offset: a micro-expression ends within "
                    f"{_LONGEST_S:g} s, and models of micro-expressions know nothing else"
                )
        return tuple(found)

    def png(self) -> bytes | None:
        """Draw what was found, as PNG; None where no face was found. It shows a face."""
        return None if self.shown is None else clip_png(self.shown)


class Predictor:
    """A saved model, ready to be asked about clips.

    Everything that takes time once (the networks, the face detector, the
    compiled flow) is loaded here.

    >>> import mepipe
    >>> result = mepipe.run("sample", out="study", until="pack", settings=["flow.size=96"])
    >>> quick = ["train.epochs=2", "train.members=1"]
    >>> model = mepipe.train(result.load(), "model.safetensors", settings=quick)
    >>> predictor = mepipe.Predictor("model.safetensors")
    >>> answer = predictor.clip("sample/s01/c01", fps=200)
    >>> answer.label in predictor.classes, round(sum(answer.probabilities.values()), 3)
    (True, 1.0)

    Parameters
    ----------
    model
        A .safetensors file that `mepipe train` wrote, of features that
        `mepipe run` made.
    trust
        As `mepipe.evaluation.saved_model.load_model` takes it: the
        ``package.module:factory`` of a model of your own.
    progress
        Where it says that the flow engine is being compiled, the first time.

    Raises
    ------
    UsageError
        If there is no such model, it needs code that is not trusted, or its
        features cannot be computed from a video; if a face model file is missing.
    DamageError
        If it is damaged.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        trust: str | None = None,
        progress: Progress | Callable[[str, int, int], object] | None = None,
    ) -> None:
        self._model = load_model(Path(model), trust=trust)
        self._config = settings_of(self._model, str(model))
        make_ready(self._config, progress_for(progress))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the probabilities."""
        return self._model.classes

    def __call__(
        self, frames: NDArray[np.uint8] | Iterable[NDArray[np.uint8]], fps: float | None = None
    ) -> Prediction:
        """Return the answer on a clip in memory.

        Parameters
        ----------
        frames
            (T, H, W, 3) uint8 in OpenCV's order blue, green, red; (T, H, W)
            uint8 grey; or an iterable of such images, all of one size.
        fps
            Frames per second. None: unknown, and then spotting by motion
            cannot answer.

        Raises
        ------
        UsageError
            If the frames are no such images, or there are none; if fps is no rate.
        DamageError
            If what the model gives are no numbers.
        """
        read = FramesInMemory(frames)
        if read.count == 1:
            return Prediction(reason="the clip has one frame only: there is no motion in it")
        return self._answer(ClipInput(read, Timing(check_rate(fps))), "clip")

    def clip(self, path: str | Path, fps: float | None = None) -> Prediction:
        """Return the answer on a video, or on a folder of a clip's images.

        Parameters
        ----------
        path
            The video or the folder.
        fps
            Frames per second: of images, whose rate is unknown otherwise; of a
            video instead of what it says of itself.

        Raises
        ------
        UsageError
            If there is no such path, or it is a folder of several clips or none;
            if fps is no rate.
        """
        path, rate = Path(path), check_rate(fps)
        try:
            return self._answer(open_clip(path, DataSettings(), rate), path.resolve().name)
        except (BadDataError, UnreadableInputError) as error:
            return Prediction(reason=_reason(error.message, error))

    def _answer(self, clip: ClipInput, name: str) -> Prediction:
        done = run_stages(clip, self._config)
        reason = _refusal(done)
        if reason is not None:
            shown = None
            if "face" in done.results:
                shown = picture_of(done, f"{name}: no answer", [*wrap(reason, _COLUMN), ""])
            return Prediction(reason=reason, shown=shown)
        x = np.asarray(done.results["tensor"].arrays["x"], np.float32)
        given = self._model.predict(x[None])[0]
        if not np.isfinite(given).all():
            raise DamageError("the model's probabilities are no numbers", "Train the model again.")
        probabilities = {
            label: float(value) for label, value in zip(self.classes, given, strict=True)
        }
        label = max(probabilities, key=lambda one: probabilities[one])
        spot = done.values["spot"]
        onset, apex, offset = (int(spot[mark]) for mark in KEY_FRAMES)
        times = clip.timing.times(clip.frames.count)

        def seconds(position: int) -> float | None:
            return None if times is None else round(float(times[position]) / 1000, 6)

        lines = [f"{one}: {probabilities[one]:.2f}" for one in self.classes]
        shown = picture_of(done, f"{name}: {label} ({probabilities[label]:.2f})", [*lines, ""])
        return Prediction(
            label=label,
            probabilities=probabilities,
            onset=onset,
            apex=apex,
            offset=offset,
            onset_s=seconds(onset),
            apex_s=seconds(apex),
            offset_s=seconds(offset),
            confidence=float(spot["apex_confidence"]),
            x=x,
            shown=shown,
        )


def settings_of(model: SavedModel, name: str = "the model") -> Config:
    """Return the settings by which a model's features are computed from a video.

    Raises
    ------
    UsageError
        If they cannot be: it was trained on imported features, or on those of
        another mepipe.
    """
    settings: Mapping[str, Any] = model.card["features"]["settings"]
    if IMPORTED in settings:
        raise UsageError(
            f"{name} was trained on imported features, which cannot be computed from a video",
            _OTHERS,
        )
    sections = {section: settings[section] for section in DECIDING if section in settings}
    try:
        config = Config.model_validate(sections)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise UsageError(
            f"{name} is a model for other features: this mepipe does not know its setting {where}",
            _OTHERS,
        ) from None
    try:
        model.check(config.model_dump(mode="json", by_alias=True), CHANNELS)
    except UsageError as error:
        raise UsageError(
            f"{name} is a model for other features than this mepipe makes: {error.message}", _OTHERS
        ) from None
    return config


def _refusal(done: ClipResult) -> str | None:
    """Return why there is no answer, or None."""
    if done.stopped is not None:
        if done.stage == "spot" and not done.clip.timing.known:
            return "the clip's frames per second are unknown, and finding movement needs them. " + (
                "Give them: --fps 200, or fps=200 in Python."
            )
        return _reason(format_error(done.clip, done.stopped), done.stopped)
    # Where nothing is measured to find the frames, movement is assumed; what does not
    # move at all is known even so.
    moved = done.values["spot"]["movement"] and np.any(done.results["flow"].arrays["uv"])
    return None if moved else _STILL


def _reason(message: str, error: MepipeError) -> str:
    return f"{message}. {error.remedy}" if error.remedy else message
