"""Key frames that a table states as 0 or -1 where it means: unknown."""

from __future__ import annotations

from dataclasses import replace

from mepipe.datasets.clip import Clip, Mark, Note
from mepipe.schema import KEY_FRAMES

_CODES = frozenset({-1, -9, -99, -999, -9999})


def without_unknown(clip: Clip, *, zero_is_a_frame: bool) -> tuple[Clip, list[Note]]:
    """Return the clip without such key frames, and a note for each.

    -1 and the codes of statistics (-9, -99, ...) are never frames; another negative number
    is an error, about which a setting decides. 0 is none where the first frame has a greater
    number. Where 0 is the first frame, it can be the onset, but no apex or offset behind
    an onset. What the user corrects and what an erratum says stays.
    """
    stated: dict[str, int] = {}
    for name in KEY_FRAMES:
        mark: Mark | None = getattr(clip, name)
        if mark is not None and mark.origin == "annotation" and mark.number is not None:
            stated[name] = mark.number
    # 0, 0, 0 is a row that nobody filled in.
    nothing = len(stated) > 1 and not any(stated.values())
    # Beside an onset 0, an apex 0 contradicts it: what becomes of that is the user's choice.
    first_is_onset = stated.get("onset") == 0 and not nothing
    unknown = {
        name: number
        for name, number in stated.items()
        if number in _CODES
        or (
            number == 0
            and (
                nothing
                or not zero_is_a_frame
                or (name != "onset" and (name == "offset" or not first_is_onset))
            )
        )
    }
    if not unknown:
        return clip, []
    notes = [
        Note(clip.id, f"the {name} {number} is not a frame of the clip", "taken as unknown")
        for name, number in unknown.items()
    ]
    return (
        replace(
            clip,
            onset=None if "onset" in unknown else clip.onset,
            apex=None if "apex" in unknown else clip.apex,
            offset=None if "offset" in unknown else clip.offset,
        ),
        notes,
    )
