"""How far two coders agree: differences of key frames, and kappa of what they say.

Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement
20 (1960) 37-46, as scikit-learn computes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mepipe.evaluation.spotting_events import iou, match
from mepipe.schema import KEY_FRAMES

_ONE_FRAME = 1


@dataclass(frozen=True)
class Coded:
    """What one coder says of a clip, or of one movement in a recording.

    Parameters
    ----------
    onset, apex, offset
        Frame numbers; None if the coder says nothing.
    emotion
        The word; empty if the coder says nothing.
    movement
        Whether anything moves; None if the coder says nothing.
    """

    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    emotion: str = ""
    movement: bool | None = None

    @property
    def empty(self) -> bool:
        """True if the coder says nothing at all."""
        return self == Coded()


@dataclass(frozen=True)
class Difference:
    """How far one key frame lies apart: the second coder's minus the first's.

    Parameters
    ----------
    n
        Clips in which both coders marked it. The figures are None if there are none.
    median, median_absolute, absolute_95
        In frames: the median, that of the absolute values, their 95 % percentile.
    within_one
        Share of the clips in which it is at most one frame.
    n_ms
        Those of them whose frame rate is known.
    median_ms, median_absolute_ms, absolute_95_ms
        As above, in ms.
    """

    n: int
    median: float | None = None
    median_absolute: float | None = None
    absolute_95: float | None = None
    within_one: float | None = None
    n_ms: int = 0
    median_ms: float | None = None
    median_absolute_ms: float | None = None
    absolute_95_ms: float | None = None


@dataclass(frozen=True)
class Kappa:
    """Agreement on names.

    Parameters
    ----------
    n
        Clips of which both coders say something.
    same
        Share on which they say the same; None if ``n`` is 0.
    kappa
        Cohen's kappa, -1 to 1; None if it is undefined, because both say the same one name of
        all clips, or of none.
    """

    n: int
    same: float | None = None
    kappa: float | None = None


@dataclass(frozen=True)
class Agreement:
    """How far two coders agree.

    Parameters
    ----------
    both, only_first, only_second
        Clips that both coded, and that only one did. Of recordings: movements that are one (an
        intersection over union of at least 0.5), and those without a counterpart.
    marks
        The differences of onset, apex and offset.
    emotion, movement
        The agreement on the emotion, and on whether anything moves.
    f1
        2 both / (2 both + only_first + only_second), of movements in recordings; None for clips.
    recordings
        Recordings that both coded; 0 for clips.
    """

    both: int
    only_first: int
    only_second: int
    marks: Mapping[str, Difference]
    emotion: Kappa
    movement: Kappa
    f1: float | None = None
    recordings: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return all figures as plain values."""
        return asdict(self)


def agreement(
    first: Mapping[str, Coded],
    second: Mapping[str, Coded],
    fps: Mapping[str, float] | float | None = None,
) -> Agreement:
    """Compare what two coders say of clips.

    Parameters
    ----------
    first, second
        By clip. What a coder does not say is not compared.
    fps
        Frames per second, of all clips or by clip; without it there are no figures in ms.

    Examples
    --------
    >>> found = agreement(
    ...     {"a": Coded(10, 20, 30, "fear"), "b": Coded(5, 9, None, "anger"), "c": Coded(1)},
    ...     {"a": Coded(10, 22, 27, "fear"), "b": Coded(6, 8, 20, "fear"), "d": Coded(2)},
    ...     fps=200,
    ... )
    >>> found.both, found.only_first, found.only_second
    (2, 1, 1)
    >>> found.marks["apex"].median_absolute, found.marks["apex"].median_absolute_ms
    (1.5, 7.5)
    >>> found.marks["offset"].n, found.emotion.same, found.emotion.kappa
    (1, 0.5, 0.0)
    """
    first = {clip: one for clip, one in first.items() if not one.empty}
    second = {clip: one for clip, one in second.items() if not one.empty}
    both = sorted(first.keys() & second.keys())
    pairs = [(first[clip], second[clip]) for clip in both]
    rates = [_rate(fps, clip) for clip in both]
    return Agreement(
        len(both),
        len(first.keys() - second.keys()),
        len(second.keys() - first.keys()),
        _differences(pairs, rates),
        _kappa([(a.emotion, b.emotion) for a, b in pairs if a.emotion and b.emotion]),
        _kappa(
            [
                (str(a.movement), str(b.movement))
                for a, b in pairs
                if a.movement is not None and b.movement is not None
            ]
        ),
    )


