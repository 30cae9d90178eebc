"""Decides for every dataset whether an annotation can be right.

The annotation is checked in itself (onset < apex <= offset) and against the frames
that exist. Two things can be wrong, and a setting decides about each:

- The *row* is broken: text in the place of a number, an impossible order, or a
  frame outside the clip. ``repair`` decides.
- A *frame* is missing: the row is sound, but the file that it names is not there.
  It would be between the clip's first and last frame, or at most ``max_missing``
  frames beyond. ``missing`` decides. With ``missing="error"`` every absent frame
  is a missing one, however far away.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mepipe.datasets.clip import Clip, Mark, MarkOrigin, Note
from mepipe.errors import EXIT_SOME_FAILED, BadDataError, MepipeError
from mepipe.schema import KeyFrameName, Missing, Repair

Origin = Literal[MarkOrigin, "middle", "spotted"]


@dataclass(frozen=True)
class KeyFrame:
    """A key frame that exists: its 0-based position and the dataset's own number.

    ``confidence`` is 1 unless it was spotted in a recording.
    """

    position: int
    number: int
    origin: Origin
    confidence: float = 1.0


@dataclass(frozen=True)
class ResolvedAnnotation:
    """The part of an annotation that can be used.

    Parameters
    ----------
    onset, apex, offset
        The key frames, with onset < apex <= offset; None if not annotated or not
        usable.
    findings
        Every repair and every replaced frame.
    """

    onset: KeyFrame | None
    apex: KeyFrame | None
    offset: KeyFrame | None
    findings: tuple[Note, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The findings in words."""
        return tuple(finding.text for finding in self.findings)


class DroppedError(MepipeError):
    """The annotation is broken, and the user chose to leave such clips out."""

    exit_code = EXIT_SOME_FAILED


def resolve(
    clip: Clip, numbers: Sequence[int], *, repair: Repair, missing: Missing, max_missing: int
) -> ResolvedAnnotation:
    """Check a clip's annotation in itself and against the frames that exist.

    Parameters
    ----------
    clip
        The clip. Only its onset, apex and offset are used.
    numbers
        The frame numbers that exist, ascending (for a video ``range(count)``).
    repair
        What becomes of a broken field. ``spot``: it is left open, to be spotted.
        ``midpoint``: a broken apex becomes the middle of onset and offset, any
        other field is left open. ``drop``, ``error``: see Raises.
        If the apex does not fit onset and offset, only the apex is broken. If the
        onset is not before the offset, all three are.
    missing, max_missing
        With ``nearest``, the nearest frame replaces a missing one, at most
        ``max_missing`` frames away. Of two equally near ones it is the earlier.

    Returns
    -------
    ResolvedAnnotation
        The key frames that can be used, and what was repaired.

    Raises
    ------
    BadDataError
        If the clip has no frames. If a frame is missing and no other may replace
        it. If the row is broken and ``repair`` is ``error``. The messages follow
        from the annotation and the settings alone, as stored failures must.
    DroppedError
        If the row is broken and ``repair`` is ``drop``.
    """
    if not numbers:
        raise BadDataError("the clip has no frames")
    marks: dict[KeyFrameName, Mark | None] = {
        "onset": clip.onset,
        "apex": clip.apex,
        "offset": clip.offset,
    }
    stated: dict[KeyFrameName, int] = {}
    broken: dict[KeyFrameName, str] = {}
    for field, stated_mark in marks.items():
        if stated_mark is None:
            continue
        number = stated_mark.number
        if number is None:
            broken[field] = f"the {field} holds {stated_mark.text[:40]!r}, not a frame number"
        # So far outside, a missing file is no explanation: the number itself is wrong.
        elif missing == "nearest" and _outside(number, numbers, max_missing):
            broken[field] = f"the {field} frame {number} lies outside the clip"
        else:
            stated[field] = number
    # First in the dataset's own numbers, whatever frames exist.
    broken |= _contradictions(stated, stated)
    _raise_unless_repaired(broken, marks, repair)

    notes: list[Note] = []
    frames: dict[KeyFrameName, KeyFrame] = {}
    for field, number in stated.items():
        if field in broken:
            continue
        position = _nearest(numbers, number)
        found = numbers[position]
        if found != number:
            _check_missing(field, number, abs(found - number), missing, max_missing)
            notes.append(
                Note(
                    clip.id,
                    f"the {field} frame {number} is missing",
                    f"frame {found}, {abs(found - number)} away, is used",
                )
            )
        origin = marks[field]
        assert origin is not None
        frames[field] = KeyFrame(position, found, origin.origin)
    # Frames that replace missing ones keep the order, but two may be the same frame.
    collapsed = _contradictions({f: k.position for f, k in frames.items()}, stated)
    _raise_unless_repaired(collapsed, marks, repair)
    broken |= collapsed
    for field in collapsed:
        del frames[field]

    if repair == "midpoint" and "apex" in broken and {"onset", "offset"} <= frames.keys():
        # Rounded up: the apex must not be the onset.
        middle = (frames["onset"].position + frames["offset"].position + 1) // 2
        frames["apex"] = KeyFrame(middle, numbers[middle], "middle")
    # One note for each reason: an impossible order concerns several fields.
    for reason in dict.fromkeys(broken.values()):
        fields = [field for field in broken if broken[field] == reason]
        verb = "is" if len(fields) == 1 else "are"
        middle_taken = all(field in frames for field in fields)
        what = "the middle of onset and offset" if middle_taken else "left to spotting"
        notes.append(Note(clip.id, reason, f"the {' and '.join(fields)} {verb} {what}"))
    apex, offset = frames.get("apex"), frames.get("offset")
    if apex and offset and apex.position == offset.position and apex.origin != "middle":
        notes.append(
            Note(
                clip.id, f"the apex frame {apex.number} is also the offset", "kept, but suspicious"
            )
        )
    return ResolvedAnnotation(frames.get("onset"), apex, offset, tuple(notes))


