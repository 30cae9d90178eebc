"""Where the content of an object lies in its file: the same place in all that are alike.

HDF5 takes a millisecond to lay out a small file, and two to find its way in one. But where it
puts something depends only on what there is and how long it is: the stage, the lengths of the
texts, the types and shapes of the arrays. The objects of a stage differ in little else than
their content. So the layout of the first is learnt, and the next ones are filled in, or read,
without HDF5. The bytes are the same.

A layout is only used for reading a file whose other bytes, all of them, are those of a file that
was read through HDF5 with every check (`mepipe.cache.objects`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Span: TypeAlias = tuple[int, int]
"""Where something begins and ends in a file."""

# Bytes of a file that are not content. Those of a stage are 4 to 6 thousand.
_LONGEST_FRAME = 64_000
# Layouts that a process keeps. The texts of an object hold numbers of some digits more or less,
# so that a stage has some ten of them.
_MOST = 256


@dataclass(frozen=True)
class Place:
    """An array in a file: where it begins, its type and its shape."""

    start: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def span(self) -> Span:
        """Where it lies."""
        size = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        return self.start, self.start + size


@dataclass(frozen=True)
class Layout:
    """The places of the content of a file, and all of its other bytes.

    Parameters
    ----------
    stage, version
        Of the objects. They are among the other bytes.
    length
        Of the file.
    key
        Where the key lies.
    texts, arrays
        Where each text and each array lies, by name. An array without values lies nowhere.
    frame
        The other bytes: position and bytes of each piece, in order.
    """

    stage: str
    version: int
    length: int
    key: Span
    texts: Mapping[str, Span]
    arrays: Mapping[str, Place]
    frame: Sequence[tuple[int, bytes]]

    def frames(self, data: bytes) -> bool:
        """Return True if ``data`` is such a file, whatever its content."""
        return len(data) == self.length and all(
            data.startswith(piece, start) for start, piece in self.frame
        )

    def array(self, data: bytes, name: str) -> Array:
        """Return a copy of an array in such a file."""
        place = self.arrays[name]
        found = np.empty(place.shape, place.dtype)
        if found.size:
            flat = np.frombuffer(data, place.dtype, offset=place.start, count=found.size)
            found[...] = flat.reshape(place.shape)
        return found

    def filled(self, key: bytes, texts: Mapping[str, bytes], arrays: Mapping[str, Array]) -> bytes:
        """Return the file with this content. The arrays are contiguous."""
        pieces: list[tuple[int, Any]] = [*self.frame, (self.key[0], key)]
        pieces += [(start, texts[name]) for name, (start, _) in self.texts.items()]
        pieces += [
            (place.start, arrays[name].data)
            for name, place in self.arrays.items()
            if arrays[name].size
        ]
        return b"".join(piece for _, piece in sorted(pieces, key=lambda one: one[0]))


def layout_of(
    data: bytes,
    stage: str,
    version: int,
    key: str,
    texts: Mapping[str, Span],
    arrays: Mapping[str, Place],
) -> Layout | None:
    """Return the layout of a file, or None if it has none that can be used again.

    Parameters
    ----------
    data
        The file, an object of ``stage``, ``version`` and ``key``.
    texts, arrays
        Where its content lies.
    """
    begin = data.find(key.encode())
    end = begin + len(key)
    # Elsewhere than in its own place, the key would be taken for a part of every such file.
    if not key or begin < 0 or data.find(key.encode(), begin + 1) >= 0:
        return None
    spans = [(begin, end), *texts.values(), *(place.span for place in arrays.values())]
    frame, at = [], 0
    for start, stop in sorted(span for span in spans if span[0] < span[1]):
        if not at <= start < stop <= len(data):
            return None  # one lies in another: no file of mepipe
        if at < start:
            frame.append((at, data[at:start]))
        at = stop
    if at < len(data):
        frame.append((at, data[at:]))
    if sum(len(piece) for _, piece in frame) > _LONGEST_FRAME:
        return None
    return Layout(stage, version, len(data), (begin, end), dict(texts), dict(arrays), frame)


class Layouts:
    """The layouts that this process has learnt, each under what is known before it is used."""

    def __init__(self) -> None:
        self._found: dict[Any, tuple[Layout, ...]] = {}
        self._count = 0

    def of(self, what: Any) -> tuple[Layout, ...]:
        """Return the layouts under ``what``."""
        return self._found.get(what, ())

    def keep(self, what: Any, layout: Layout | None) -> None:
        """Keep a layout under ``what``, if there is one."""
        if layout is None:
            return
        if self._count >= _MOST:
            # Rare, and the next ones are learnt as fast.
            self._found, self._count = {}, 0
        self._found[what] = (layout, *self._found.get(what, ()))
        self._count += 1
