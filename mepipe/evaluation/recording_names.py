"""Which recording of the predictions is which of the truth, where they are written differently."""

from __future__ import annotations

from dataclasses import replace

from mepipe.errors import UsageError
from mepipe.evaluation.event_lists import EventList, listed

_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".gif", ".webm", ".m4v", ".wmv", ".mpg", ".mpeg")


def some_must_agree(truth: EventList, predicted: EventList) -> None:
    """Raise UsageError if no recording is on both sides."""
    if not truth.recordings or not predicted.recordings:
        return
    if not set(truth.recordings) & set(predicted.recordings):
        raise UsageError(
            f"no recording is in both files: {truth.name} has {listed(list(truth.recordings))}; "
            f"{predicted.name} has {listed(list(predicted.recordings))}",
            "Name the recordings alike in both; folders before the name and the ending of a "
            "video may be left out.",
        )


def with_the_names_of(truth: EventList, predicted: EventList) -> tuple[EventList, list[str]]:
    """Return the predictions with the truth's names where only folders or endings differ."""
    known = {name: _parts(name) for name in truth.recordings}
    wanted: dict[str, str] = {}
    for name in predicted.recordings:
        if name in known:
            continue
        parts = _parts(name)
        fits = [one for one, other in known.items() if _same_ending(parts, other)]
        if len(fits) == 1:
            wanted[name] = fits[0]
    taken = [*wanted.values(), *(name for name in predicted.recordings if name in known)]
    # Two recordings of one name: which is meant cannot be known.
    wanted = {name: new for name, new in wanted.items() if taken.count(new) == 1}
    if not wanted:
        return predicted, []
    events = tuple(
        replace(one, recording=wanted.get(one.recording, one.recording)) for one in predicted.events
    )
    recordings = {wanted.get(name, name): what for name, what in predicted.recordings.items()}
    first, new = next(iter(wanted.items()))
    more = f" ({len(wanted)} recordings are joined so)" if len(wanted) > 1 else ""
    note = f"{first} of {predicted.name} is taken as {new} of {truth.name}{more}"
    return replace(predicted, events=events, recordings=recordings), [note]


def _parts(name: str) -> tuple[str, ...]:
    lower = name.casefold().replace("\\", "/").strip("/")
    for suffix in _VIDEOS:
        lower = lower.removesuffix(suffix)
    return tuple(lower.split("/"))


def _same_ending(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = min(len(one), len(other))
    return one[-shared:] == other[-shared:]
