"""The events of a recording as an ``.eaf`` of ELAN, with which coders look at videos.

ELAN is by the Max Planck Institute for Psycholinguistics (Wittenburg et al., "ELAN: a
professional framework for multimodality research", LREC 2006). The file is made by pympi-ling,
the extra ``mepipe[elan]``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from mepipe.errors import UsageError
from mepipe.recordings.result import RecordingEvents
from mepipe.recordings.web_vtt import described

if TYPE_CHECKING:
    import pympi

# ELAN's own words for what it can play; video/* is what it calls any other.
_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
}  # fmt: skip
_ANY_TYPE = "video/*"
NO_DATE = "1980-01-01T00:00:00+00:00"  # no time stands in the file: equal events, equal bytes
_KINDS = ("micro", "macro", "return", "blink", "turn", "speech")  # from the top
_SHOT = "shot"
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'

Span = tuple[int, int]


def check_elan() -> None:
    """Raise UsageError if pympi-ling is not installed: to be called before any work."""
    try:
        import pympi  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "files of ELAN need pympi-ling", "Install it: pip install 'mepipe[elan]'"
        ) from error


def events_eaf(recording: RecordingEvents, video: str | None = None) -> bytes:
    """Return an ``.eaf``: a tier for each kind of event, and one for the scenes.

    Where there are several faces, each has tiers of its own. ELAN has no annotations that overlap
    in one tier, so those that do stand in a further tier (``macro 2``): none is cut. An annotation
    lasts from onset to offset, in whole ms and at least 1 ms; that of an event that had not ended,
    to the end of its scene.

    Parameters
    ----------
    recording
        With events of any kind.
    video
        The video as the file shall name it, seen from the file's own folder (`link_from`); None
        links none. ELAN looks in that folder.

    Raises
    ------
    UsageError
        If pympi-ling is not installed.
    """
    check_elan()
    import pympi

    eaf = pympi.Eaf(author="mepipe")
    eaf.adocument["DATE"] = NO_DATE
    eaf.remove_tier("default")
    if video is not None:
        kind = _TYPES.get(PurePath(video).suffix.lower(), _ANY_TYPE)
        # The absolute place is left out: it would be one of this machine.
        eaf.add_linked_file(video, relpath=video, mimetype=kind)
    faces = sorted({event.face for event in recording.events})
    for kind in _KINDS:
        for face in faces:
            events = [one for one in recording.events if (one.kind, one.face) == (kind, face)]
            spans = [recording.span_ms(event) for event in events]
            words = [described(one, named=False, face=False) or one.kind for one in events]
            name = f"{kind}, face {face}" if recording.several_faces else kind
            _add(eaf, name, spans, words)
    if recording.cuts:
        times = recording.times_ms
        begins = [max(0, round(float(times[first]))) for first, _ in recording.shots]
        ends = [*begins[1:], round(float(times[-1]))]
        shots = [(begin, max(end, begin + 1)) for begin, end in zip(begins, ends, strict=True)]
        _add(eaf, _SHOT, shots, [str(number) for number in range(1, len(shots) + 1)])
    in_order_of_time(eaf)
    return HEAD + bytes(pympi.Elan.to_string(eaf, encoding="UTF-8"))


def tiers_of(spans: Sequence[Span]) -> list[int]:
    """Return a tier for each span, from 0, so that none overlap in one: as few as can be.

    The spans, taken by their begins, each go to the first tier that is free.

    Parameters
    ----------
    spans
        Begin and end; one may begin where another ends.

    Examples
    --------
    >>> tiers_of([(0, 10), (5, 8), (8, 20), (10, 12)])
    [0, 1, 1, 0]
    """
    ends: list[int] = []
    tiers = [0] * len(spans)
    for index in sorted(range(len(spans)), key=lambda i: spans[i]):
        begin, end = spans[index]
        free = next((tier for tier, last in enumerate(ends) if last <= begin), len(ends))
        ends[free : free + 1] = [end]
        tiers[index] = free
    return tiers


def link_from(folder: Path, video: Path) -> str:
    """Return a video's path as seen from the folder of an ``.eaf``, without any of the machine.

    If the two have no folder in common but one that every user of a machine has, this is the
    video's name alone: ELAN finds it beside the ``.eaf``, or asks.

    >>> link_from(Path("/data/study/found"), Path("/data/study/videos/a.mp4"))
    '../videos/a.mp4'
    >>> link_from(Path("/tmp/found"), Path("/data/study/videos/a.mp4"))
    './a.mp4'
    """
    # Not resolved: a link to a video bears the name by which the user knows it.
    folder, video = (Path(os.path.abspath(path)) for path in (folder, video))  # noqa: PTH100
    shared = [one for one in video.parents if folder.is_relative_to(one)]
    everybodys = {Path(folder.anchor), *Path.home().parents}
    if not shared or shared[0] in everybodys:
        return f"./{video.name}"
    path = PurePath(os.path.relpath(video, folder)).as_posix()
    return path if path.startswith("../") else f"./{path}"


def _add(eaf: pympi.Eaf, name: str, spans: Sequence[Span], words: Sequence[str]) -> None:
    by_tier: dict[int, list[int]] = defaultdict(list)
    for index, tier in enumerate(tiers_of(spans)):
        by_tier[tier].append(index)
    for tier in sorted(by_tier):
        full = name if tier == 0 else f"{name} {tier + 1}"
        eaf.add_tier(full)
        for index in sorted(by_tier[tier], key=lambda i: spans[i]):
            eaf.add_annotation(full, *spans[index], value=words[index])


def in_order_of_time(eaf: pympi.Eaf) -> None:
    """Number the points in time as the format wants them: in their own order."""
    order = sorted(eaf.timeslots, key=eaf.timeslots.__getitem__)
    names = {slot: f"ts{number}" for number, slot in enumerate(order, start=1)}
    eaf.timeslots = {names[slot]: eaf.timeslots[slot] for slot in order}
    for aligned, *_ in eaf.tiers.values():
        for one, (begin, end, *rest) in aligned.items():
            aligned[one] = (names[begin], names[end], *rest)
