"""mepipe's spotter of recordings, as the benchmark asks for it."""

from __future__ import annotations

from pathlib import Path

from mepipe.config import Config
from mepipe.execution.progress import NoProgress
from mepipe.recordings.spot import open_sources, prepared_source, search

Interval = tuple[int, int, int]


def spotted(path: Path) -> list[Interval]:
    """Return (onset, apex, offset) of the movements that `mepipe spot` finds in a video.

    One that had not ended ends with its scene. Nothing is stored.
    """
    config = Config()
    (source,) = open_sources([path])
    found = search(prepared_source(source, config), config, None, NoProgress())
    return [(event.onset, event.apex, found.last_of(event)) for event in found.movements]
