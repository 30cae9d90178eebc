"""What a camera can have made of a face, and who can have shown it: else a dataset is in error."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

LOWEST_RATE, HIGHEST_RATE = 0.1, 100_000.0  # frames per second, the highest not included
RATES = "0.1 to 100000"
# Of a recording of faces: beyond, a table or a video's header is more often wrong than right.
USUAL_LOWEST, USUAL_HIGHEST = 5.0, 2000.0
USUAL_RATES = "5 to 2000"
_COMMON_RATES = (24.0, 25.0, 30.0, 50.0, 60.0, 90.0, 100.0, 120.0, 200.0, 240.0, 250.0, 300.0,
                 400.0, 500.0, 1000.0)  # fmt: skip
LONGEST_MS = 86_400_000.0  # of a clip: a day
MOST_PIXELS = 100_000_000  # of a frame
LONGEST_SIDE = 32_766  # px: OpenCV warps no image that is longer
MOST_BYTES = 1_000_000_000  # of an image file: those pixels uncompressed, 16 bits and alpha
# Of a video: so many pixels are decoded within a minute. Beyond, a file must have a byte for
# some of them; films of a face at rest have a byte for 100 at most.
FREE_PIXELS, PIXELS_A_BYTE = 2_000_000_000, 20_000
DIGITS = 18  # of a frame's number: it always fits a signed 64-bit integer


def is_rate(fps: float) -> bool:
    """Say whether ``fps`` can be a camera's frames per second; NaN cannot."""
    return LOWEST_RATE <= fps < HIGHEST_RATE


def is_usual_rate(fps: float) -> bool:
    """Say whether ``fps`` needs no word of the user: a face is recorded at such rates."""
    return USUAL_LOWEST <= fps <= USUAL_HIGHEST


def likely_rate(fps: float) -> float | None:
    """Return the rate that an unusual one is a slip of: in kHz, in mHz, with zeros too many.

    >>> likely_rate(200_000), likely_rate(0.2), likely_rate(7e9)
    (200.0, 200.0, None)
    """
    if not fps > 0 or is_usual_rate(fps):
        return None
    for factor in (1000.0, 100.0, 10.0):
        for rate in _COMMON_RATES:
            if math.isclose(fps, rate * factor) or math.isclose(fps * factor, rate):
                return rate
    return None


def is_size(width: int, height: int) -> bool:
    """Say whether a frame can have this size, px."""
    return (
        min(width, height) > 0
        and max(width, height) <= LONGEST_SIDE
        and (width * height <= MOST_PIXELS)
    )


def is_swollen(pixels: int, length: int) -> bool:
    """Say whether a video of ``length`` bytes gives more pixels than a camera can have put there.

    >>> is_swollen(50 * 10**9, 710), is_swollen(50 * 10**9, 10**8), is_swollen(10**6, 100)
    (True, False, False)
    """
    return pixels > FREE_PIXELS and pixels > PIXELS_A_BYTE * length


def one_class_each(clips: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return each person's class if every person has shown one only; else nothing.

    People show several emotions. If each has one, "people" are often emotions, and who is
    seen says already what is shown. It takes two classes, and two people with two clips.

    Parameters
    ----------
    clips
        The person and the class of each clip; those without either do not count.

    Examples
    --------
    >>> one_class_each([("joy", "1"), ("joy", "1"), ("ire", "2"), ("ire", "2")])
    {'joy': '1', 'ire': '2'}
    """
    shown: dict[str, list[str]] = defaultdict(list)
    for person, label in clips:
        if person and label:
            shown[person].append(label)
    found = {person: labels[0] for person, labels in shown.items() if len(set(labels)) == 1}
    several = sum(len(labels) > 1 for labels in shown.values())
    if len(found) < len(shown) or several < 2 or len(set(found.values())) < 2:
        return {}
    return found


def one_class_text(dataset: str, found: Mapping[str, str]) -> str:
    """Return what to say of a dataset in which `one_class_each` found something."""
    people = sorted(found)
    shown = ", ".join(f"{person} {found[person]}" for person in people[:3])
    return (
        f"{dataset}: every subject has clips of one class only ({shown}"
        f"{', ...' if len(people) > 3 else ''}). Are the subjects people? If they are classes or "
        "recordings, a person may be in training and in test; and where each person shows one "
        "class, figures of left-out subjects say nothing of expressions. Give the people in "
        "labels.csv, column subject or person"
    )
