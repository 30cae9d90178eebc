"""Predict the class of a new clip with a saved model.

The features are computed in memory with the settings in the card of the model. They are
bitwise equal to those that a run with these settings writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config, DataSettings
from mepipe.errors import BadDataError, DamageError, MepipeError, UnreadableInputError, UsageError
from mepipe.evaluation.model_card import DECIDING, describe_card, figures_of, kind_of
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
from mepipe.micro import Extent
from mepipe.schema import (
    CHANNELS,
    IMPORTED,
    KEY_FRAMES,
    PRETRAINED,
    ModelMap,
    Progress,
)
from mepipe.stages.face import face_notes
from mepipe.viz.clip_picture import ClipPicture, clip_png

_OTHERS = "Train a model on features that `mepipe run` made with this version of mepipe."
_STILL = "no movement was found above the noise"
_COLUMN = 40  # characters beside the curve of the picture


# Measured: the 36 moving clips of the sample have 0.80 to 0.95, and a still face in a lossy
# video had 0.08.
_WEAK = 0.3


@dataclass(frozen=True)
class Prediction:
    """The answer of a model on a clip, or the reason why there is none.

    Parameters
    ----------
    label
        The most probable class. None without an answer. Where `micro` is False, no class applies:
        it is only what the model would say.
    probabilities
        By class, summing to 1, as the model gives them. Empty without an answer.
    onset, apex, offset
        0-based positions. None without an answer.
    onset_s, apex_s, offset_s
        Their times from the first frame in seconds. None if the frame rate is unknown.
    confidence
        Confidence of spotting in the apex, from 0 (a guess) to 1. It is not a probability,
        and says nothing about the class. None without an answer.
    reason
        Why there is no answer. None if there is one.
    px
        The largest motion from onset to apex, px of the aligned face. None without an answer.
    eyes_px
        The distance of the eye centres in the aligned face, px. None without an answer.
    notes
        What there is to know about the face: others beside it, its roll, poor light.
    x
        (C, S, S) float32, the input of the model; (K, C, S, S) where it reads a sequence.
    shown
        The content of `png`. None if no face was found.
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
    px: float | None = None
    eyes_px: float | None = None
    notes: tuple[str, ...] = ()
    x: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    shown: ClipPicture | None = field(default=None, repr=False, compare=False)

    @property
    def extent(self) -> Extent:
        """How long and how large the movement is."""
        known = self.onset_s is not None and self.offset_s is not None
        seconds = self.offset_s - self.onset_s if known else None  # type: ignore[operator]
        return Extent(seconds, self.px, self.eyes_px)

    @property
    def micro(self) -> bool | None:
        """Whether the movement is a micro-expression. None: no answer, or its length is unknown.

        False: it is longer than 0.5 s, or larger than `mepipe.micro.LARGEST_MICRO`. Then the
        classes do not apply, and the probabilities mean nothing.
        """
        return self.extent.micro

    @property
    def out_of_range(self) -> str | None:
        """One line that says that it is no micro-expression. None if it is, or may be, one."""
        return self.extent.text or None

    @property
    def cautions(self) -> tuple[str, ...]:
        """Reasons to doubt the answer, as text. Empty if there are none."""
        found = list(self.notes)
        if self.confidence is not None and self.confidence < _WEAK:
            found.append(
                f"the movement is weak (confidence {self.confidence:.2f}): it may be noise or a "
                "compression artefact of the video; check the curve in the picture"
            )
        if self.micro is False:
            found.append(f"{self.extent.text} ({self.extent.limits})")
        elif self.label is not None and self.micro is None:
            found.append(
                "its length is unknown (no offset, or no frame rate): it need not be a "
                "micro-expression, and the classes are those of micro-expressions"
            )
        return tuple(found)

    def png(self) -> bytes | None:
        """Return a PNG that shows the face and the results. None if no face was found."""
        return None if self.shown is None else clip_png(self.shown)


