"""The chunks of a recording in the cache: what was measured once is not measured again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import asset_digest, model_files
from mepipe.cache.keys import Json, object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import ObjectName, Store
from mepipe.clips.clip_input import ClipInput
from mepipe.config import Config
from mepipe.errors import DamageError
from mepipe.frames import FrameReader
from mepipe.recordings.chunks import Chunk, Measured, Signals, chunks_of, measure
from mepipe.schema import Progress
from mepipe.spotting.motion import FaceMotion
from mepipe.versions import libraries

STAGE = "recording"
VERSION = 1
ARRAYS = {
    "positions": ("i8", 1),
    "regions": ("f4", 3),
    "head": ("f4", 2),
    "eyes": ("f4", 2),
}
LIBRARIES = ("av", "dlib-bin", "numpy", "opencv-contrib-python-headless")

Float = NDArray[np.float64]


def measured(
    frames: FrameReader,
    times_ms: Float,
    store: Store | None,
    *,
    size: int,
    search_size: int,
    progress: Progress,
    title: str,
) -> list[Measured]:
    """Return the motion in every chunk of a recording, from the cache or measured.

    A chunk is stored as soon as it was measured, so an interrupted search goes on there.

    Parameters
    ----------
    frames
        Of the recording.
    times_ms
        (N,), of all its frames.
    store
        The cache. None: nothing is stored.
    size, search_size
        As for `mepipe.face.follow.Follower`.
    progress
        Counts the seconds of the recording.
    title
        Of the progress.

    Raises
    ------
    UnreadableInputError, BadDataError
        As `FrameReader.images`.
    SystemProblemError
        If a chunk cannot be stored.
    """
    chunks = chunks_of(times_ms)
    names: dict[Chunk, str] = {}
    known: dict[Chunk, Measured] = {}
    if store is not None:
        listing = store.listing(STAGE)
        for chunk in chunks:
            parts = _parts(frames, times_ms, chunk, size, search_size)
            names[chunk] = object_key(STAGE, VERSION, parts)
            found = _stored(store, listing.get(names[chunk]), chunk)
            if found is not None:
                known[chunk] = found
    missing = [chunk for chunk in chunks if chunk not in known]
    if missing:
        for one in _measure(frames, missing, times_ms, size, search_size, progress, title):
            known[one.chunk] = one
            if store is not None:
                parts = _parts(frames, times_ms, one.chunk, size, search_size)
                store.write(_object(one, names[one.chunk], parts))
    return [known[chunk] for chunk in chunks]


def is_stored(clip: ClipInput, store: Store, config: Config) -> bool:
    """Return True if every chunk of a recording is in the cache. Opens no object."""
    times = clip.timing.times(clip.frames.count)
    if times is None:
        return True  # nothing will be measured
    listing = store.listing(STAGE)
    size, search_size = config.spot.size, config.face.search_size
    return all(
        object_key(STAGE, VERSION, _parts(clip.frames, times, chunk, size, search_size)) in listing
        for chunk in chunks_of(times)
    )


def _measure(
    frames: FrameReader,
    chunks: Sequence[Chunk],
    times_ms: Float,
    size: int,
    search_size: int,
    progress: Progress,
    title: str,
) -> Iterator[Measured]:
    wanted = sorted({position for one in chunks for position in range(one.first, one.stop)})
    seconds = [int(times_ms[position] // 1000) for position in wanted]
    progress.begin(title, len(set(seconds)))
    last = -1

    def seen(position: int) -> None:
        nonlocal last
        second = int(times_ms[position] // 1000)
        if second != last:
            last = second
            progress.advance()

    try:
        yield from measure(
            frames.images(wanted), chunks, times_ms, size=size, search_size=search_size, seen=seen
        )
    finally:
        progress.end()


def _parts(
    frames: FrameReader, times_ms: Float, chunk: Chunk, size: int, search_size: int
) -> dict[str, Json]:
    """Return all that decides what is measured in a chunk, for its key."""
    digests = hashlib.sha256()
    for position in range(chunk.first, chunk.stop):
        digests.update(frames.digest(position).encode() + b"\n")
    # What follows a face looks at it every so often, in ms.
    times = np.round(times_ms[chunk.first : chunk.stop] - times_ms[chunk.first], 3)
    return {
        "settings": {"size": size, "search_size": search_size},
        "assets": {
            "template": asset_digest("template.json"),
            "regions": asset_digest("regions.json"),
            **{model.name: model.sha256 for model in model_files()},
        },
        "frames": digests.hexdigest(),
        "chunk": [chunk.first, chunk.core_first, chunk.core_stop, chunk.stop],
        "times": hashlib.sha256(times.astype("<f8").tobytes()).hexdigest(),
    }


def _object(one: Measured, key: str, parts: dict[str, Json]) -> StoredObject:
    stretches: list[Json] = [
        {
            "face": signals.face,
            "eyes_px": signals.eyes_px,
            "transform": signals.transform.tolist(),
            "begins": signals.begins,
            "ends": signals.ends,
            "frames": len(signals.positions),
        }
        for signals in one.signals
    ]
    return StoredObject(
        STAGE,
        VERSION,
        key,
        parts,
        {"stretches": stretches, "cuts": list(one.cuts)},
        {
            "positions": _joined([signals.positions for signals in one.signals], "i8", (0,)),
            "regions": _joined([s.motion.regions for s in one.signals], "f4", (0, 0, 2)),
            "head": _joined([s.motion.head for s in one.signals], "f4", (0, 6)),
            "eyes": _joined([s.motion.eyes for s in one.signals], "f4", (0, 0)),
        },
        None,
        libraries(LIBRARIES),
    )


def _joined(arrays: Sequence[NDArray[Any]], dtype: str, empty: tuple[int, ...]) -> NDArray[Any]:
    return np.concatenate(arrays).astype(dtype) if arrays else np.zeros(empty, dtype)


def _fits(stored: StoredObject, chunk: Chunk) -> bool:
    """Return True if `_object` can have made an object of this chunk."""
    stretches, cuts = stored.values.get("stretches"), stored.values.get("cuts")
    if stored.arrays.keys() != ARRAYS.keys() or not isinstance(stretches, list):
        return False
    places = stored.arrays["positions"]
    return (
        isinstance(cuts, list)
        and all(type(cut) is int and chunk.first <= cut < chunk.stop for cut in cuts)
        and all(isinstance(one, dict) and _is_stretch(one) for one in stretches)
        and sum(one["frames"] for one in stretches) == len(places)
        and all(len(array) == len(places) for array in stored.arrays.values())
        and bool(np.all((places >= chunk.first) & (places < chunk.stop)))
    )


def _is_stretch(one: dict[str, Any]) -> bool:
    transform = np.array(one.get("transform"), dtype=object)
    return (
        type(one.get("face")) is int
        and type(one.get("frames")) is int
        and one["frames"] >= 0
        and all(isinstance(one.get(name), str) for name in ("begins", "ends"))
        and transform.shape == (2, 3)
        and all(
            type(value) in {int, float} and math.isfinite(value)
            for value in (one.get("eyes_px"), *transform.flat)
        )
    )


def _stored(store: Store, name: ObjectName | None, chunk: Chunk) -> Measured | None:
    if name is None:
        return None
    try:
        stored = store.read(name, ARRAYS)
    except DamageError:
        return None  # measured again, like one that is not there
    if not _fits(stored, chunk):
        return None  # whoever wrote it: its values are not those of a chunk
    store.touch(name)
    signals, first = [], 0
    for stretch in stored.values["stretches"]:
        rows = slice(first, first + stretch["frames"])
        first = rows.stop
        regions, head, eyes = (
            stored.arrays[array][rows].astype(np.float64) for array in ("regions", "head", "eyes")
        )
        signals.append(
            Signals(
                stretch["face"],
                stretch["eyes_px"],
                np.array(stretch["transform"]),
                stretch["begins"],
                stretch["ends"],
                stored.arrays["positions"][rows].astype(np.int64),
                FaceMotion(regions, head, eyes),
            )
        )
    return Measured(chunk, tuple(signals), tuple(stored.values["cuts"]))
