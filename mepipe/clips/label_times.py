"""Key frames that the user's table states as times: refused as frame numbers, or placed.

A column with fractions holds no frame numbers, and so none of its whole numbers is one:
half of such a table must not be read as frames. ``labels.time`` says what it holds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from mepipe.datasets.clip import Clip, Dataset, Mark
from mepipe.datasets.time_cells import is_clock, milliseconds
from mepipe.errors import BadDataError, UsageError
from mepipe.frames import Timing
from mepipe.schema import KEY_FRAMES, TimeUnit


def refuse_times(datasets: Sequence[Dataset], unit: TimeUnit) -> None:
    """Refuse a table whose key frames are not in the unit that the user says.

    Raises
    ------
    UsageError
        If a cell holds a fraction or a unit and ``unit`` is ``frames``, or a clock's time.
    """
    for dataset in datasets:
        clocks = [cell for cell in dataset.times if is_clock(cell.text)]
        cells = clocks or (dataset.times if unit == "frames" else ())
        if not cells or dataset.table is None:
            continue
        first = cells[0]
        where = f"{dataset.table}: line {first.line}, column {first.column}: {first.text[:40]!r}"
        more = f" (and {len(cells) - 1} more cells)" if len(cells) > 1 else ""
        if clocks:
            raise UsageError(
                f"{where}{more} is a time of a clock, neither a frame number nor seconds",
                "Write seconds from the clip's first frame on, such as 1.5, and use "
                "--set labels.time=seconds.",
            )
        columns = [name for name in KEY_FRAMES if any(cell.column == name for cell in cells)]
        raise UsageError(
            f"{where}{more} is not a frame number, so no number in {', '.join(columns)} is read as "
            "one",
            "If the table states times, use --set labels.time=seconds (or milliseconds). If it "
            "states frames, write whole numbers.",
        )


def place_times(
    clip: Clip, timing: Timing, numbers: Sequence[int], unit: TimeUnit
) -> tuple[Clip, dict[str, str]]:
    """Return the clip with the number of the nearest frame for each time that it states.

    Parameters
    ----------
    clip
        The clip. Its corrections are frame numbers and stay.
    timing
        The times of its frames.
    numbers
        The numbers of its frames.
    unit
        What the numbers in the table are; ``frames`` changes nothing.

    Returns
    -------
    tuple
        The clip, and what each placed key frame was stated as.

    Raises
    ------
    BadDataError
        If the clip states a time and its rate is unknown.
    """
    if unit == "frames":
        return clip, {}
    times = timing.times(len(numbers))
    placed: dict[str, Mark] = {}
    stated: dict[str, str] = {}
    for name in KEY_FRAMES:
        mark: Mark | None = getattr(clip, name)
        if mark is None or mark.origin != "annotation":
            continue
        text = mark.text if mark.number is None else str(mark.number)
        time = milliseconds(text, unit)
        if time is None:
            continue
        if times is None:
            raise BadDataError(
                f"the {name} is stated in {unit} ({text[:40]}), and the clip's frames per second "
                "are unknown",
                "Give them: column fps of the table, or --set data.fps=200.",
            )
        placed[name] = Mark(_number_at(time, [float(t) for t in times], numbers))
        stated[name] = f"{text} {unit}"
    return (
        replace(
            clip,
            onset=placed.get("onset", clip.onset),
            apex=placed.get("apex", clip.apex),
            offset=placed.get("offset", clip.offset),
        ),
        stated,
    )


def _number_at(time: float, times: Sequence[float], numbers: Sequence[int]) -> int:
    """Return the number of the frame nearest to a time, of two the earlier.

    Beyond the clip it is the number that a frame would have there.
    """
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
    if time > times[-1] and step > 0:
        return numbers[-1] + min(round((time - times[-1]) / step), 10**15)
    if time < times[0] and step > 0:
        return numbers[0] - min(round((times[0] - time) / step), 10**15)
    right = bisect_left(times, time)
    if right == len(times) or (right and time - times[right - 1] <= times[right] - time):
        right -= 1
    return numbers[right]
