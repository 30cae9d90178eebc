"""What a report shows of a recording: few values, which the record of the run keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mepipe.cache.keys import Json
from mepipe.recordings.picture import timeline_of
from mepipe.recordings.result import RecordingEvents
from mepipe.report.content import ClipCard, MovementLink, RecordingCard
from mepipe.stages.stored_values import is_number
from mepipe.viz.timeline import Timeline, TimelineEvent, timeline_png
from mepipe.viz.timeline_layout import clock, thinned

TABLE_VERSION = 1
_BINS = 3000  # of the curve: more than the picture of some minutes has px
_BESIDE_S = 0.5  # of the curve, before and after a movement at least
_SHOWN = 24  # movements with a picture
_PICTURES = 60  # recordings with a timeline: each is up to some 100 kB
_KINDS = {
    "micro": "micro movement", "macro": "macro movement", "blink": "blink",
    "turn": "turn of the head", "speech": "stretch of speech", "return": "return to rest",
}  # fmt: skip


@dataclass(frozen=True)
class ShownRecording:
    """What a report shows of a recording.

    Parameters
    ----------
    timeline
        Its curve, thinned, and its events.
    seen
        Share of the frames in which a face is seen, 0 to 1.
    """

    timeline: Timeline
    seen: float

    @classmethod
    def of(cls, recording: RecordingEvents) -> ShownRecording:
        """Return what is shown of a recording that was searched.

        >>> still = RecordingEvents(
        ...     "a", "", 25.0, np.arange(9000) * 40.0, range(9000), (), (300,),
        ...     np.full(9000, 0.25, np.float32),
        ... )
        >>> shown = ShownRecording.of(still)
        >>> len(shown.timeline.times_ms)
        6002
        >>> ShownRecording.from_json(shown.to_json()).to_json() == shown.to_json()
        True
        """
        whole = timeline_of(recording)
        times, curve = thinned(whole.times_ms, whole.curve, _BINS)
        if len(times) < len(whole.times_ms):
            # The picture goes from the first frame to the last.
            ends = [0, -1]
            (first, last), (begin, end) = whole.times_ms[ends], whole.curve[ends]
            times = np.concatenate([[first], times, [last]])
            curve = np.concatenate([[begin], curve, [end]]).astype(np.float32)
        shown = cls(replace(whole, times_ms=times.round(1), curve=curve), recording.seen)
        # A page that is made again from the record shows the same values.
        return cls.from_json(shown.to_json())

    def to_json(self) -> dict[str, Json]:
        """Return the values for the record of a run."""
        line = self.timeline
        return {
            "name": line.name,
            "times_ms": line.times_ms.tolist(),
            "curve": [
                None if np.isnan(value) else round(value, 3) for value in line.curve.tolist()
            ],
            "events": [
                [one.kind, one.face, one.onset_ms, one.apex_ms, one.offset_ms]
                for one in line.events
            ],
            "cuts_ms": list(line.cuts_ms),
            "seen": round(self.seen, 6),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ShownRecording:
        """Return what `to_json` was given."""
        return cls(
            Timeline(
                values["name"],
                np.array(values["times_ms"], np.float64),
                np.array(values["curve"], np.float32),  # None is NaN
                tuple(TimelineEvent(*event) for event in values["events"]),
                tuple(values["cuts_ms"]),
            ),
            values["seen"],
        )


def to_table(recordings: Sequence[ShownRecording]) -> Json:
    """Return the table of the recordings for the record of a run; None if there are none."""
    if not recordings:
        return None
    return {"version": TABLE_VERSION, "recordings": [one.to_json() for one in recordings]}


def from_table(table: Any) -> tuple[ShownRecording, ...]:
    """Return the recordings of such a table; none if it is gone, damaged or of another version."""
    if not isinstance(table, dict) or table.get("version") != TABLE_VERSION:
        return ()
    found = table.get("recordings")
    if not isinstance(found, list) or not all(map(_is_recording, found)):
        return ()
    return tuple(ShownRecording.from_json(one) for one in found)


def _is_recording(values: Any) -> bool:
    """Return True if a table, which may have been edited, has the shape of `to_json` there."""
    if not isinstance(values, dict):
        return False
    times, curve, events, cuts = (
        found if isinstance(found := values.get(name), list) else [None]
        for name in ("times_ms", "curve", "events", "cuts_ms")
    )
    return (
        isinstance(values.get("name"), str)
        and is_number(values.get("seen"))
        and all(map(is_number, [*times, *cuts]))
        and 0 < len(times) == len(curve)
        and all(one is None or is_number(one) for one in curve)
        and all(
            isinstance(one, list)
            and len(one) == 5
            and isinstance(one[0], str)
            and type(one[1]) is int
            and all(map(is_number, one[2:]))
            for one in events
        )
    )


def with_curves(cards: Sequence[ClipCard], recordings: Sequence[ShownRecording]) -> list[ClipCard]:
    """Return the cards, those of movements with the part of their recording's curve around them.

    Where the rate is not constant, a card stays as it is.
    """
    lines = {one.timeline.name: one.timeline for one in recordings}
    found = []
    for card in cards:
        line = lines.get(card.clip.rpartition("#")[0])
        places = [mark.position for mark in card.marks if mark.position is not None]
        if line is None or not card.fps or not places:
            found.append(card)
            continue
        beside = max(round(_BESIDE_S * card.fps), max(places) - min(places))
        first = max(0, min(places) - beside)
        stop = min(card.frames, max(places) + beside + 1)
        at = np.arange(first, stop) * (1000 / card.fps)
        curve = np.interp(at, line.times_ms, line.curve).round(4)
        if not np.isnan(curve).any():
            pictures = replace(card.pictures, curve=tuple(curve.tolist()), curve_from=first)
            found.append(replace(card, pictures=pictures, part=(first, stop)))
        else:
            found.append(replace(card, part=(first, stop)))
    return found


def recording_cards(
    recordings: Sequence[ShownRecording], cards: Sequence[ClipCard]
) -> list[RecordingCard]:
    """Return what the page shows of recordings; the pictures of movements are those of ``cards``.

    Only the first recordings have a timeline, so that the page does not become too large.
    """
    places = {card.clip: place for place, card in enumerate(cards)}
    return [
        _card(one, cards, places, drawn=number < _PICTURES) for number, one in enumerate(recordings)
    ]


def _card(
    shown: ShownRecording,
    cards: Sequence[ClipCard],
    places: Mapping[str, int],
    *,
    drawn: bool,
) -> RecordingCard:
    line = shown.timeline
    length = float(line.times_ms[-1] - line.times_ms[0])
    movements = [event for event in line.events if event.kind in {"micro", "macro"}]
    links = []
    for number, event in enumerate(movements, start=1):
        place = places.get(f"{line.name}#{number}")
        links.append(
            MovementLink(
                number,
                event.kind,
                clock(event.apex_ms, hours=length >= 3_600_000, tenths=True),
                place,
                cards[place].pictures.apex if place is not None else None,
            )
        )
    shows = links
    if len(links) > _SHOWN:  # evenly
        shows = [links[at * len(links) // _SHOWN] for at in range(_SHOWN)]
    return RecordingCard(
        name=line.name,
        length=clock(length, hours=length >= 3_600_000),
        counts=_counts(shown),
        picture=_webp(timeline_png(line)) if drawn else None,
        movements=tuple(shows),
        not_shown=len(links) - len(shows),
    )


def _counts(shown: ShownRecording) -> str:
    """Return what happens in a recording, in words."""
    if not shown.seen:
        return "no face was found"
    found = Counter(event.kind for event in shown.timeline.events)
    said = [_counted(found[kind], words) for kind, words in _KINDS.items() if found[kind]]
    if not (found["micro"] or found["macro"]):
        said.insert(0, "no movement above the noise")
    if shown.timeline.cuts_ms:
        said.append(_counted(len(shown.timeline.cuts_ms), "cut"))
    if shown.seen < 0.995:
        said.append(f"a face in {shown.seen:.0%} of the frames")
    return ", ".join(said)


def _counted(number: int, words: str) -> str:
    if number == 1:
        return f"1 {words}"
    first, _, rest = words.partition(" ")
    if rest.startswith(("of", "to")):
        many = f"{first}es" if first.endswith("ch") else f"{first}s"
        return f"{number} {many} {rest}"
    return f"{number} {words}s"


def _webp(png: bytes) -> bytes:
    """Return a picture as WebP with 16 levels a channel: a quarter of the size."""
    import cv2

    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    image = ((image.astype(np.uint16) + 8) // 17 * 17).astype(np.uint8)
    done, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])  # without loss
    assert done
    return data.tobytes()