def _contradictions(
    order: Mapping[KeyFrameName, int], stated: Mapping[KeyFrameName, int]
) -> dict[KeyFrameName, str]:
    """Return the fields that cannot be right, each with the reason.

    ``order`` decides. The reasons give the numbers of ``stated``, which the user
    finds in the sheet.
    """
    onset, apex, offset = order.get("onset"), order.get("apex"), order.get("offset")
    # Which of the two is wrong cannot be known, so the apex between them says nothing either.
    if onset is not None and offset is not None and onset >= offset:
        reason = f"the onset {stated['onset']} is not before the offset {stated['offset']}"
        return dict.fromkeys(order, reason)
    if apex is None:
        return {}
    if onset is not None and apex <= onset:
        where = "equals" if apex == onset else "is before"
        return {"apex": f"the apex {stated['apex']} {where} the onset {stated['onset']}"}
    if offset is not None and apex > offset:
        return {"apex": f"the apex {stated['apex']} is after the offset {stated['offset']}"}
    return {}


def _raise_unless_repaired(
    broken: Mapping[KeyFrameName, str], marks: Mapping[KeyFrameName, Mark | None], repair: Repair
) -> None:
    """Raise if a field is broken and ``repair`` is drop or error."""
    if not broken or repair in {"spot", "midpoint"}:
        return
    row = ", ".join(
        f"{field} {entry.text[:40] if entry.number is None else entry.number}"
        for field, entry in marks.items()
        if entry is not None
    )
    message = f"{'; '.join(dict.fromkeys(broken.values()))} ({row})"
    if repair == "drop":
        raise DroppedError(message, "Use --set data.repair=spot or midpoint to keep the clip.")
    raise BadDataError(message, "Use --set data.repair=spot, midpoint or drop.")


def _check_missing(
    field: KeyFrameName, number: int, distance: int, missing: Missing, max_missing: int
) -> None:
    if missing == "error":
        raise BadDataError(
            f"the {field} frame {number} is missing",
            "Restore it, or use --set data.missing=nearest.",
        )
    if distance > max_missing:
        raise BadDataError(
            f"the {field} frame {number} is missing, and so is every frame within "
            f"{max_missing} of it",
            "Restore them, or use --set data.max_missing=N.",
        )


def _outside(number: int, numbers: Sequence[int], margin: int) -> bool:
    return not numbers[0] - margin <= number <= numbers[-1] + margin


def _nearest(numbers: Sequence[int], number: int) -> int:
    """Return the position of the number nearest to ``number``; of two, the lower."""
    right = bisect_left(numbers, number)
    if right == len(numbers):
        return right - 1
    if right and number - numbers[right - 1] <= numbers[right] - number:
        return right - 1
    return right
