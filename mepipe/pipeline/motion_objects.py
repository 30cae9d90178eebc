"""The motion of clips as objects of the cache: which object is whose, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.store import ObjectName, Store
from mepipe.clips.clip_task import Failure
from mepipe.errors import DamageError
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.schema import KEY_FRAMES
from mepipe.stages import ARRAYS, SIDES
from mepipe.stages.stored_values import is_number, spot_fits

MOTION = next(stage for stage in SIDES if stage.name == "motion")


@dataclass(frozen=True)
class Motion:
    """What the motion in a clip says, whatever is annotated. Positions are 0-based frames.

    Parameters
    ----------
    onset, apex, offset
        As spotted without any mark.
    confidence
        Of each of them, 0 to 1.
    movement
        False if nothing rises above the noise: then the positions are the best candidates.
    strength
        How many times stronger the movement is than chance.
    first
        The frame of the first value of the curves.
    curve
        (N,) float32: the motion along the movement's pattern, px of the aligned face at
        ``spot.size``, as the spot stage's curve.
    vectors
        Region name -> (N, 2) float32: how far the region is from rest, x right and y down, in
        the same px. Empty where only the spot stage's curve is known.
    frame_ms
        Time from one frame to the next, ms.
    """

    onset: int
    apex: int
    offset: int
    confidence: Mapping[str, float]
    movement: bool
    strength: float
    first: int
    curve: NDArray[np.float32]
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    frame_ms: float = 0.0

    @property
    def regions(self) -> dict[str, NDArray[np.float32]]:
        """Region name -> (N,) float32: how far each region is from rest, px; 0 or more."""
        return {name: np.hypot(*one.T).astype(np.float32) for name, one in self.vectors.items()}


@dataclass(frozen=True)
class Motions(Mapping[str, Motion]):
    """The motion of clips, by their ids. An object is opened only when its clip is asked for.

    A clip whose object is damaged has no motion (`KeyError`); the next run computes it again.

    Parameters
    ----------
    store
        The cache.
    names
        The object of each clip: of the motion stage, or of the spot stage.
    frame_ms
        Time from one frame to the next, of clips whose object does not say it.
    failures
        Why a clip has none, where that was found while computing it.
    """

    store: Store
    names: Mapping[str, ObjectName]
    frame_ms: Mapping[str, float] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    _read: dict[str, Motion | Failure] = field(default_factory=dict, repr=False, compare=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, clip: str) -> Motion:
        found = self.found(clip)
        if not isinstance(found, Motion):
            raise KeyError(clip)
        return found

    def found(self, clip: str) -> Motion | Failure | None:
        """Return the motion of a clip, or why it has none; None if nothing is in the cache."""
        if clip in self._read:
            return self._read[clip]
        if clip not in self.names:
            return self.failures.get(clip)
        name = self.names[clip]
        try:
            stored = self.store.read(name, ARRAYS[name.stage])
        except DamageError as error:
            found: Motion | Failure = Failure.of(clip, name.stage, error)
        else:
            if stored.failure is not None:
                found = Failure.of_stored(clip, name.stage, stored.failure)
            elif _is_motion(stored.values, stored.arrays):
                found = _motion(stored.values, stored.arrays, self.frame_ms.get(clip, 0.0))
            else:
                found = Failure.of(clip, name.stage, _damage(name))
        self._read[clip] = found
        return found

    @property
    def computed(self) -> dict[str, ObjectName]:
        """The objects of the motion stage, by clip: what a record of the run names."""
        return {clip: name for clip, name in self.names.items() if name.stage == MOTION.name}


def recorded_motions(
    store: Store, outcomes: Mapping[str, ClipOutcome], names: Mapping[str, ObjectName]
) -> Motions:
    """Return the motion of the clips of a recorded run, whose datasets may be gone.

    Parameters
    ----------
    store
        The cache.
    outcomes
        The objects of the clips' stages according to the record.
    names
        The objects of the motion stage that the record names.
    """
    spotted, frame_ms = spotted_objects(outcomes)
    return Motions(store, {**spotted, **names}, frame_ms)


def spotted_objects(
    outcomes: Mapping[str, ClipOutcome],
) -> tuple[dict[str, ObjectName], dict[str, float]]:
    """Return the spot objects of the clips that were spotted without a mark, and ms a frame."""
    names, frame_ms = {}, {}
    for clip, outcome in outcomes.items():
        spot = outcome.stages.get("spot")
        if spot is None or spot.failure is not None:
            continue
        if spot.parts.get("method") == "flow-peak" and not spot.parts.get("marks"):
            names[clip] = outcome.object_name("spot")
            frame_ms[clip] = _frame_ms(spot.parts.get("timing"))
    return names, frame_ms


def _frame_ms(timing: Any) -> float:
    """Return the usual time between frames, ms, from the part of a key; 0 if it is unknown."""
    if not isinstance(timing, Mapping):
        return 0.0
    if timing.get("times_ms"):
        return float(np.median(np.diff(np.asarray(timing["times_ms"], np.float64))))
    return 1000.0 / float(timing["fps"]) if timing.get("fps") else 0.0


def _damage(name: ObjectName) -> DamageError:
    return DamageError(
        f"the object {name.file} has values that the {name.stage} stage never gives",
        "`mepipe cache verify` finds such objects: remove this one, and run again.",
    )


def _is_motion(values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Return True if an object, which anybody may have written, says what a motion is."""
    if not spot_fits(values, None) or "curve" not in arrays:
        return False
    confidences = (f"{name}_confidence" for name in KEY_FRAMES)
    if any(values.get(name) is None for name in ("visible", "strength", "offset", *confidences)):
        return False
    places = range(values["visible"][0], values["visible"][0] + len(arrays["curve"]))
    regions, shape = values.get("regions", []), arrays.get("regions", np.empty((0, 0, 2))).shape
    return (
        values["onset"] in places
        and values["apex"] in places
        and isinstance(regions, list)
        and all(isinstance(name, str) for name in regions)
        and ("regions" not in arrays or shape == (len(places), len(regions), 2))
        and is_number(values.get("frame_ms", 0))
    )


def _motion(
    values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], frame_ms: float
) -> Motion:
    regions = arrays.get("regions")
    return Motion(
        onset=int(values["onset"]),
        apex=int(values["apex"]),
        offset=int(values["offset"]),
        confidence={name: float(values[f"{name}_confidence"]) for name in KEY_FRAMES},
        movement=bool(values["movement"]),
        strength=float(values["strength"]),
        first=int(values["visible"][0]),
        curve=np.asarray(arrays["curve"], np.float32),
        vectors={}
        if regions is None
        else {
            name: np.asarray(regions[:, place], np.float32)
            for place, name in enumerate(values["regions"])
        },
        frame_ms=float(values.get("frame_ms", frame_ms)),
    )
