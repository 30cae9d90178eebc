"""Marks as an ``.eaf`` of ELAN, one a clip or recording, and back.

Tiers: ``movement`` (from the onset to the offset; the value is the emotion), ``apex`` (one frame),
``no movement``; where a movement has no onset or no offset, its marks stand as points of one frame
in ``onset``, ``apex`` and ``offset``. A tier ``movement 2`` (with ``apex 2``) holds what overlaps.
Times count from the first frame. Files of ELAN itself may hold anything else beside.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.parsers import expat

from mepipe.datasets.emotions import normalise
from mepipe.datasets.name_cells import check_name
from mepipe.errors import UsageError
from mepipe.plausible import is_rate
from mepipe.recordings.elan import HEAD, NO_DATE, check_elan, in_order_of_time, tiers_of
from mepipe.recordings.marks import Marked, Movement, ReadMarks
from mepipe.schema import KEY_FRAMES

if TYPE_CHECKING:
    import pympi

HIGHEST_FPS = 1000.0
"""ELAN holds whole ms: above this rate a frame is not told from the next."""

_LARGEST = 64 << 20  # bytes; ELAN's own files of an hour have some MB
_TIER = re.compile(r"(movement|micro|macro|no movement|onset|apex|offset)(?: (\d{1,4}))?\Z")
_SPANS = ("movement", "micro", "macro")


def marks_eaf(one: Marked) -> bytes:
    """Return the marks of a clip or recording as an ``.eaf``.

    Raises
    ------
    UsageError
        If its frame rate or the number of its first frame is unknown, the rate is above
        `HIGHEST_FPS`, the name or an emotion cannot stand in a file, or pympi-ling is not
        installed.
    """
    check_elan()
    import pympi

    check_name(one.name)
    if one.fps is None or one.first is None:
        what = "frame rate is" if one.fps is None else "frame numbers are not without a gap, or"
        raise UsageError(f"{one.name}: the {what} unknown", "Export it as CSV: --to csv.")
    if one.fps > HIGHEST_FPS:
        raise UsageError(
            f"{one.name} has {one.fps:g} frames per second, and ELAN holds whole ms",
            "Export it as CSV: --to csv.",
        )
    eaf = pympi.Eaf(author="mepipe")
    eaf.adocument["DATE"] = NO_DATE  # equal marks, equal bytes
    eaf.remove_tier("default")
    for key, value in (
        ("name", one.name), ("fps", repr(one.fps)), ("first", one.first),
        ("recording", "yes" if one.recording else "no"),
    ):  # fmt: skip
        eaf.add_property(f"mepipe.{key}", str(value))
    clock = _Clock(one.fps, one.first)
    whole = [x for x in one.movements if x.onset is not None and x.offset is not None]
    spans = [(clock.ms(x.onset or 0), clock.ms(x.offset or 0)) for x in whole]
    eaf.add_tier("movement")
    eaf.add_tier("apex")
    for movement, span, tier in zip(whole, spans, tiers_of(spans), strict=True):
        more = f" {tier + 1}" if tier else ""
        _add(eaf, f"movement{more}", span, movement.emotion)
        if movement.apex is not None:
            _add(eaf, f"apex{more}", clock.frame(movement.apex), "")
    for movement in one.movements:
        if movement not in whole:
            for name in KEY_FRAMES:
                number = getattr(movement, name)
                if number is not None:
                    _add(eaf, name, clock.frame(number), movement.emotion)
    if one.still:
        end = clock.ms(one.first + max(one.frames, 1))
        _add(eaf, "no movement", (0, max(1, end)), "")
    in_order_of_time(eaf)
    return HEAD + bytes(pympi.Elan.to_string(eaf, encoding="UTF-8"))


def _add(eaf: pympi.Eaf, tier: str, span: tuple[int, int], value: str) -> None:
    if value:
        check_name(value, "emotion")
    if tier not in eaf.get_tier_names():
        eaf.add_tier(tier)
    eaf.add_annotation(tier, span[0], max(span[1], span[0] + 1), value=value)


@dataclass(frozen=True)
class _Clock:
    """Frame numbers and ms."""

    fps: float
    first: int

    def ms(self, number: int) -> int:
        return max(0, round((number - self.first) * 1000 / self.fps))

    def frame(self, number: int) -> tuple[int, int]:
        begin = self.ms(number)
        return begin, max(begin + 1, self.ms(number + 1))

    def number(self, ms: int) -> int:
        return self.first + round(ms * self.fps / 1000)


@dataclass(frozen=True)
class _Span:
    begin: int
    end: int
    value: str
    part: str


def read_eaf(
    data: bytes, name: str, known: Mapping[str, Marked] | None = None, fps: float | None = None
) -> ReadMarks:
    """Return the marks in an ``.eaf``, of ELAN or of `marks_eaf`.

    A time becomes the nearest frame. What is not understood is said and left out.

    Parameters
    ----------
    data
        The bytes of the file.
    name
        Its name without the suffix: the clip, where the file does not name one.
    known
        The clips and recordings of a run, by id: they give rate, first number and length.
    fps
        Frames per second, where neither the run nor the file says it.

    Raises
    ------
    UsageError
        If it is no file of ELAN, is too large or has a DOCTYPE, or no rate is known.
    """
    root = _parsed(data, name)
    stated = {
        str(one.get("NAME")): (one.text or "").strip() for one in root.iterfind("HEADER/PROPERTY")
    }
    base = _known(stated.get("mepipe.name") or name, known or {})
    if base is None:
        base = Marked(
            stated.get("mepipe.name") or name,
            recording=stated.get("mepipe.recording") == "yes",
            fps=_number(stated.get("mepipe.fps", "")),
            first=_whole(stated.get("mepipe.first", "")),
        )
    rate = base.fps or fps
    if rate is None or not is_rate(rate):
        raise UsageError(
            f"{name}.eaf: the frames per second of {base.name} are unknown",
            "Give the run (--run OUT), or the rate (--fps).",
        )
    base = replace(base, fps=rate, first=base.first or 0)
    notes: list[str] = []
    spans = _spans_of(root, name, notes)
    movements = _movements(spans, _Clock(rate, base.first or 0), base, name, notes)
    still = True if spans["no movement"] else None
    if still and movements:
        notes.append(f"{name}.eaf: it has movements and says that there is none: not used")
        return ReadMarks((), tuple(notes))
    if len(movements) > 1 and not base.recording:
        if known is not None and base.name in known:
            notes.append(f"{name}.eaf: {len(movements)} movements in a clip: the first is used")
            movements = movements[:1]
        else:
            base = replace(base, recording=True)
    return ReadMarks((replace(base, movements=tuple(movements), still=still),), tuple(notes))


def _parsed(data: bytes, name: str) -> ElementTree.Element:
    if len(data) > _LARGEST:
        raise UsageError(f"{name}.eaf has {len(data) >> 20} MB", "Give a file of annotations.")

    def refuse(*_: object) -> None:
        # Entities that grow, or that read other files, are declared there and nowhere else.
        raise UsageError(
            f"{name}.eaf has a DOCTYPE, which no file of ELAN has", "Export it again from ELAN."
        )

    checker = expat.ParserCreate()
    checker.StartDoctypeDeclHandler = refuse
    try:
        checker.Parse(data, True)
        root = ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise UsageError(f"{name}.eaf is not XML: {error}", "Export it again from ELAN.") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise UsageError(f"{name}.eaf is no file of ELAN", "Give an .eaf.")
    return root


def _known(name: str, known: Mapping[str, Marked]) -> Marked | None:
    if name in known:
        return known[name]
    # Files are called as `file_name` does, or as people do: by the end of an id.
    found = [
        one
        for clip, one in known.items()
        if clip.endswith(f"/{name}") or clip.replace("/", "_") == name
    ]
    return found[0] if len(found) == 1 else None


def _spans_of(root: ElementTree.Element, name: str, notes: list[str]) -> dict[str, list[_Span]]:
    times = {
        one.get("TIME_SLOT_ID", ""): _whole(one.get("TIME_VALUE", ""))
        for one in root.iterfind("TIME_ORDER/TIME_SLOT")
    }
    found: dict[str, list[_Span]] = defaultdict(list)
    others = []
    lost = 0
    for tier in root.iterfind("TIER"):
        title = " ".join(tier.get("TIER_ID", "").split())
        kind = _TIER.fullmatch(title.casefold())
        if kind is None:
            others.append(title)
            continue
        for one in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
            begin = times.get(one.get("TIME_SLOT_REF1", ""))
            end = times.get(one.get("TIME_SLOT_REF2", ""))
            if begin is None or end is None or end < begin:
                lost += 1
                continue
            value = " ".join((one.findtext("ANNOTATION_VALUE") or "").split())
            found[kind[1]].append(_Span(begin, end, value, kind[2] or ""))
        lost += len(tier.findall("ANNOTATION/REF_ANNOTATION"))
    if others:
        some = ", ".join(others[:4]) + (" and more" if len(others) > 4 else "")
        notes.append(f"{name}.eaf: tiers that are not read: {some}")
    if lost:
        notes.append(f"{name}.eaf: {lost} annotation(s) without times are not read")
    for some_spans in found.values():
        some_spans.sort(key=lambda one: (one.begin, one.end))
    return found


def _movements(
    spans: Mapping[str, Sequence[_Span]],
    clock: _Clock,
    base: Marked,
    name: str,
    notes: list[str],
) -> list[Movement]:
    apices = list(spans.get("apex", ()))
    found: list[Movement] = []
    intervals = [(kind, one) for kind in _SPANS for one in spans.get(kind, ())]
    for kind, one in sorted(intervals, key=lambda pair: (pair[1].begin, pair[1].end)):
        onset, offset = clock.number(one.begin), clock.number(one.end)
        inside = [x for x in apices if onset < clock.number(x.begin) <= offset]
        # That of the tier with the same number first, where movements overlap.
        own = next((x for x in inside if x.part == one.part), None)
        apex = own or next(iter(inside), None)
        if apex is not None:
            apices.remove(apex)
        word = normalise(one.value) if kind == "movement" else ""
        found.append(
            Movement(onset, None if apex is None else clock.number(apex.begin), offset, word)
        )
    onsets, offsets = spans.get("onset", ()), spans.get("offset", ())
    found += _of_points(onsets, apices, offsets, clock)
    kept = []
    for movement in found:
        problem = _problem(movement, base)
        if problem:
            notes.append(f"{name}.eaf: {problem}: not used")
        else:
            kept.append(movement)
    return sorted(kept, key=lambda one: [x or 0 for x in (one.onset, one.apex, one.offset)])


def _of_points(
    onsets: Sequence[_Span], apices: Sequence[_Span], offsets: Sequence[_Span], clock: _Clock
) -> Iterable[Movement]:
    """Return movements of points in time: each onset goes with what follows up to the next."""
    points = [
        *((one.begin, 0, one) for one in onsets),
        *((one.begin, 1, one) for one in apices),
        *((one.begin, 2, one) for one in offsets),
    ]
    current: dict[int, _Span] = {}
    for _, place, one in sorted(points, key=lambda point: point[:2]):
        if any(later >= place for later in current):
            yield _of_marks(current, clock)
            current = {}
        current[place] = one
    if current:
        yield _of_marks(current, clock)


def _of_marks(marks: Mapping[int, _Span], clock: _Clock) -> Movement:
    onset, apex, offset = (clock.number(marks[i].begin) if i in marks else None for i in range(3))
    words = [normalise(one.value) for one in marks.values() if one.value]
    return Movement(onset, apex, offset, words[0] if words else "")


def _problem(one: Movement, base: Marked) -> str:
    numbers = [x for x in (one.onset, one.apex, one.offset) if x is not None]
    shown = ", ".join(map(str, numbers))
    first = base.first or 0
    if base.frames and not all(first <= x < first + base.frames for x in numbers):
        return f"the movement at frames {shown} lies outside of {base.name}"
    if one.onset is not None and one.apex is not None and one.apex <= one.onset:
        return f"of the movement at frames {shown} the apex is not after the onset"
    if one.onset is not None and one.offset is not None and one.offset <= one.onset:
        return f"the movement at frames {shown} has one frame only"
    if one.apex is not None and one.offset is not None and one.offset < one.apex:
        return f"of the movement at frames {shown} the offset is before the apex"
    return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text) else None
