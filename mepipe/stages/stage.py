"""The interface of a stage: its key, and the computation of its object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.keys import Json
from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.errors import BadDataError
from mepipe.frames import Timing
from mepipe.stages.stored_values import Fits, any_values

Image = NDArray[np.uint8]
Array = NDArray[Any]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Upstream:
    """The results of the clip's earlier stages.

    ``values`` holds their small results by stage. ``arrays`` reads the arrays of
    one stage, only when it is called.
    """

    values: Mapping[str, Values]
    arrays: Callable[[str], Mapping[str, Array]]


@dataclass(frozen=True)
class Result:
    """The result of a stage: small values, which later keys may contain, and arrays.

    NumPy numbers among ``values`` are converted to Python's here, once for all
    stages: JSON cannot write some of them.

    Raises
    ------
    TypeError
        If a value has no form in JSON.
    """

    values: dict[str, Json]
    arrays: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _plain(self.values, "values"))


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline.

    Parameters
    ----------
    name
        Also its folder in the store.
    version
        Increased whenever the same input would give other bytes.
    libraries
        Distributions whose versions are recorded in its objects.
    parts
        (clip, config, values of earlier stages) -> everything that decides the
        bytes of the object, and nothing else.
    frames
        (clip, config, values of earlier stages) -> the positions of the frames
        that it reads, in the order of ``parts["frames"]``. A stored failure
        names a frame by its index here, because positions are not in the key.
    compute
        (clip, config, upstream) -> the result. Raises `BadDataError` if the data
        cannot give one.
    arrays
        dtype and number of dimensions, by name, of every array it may return.
    fits
        (values, number of frames) -> True if the stage can have given these stored values.
    """

    name: str
    version: int
    libraries: tuple[str, ...]
    parts: Callable[[ClipInput, Config, Mapping[str, Values]], dict[str, Json]]
    frames: Callable[[ClipInput, Config, Mapping[str, Values]], list[int]]
    compute: Callable[[ClipInput, Config, Upstream], Result]
    arrays: Mapping[str, tuple[str, int]]
    fits: Fits = any_values


def _plain(value: Any, where: str) -> Any:
    """Return a value in the types that JSON reads back, floats to the last bit."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(part, f"{where}.{name}") for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, where) for part in value]
    raise TypeError(f"{where} is a {type(value).__name__}, which no record can hold")


def timing_json(timing: Timing) -> Json:
    """Return the times of the frames in the form that keys contain."""
    if timing.times_ms is not None:
        return {"times_ms": timing.times_ms}
    return {"fps": timing.fps}


def transform_at(values: Mapping[str, Values], position: int) -> NDArray[np.float64]:
    """Return the transform (2, 3) of the frame at ``position`` from the face stage's values."""
    transforms = values["face"]["transforms"]
    chosen = transforms[position if len(transforms) > 1 else 0]
    return np.array(chosen, dtype=np.float64)


def one_size(images: Iterable[tuple[int, Image]]) -> Iterator[tuple[int, Image]]:
    """Yield frames unchanged, and check that all have one size, so they can be compared.

    Raises
    ------
    BadDataError
        If a frame has another size than the first.
    """
    first = None
    for position, image in images:
        height, width = image.shape[:2]
        first = first or (height, width)
        if (height, width) != first:
            raise BadDataError(
                f"the frame is {width} x {height} px, another of the clip is "
                f"{first[1]} x {first[0]}: one place is not the same in both",
                "Restore the frame from the original, or bring all to one size.",
                position,
            )
        yield position, image