class Predictor:
    """A saved model that predicts the class of clips.

    The networks, the face detector and the compiled flow engine are loaded once, when the
    predictor is created.

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
        A .safetensors file that `mepipe train` wrote, trained on features of `mepipe run`.
        By default ``pretrained``, the model that comes with mepipe.
    trust
        The ``package.module:factory`` of your own model, as in
        `mepipe.evaluation.saved_model.load_model`.
    progress
        Reports the compilation of the flow engine, the first time.

    Raises
    ------
    UsageError
        If there is no such model, it needs code that is not trusted, its features cannot
        be computed from a video, or a face model file is missing.
    DamageError
        If the model file is damaged.
    """

    def __init__(
        self,
        model: str | Path = PRETRAINED,
        *,
        trust: str | None = None,
        progress: Progress | Callable[[str, int, int], object] | None = None,
    ) -> None:
        self._model = load_model(model, trust=trust)
        self._name = str(model)
        self._config = settings_of(self._model, str(model))
        make_ready(self._config, progress_for(progress))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the probabilities."""
        return self._model.classes

    @property
    def about(self) -> str:
        """What the model is, in a line: what it was trained on, its classes, its figures."""
        return describe_card(self._name, self._model.card)

    @property
    def facts(self) -> Mapping[str, Any]:
        """The same as values: ``name``, ``kind`` (synthetic or trained) and ``figures``."""
        card = self._model.card
        return {"name": self._name, "kind": kind_of(card), "figures": figures_of(card)}

    def __call__(
        self, frames: NDArray[np.uint8] | Iterable[NDArray[np.uint8]], fps: float | None = None
    ) -> Prediction:
        """Return the prediction for a clip in memory.

        Parameters
        ----------
        frames
            (T, H, W, 3) uint8 in OpenCV's order blue, green, red; (T, H, W)
            uint8 grey; or an iterable of such images, all of one size.
        fps
            Frames per second. None: unknown. Then there is no answer if spotting needs it.

        Raises
        ------
        UsageError
            If the frames are not such images, there are none, or fps is not a valid rate.
        DamageError
            If the probabilities of the model are not finite.
        """
        read = FramesInMemory(frames)
        if read.count == 1:
            return Prediction(reason="the clip has only one frame, so it shows no motion")
        return self._answer(ClipInput(read, Timing(check_rate(fps))), "clip")

    def clip(self, path: str | Path, fps: float | None = None) -> Prediction:
        """Return the prediction for a video, or for a folder with the images of a clip.

        Parameters
        ----------
        path
            The video or the folder.
        fps
            Frames per second. Images have no rate otherwise. For a video, it replaces the rate
            in the file.

        Raises
        ------
        UsageError
            If there is no such path, it is a folder of several clips or none, or fps is not a
            valid rate.
        """
        path, rate = Path(path), check_rate(fps)
        try:
            return self._answer(open_clip(path, DataSettings(), rate), path.resolve().name)
        except (BadDataError, UnreadableInputError) as error:
            # Like a clip without a face: no answer with a reason, so that a loop over many clips
            # continues.
            return Prediction(reason=_reason(error.message, error))

    def of_input(self, clip: ClipInput, name: str) -> Prediction:
        """Return the prediction for a clip whose frames are open: its key frames are used."""
        try:
            return self._answer(clip, name)
        except (BadDataError, UnreadableInputError) as error:
            return Prediction(reason=_reason(error.message, error))

    def _answer(self, clip: ClipInput, name: str) -> Prediction:
        done = run_stages(clip, self._config, reads=self._model.map)
        reason = _refusal(done, self._model.map)
        if reason is not None:
            shown = None
            if "face" in done.results:
                shown = picture_of(done, f"{name}: no answer", [*wrap(reason, _COLUMN), ""])
            return Prediction(reason=reason, shown=shown)
        x = done.map(self._model.map)
        given = self._model.predict(x[None])[0]
        # Damaged weights give NaN. The largest of NaN would still name a class.
        if not np.isfinite(given).all():
            raise DamageError(
                "the probabilities of the model are not finite numbers", "Train the model again."
            )
        probabilities = {
            label: float(value) for label, value in zip(self.classes, given, strict=True)
        }
        label = max(probabilities, key=lambda one: probabilities[one])
        spot = done.values["spot"]
        onset, apex, offset = (
            None if spot[mark] is None else int(spot[mark]) for mark in KEY_FRAMES
        )
        times = clip.timing.times(clip.frames.count)

        def seconds(position: int | None) -> float | None:
            return (
                None
                if times is None or position is None
                else round(float(times[position]) / 1000, 6)
            )

        found = Prediction(
            label=label,
            probabilities=probabilities,
            onset=onset,
            apex=apex,
            offset=offset,
            onset_s=seconds(onset),
            apex_s=seconds(apex),
            offset_s=seconds(offset),
            confidence=float(spot["apex_confidence"]),
            px=done.moved_px,
            eyes_px=float(done.values["flow"]["inter_ocular"]),
            notes=tuple(face_notes(done.values["face"])),
            x=x,
        )
        lines = [f"{one}: {probabilities[one]:.2f}" for one in self.classes]
        title = f"{label} ({probabilities[label]:.2f})"
        if found.out_of_range is not None:
            # No share beside a name: it would be read as a certainty.
            title = "not a micro-expression"
            lines = [*wrap(found.out_of_range, _COLUMN), f"outside of it, the model says {label}"]
        return replace(found, shown=picture_of(done, f"{name}: {title}", [*lines, ""]))


def settings_of(model: SavedModel, name: str = "the model") -> Config:
    """Return the settings that compute the features of a model from a video.

    Raises
    ------
    UsageError
        If the model was trained on imported features, or on features that this version
        of mepipe does not compute.
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
            f"{name} is a model for other features: this version of mepipe has no setting {where}",
            _OTHERS,
        ) from None
    try:
        model.check(config.model_dump(mode="json", by_alias=True), CHANNELS)
    except UsageError as error:
        raise UsageError(
            f"{name} is a model for other features than this version makes: {error.message}",
            _OTHERS,
        ) from None
    return config


def _refusal(done: ClipResult, reads: ModelMap) -> str | None:
    """Return why there is no answer, or None. A sequence is the map that a model ``reads``."""
    if reads == "sequence" and "spot" in done.results and done.offset is None:
        return (
            "the model reads the movement up to its offset, which is unknown: "
            "it does not end in the recording, or is not annotated. Use a model of one map."
        )
    if done.stopped is not None:
        if done.stage == "spot" and not done.clip.timing.known:
            return "the frame rate of the clip is unknown, and finding movement needs it. " + (
                "Give it: --fps 200, or fps=200 in Python."
            )
        return _reason(format_error(done.clip, done.stopped), done.stopped)
    # Spotting by the middle frame measures nothing and assumes a movement. A flow of zero still
    # shows that nothing moves.
    moved = done.values["spot"]["movement"] and np.any(done.results["flow"].arrays["uv"])
    return None if moved else _STILL


def _reason(message: str, error: MepipeError) -> str:
    return f"{message}. {error.remedy}" if error.remedy else message