def event_agreement(
    first: Mapping[str, Sequence[Coded]],
    second: Mapping[str, Sequence[Coded]],
    fps: Mapping[str, float] | float | None = None,
) -> Agreement:
    """Compare what two coders found in recordings.

    Two movements are one if their intersection over union is at least 0.5, each in one pair at
    most (`mepipe.evaluation.spotting_events.match`). A movement without an offset goes up to its
    apex.

    Parameters
    ----------
    first, second
        The movements of each recording; those without an onset or an end do not count, and a
        recording that one coder did not code is not compared.
    fps
        As for `agreement`.

    Examples
    --------
    >>> found = event_agreement(
    ...     {"r": [Coded(10, 15, 20), Coded(50, 55, 60)]}, {"r": [Coded(11, 15, 20)]}
    ... )
    >>> found.both, found.only_first, round(found.f1, 3), found.marks["onset"].median
    (1, 1, 0.667, 1.0)
    """
    names = sorted(first.keys() & second.keys())
    pairs: list[tuple[Coded, Coded]] = []
    rates: list[float | None] = []
    alone = [0, 0]
    for name in names:
        one, other = (
            [x for x in side[name] if x.onset is not None and _end(x) is not None]
            for side in (first, second)
        )
        found = match(iou(_spans(one), _spans(other))) if one and other else ()
        pairs += [(one[int(a)], other[int(b)]) for a, b in found]
        rates += [_rate(fps, name)] * len(found)
        alone[0] += len(one) - len(found)
        alone[1] += len(other) - len(found)
    total = 2 * len(pairs) + sum(alone)
    return Agreement(
        len(pairs),
        alone[0],
        alone[1],
        _differences(pairs, rates),
        _kappa([(a.emotion, b.emotion) for a, b in pairs if a.emotion and b.emotion]),
        Kappa(0),
        2 * len(pairs) / total if total else None,
        len(names),
    )


def _rate(fps: Mapping[str, float] | float | None, clip: str) -> float | None:
    return fps.get(clip) if isinstance(fps, Mapping) else fps


def _spans(events: Sequence[Coded]) -> list[tuple[int, int]]:
    return [(one.onset or 0, _end(one) or 0) for one in events]


def _end(one: Coded) -> int | None:
    return one.apex if one.offset is None else one.offset


def _differences(
    pairs: Sequence[tuple[Coded, Coded]], rates: Sequence[float | None]
) -> dict[str, Difference]:
    found: dict[str, Difference] = {}
    for name in KEY_FRAMES:
        values = [
            (float(b - a), rate)
            for (one, other), rate in zip(pairs, rates, strict=True)
            if (a := getattr(one, name)) is not None and (b := getattr(other, name)) is not None
        ]
        frames = np.array([value for value, _ in values])
        ms = np.array([value * 1000 / rate for value, rate in values if rate])
        if not values:
            found[name] = Difference(0)
            continue
        within = float(np.mean(np.abs(frames) <= _ONE_FRAME))
        found[name] = Difference(len(frames), *_figures(frames), within, len(ms), *_figures(ms))
    return found


def _figures(
    values: np.ndarray[Any, np.dtype[np.float64]],
) -> tuple[float | None, float | None, float | None]:
    if not len(values):
        return None, None, None
    absolute = np.abs(values)
    return (
        float(np.median(values)),
        float(np.median(absolute)),
        float(np.percentile(absolute, 95)),
    )


def _kappa(pairs: Sequence[tuple[str, str]]) -> Kappa:
    if not pairs:
        return Kappa(0)
    from sklearn.metrics import cohen_kappa_score

    first, second = zip(*pairs, strict=True)
    same = float(np.mean([a == b for a, b in pairs]))
    if len({*first, *second}) == 1:
        return Kappa(len(pairs), same)  # expected agreement is 1: kappa would be 0 / 0
    return Kappa(len(pairs), same, float(cohen_kappa_score(first, second)))
