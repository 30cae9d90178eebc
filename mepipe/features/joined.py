"""Several features as one, where they were made alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.features.source import About, Source, empty
from mepipe.schema import CLIP_STAGES


class Joined:
    """Sources one after the other.

    Raises
    ------
    UsageError
        If they were made with different settings, classes or sizes, or hold one
        clip twice; the differences are named.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.name = ", ".join(source.name for source in sources)
        first = sources[0].about
        for other in sources[1:]:
            _check_made_alike(sources[0], other)
        _check_distinct_clips(sources)
        abouts = [source.about for source in sources]
        shared = [name for name in first.shapes if all(name in one.shapes for one in abouts)]
        count = sum(map(len, abouts))
        targets = [one.targets for one in abouts if one.targets is not None]
        self.about = About(
            classes=first.classes,
            channels=first.channels,
            columns={
                name: np.concatenate([one.columns[name] for one in abouts])
                for name in first.columns
            },
            settings=first.settings,
            libraries=_libraries(abouts),
            shapes={name: (count, *first.shapes[name][1:]) for name in shared},
            targets=np.concatenate(targets) if len(targets) == len(abouts) else None,
        )
        self._starts = np.cumsum([0, *map(len, abouts)])

    def read(self, name: str, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return rows of a map; see `mepipe.features.source.Source.read`."""
        found = empty(self.about, name, len(rows))
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(owner):
            own = owner == number
            found[own] = self._sources[number].read(name, rows[own] - self._starts[number])
        return found


def _check_made_alike(first: Source, other: Source) -> None:
    a, b = first.about, other.about
    found = list(_differences(_computing(a.settings), _computing(b.settings)))
    if a.classes != b.classes:
        found.append(f"classes: {', '.join(a.classes)} and {', '.join(b.classes)}")
    if not found:
        shapes = {
            name: (a.shapes[name][1:], b.shapes[name][1:]) for name in a.shapes if name in b.shapes
        }
        found += [
            f"shape of {name}: {one} and {two}" for name, (one, two) in shapes.items() if one != two
        ]
    if found:
        raise UsageError(
            f"{first.name} and {other.name} were made differently: {'; '.join(found[:8])}",
            "Make them with the same settings, or load them apart.",
        )


def _computing(settings: Mapping[str, Any]) -> dict[str, Any]:
    # The other sections decide which clips there are, not how they were computed.
    return {name: settings.get(name) for name in CLIP_STAGES}


def _differences(a: Any, b: Any, place: str = "") -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for name in sorted(a.keys() | b.keys()):
            yield from _differences(a.get(name), b.get(name), f"{place}.{name}".lstrip("."))
    elif a != b:
        yield f"{place}: {a} and {b}"


def _check_distinct_clips(sources: Sequence[Source]) -> None:
    owner: dict[str, str] = {}
    for source in sources:
        for clip in source.about.columns["clip"].tolist():
            if clip in owner:
                raise UsageError(
                    f"{clip} is in {owner[clip]} and in {source.name}",
                    "Give each clip once: a person's clip on both sides of a split leaks.",
                )
        owner |= dict.fromkeys(source.about.columns["clip"].tolist(), source.name)


def _libraries(abouts: Sequence[About]) -> dict[str, str]:
    """Return the versions; where they differ, all of them."""
    names = sorted({name for one in abouts for name in one.libraries})
    return {
        name: " and ".join(sorted({one.libraries[name] for one in abouts if name in one.libraries}))
        for name in names
    }
