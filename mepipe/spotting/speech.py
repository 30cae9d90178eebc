"""Speech: the jaw goes up and down, several times a second, and pulls the cheeks with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.smoothing import gaussian_mean

Float = NDArray[np.float64]
Span = tuple[float, float]

# Syllables come 3 to 8 times a second (MacNeilage and Davis, Science 2000). A movement with an
# open mouth has two turns; so many within this time are speech.
TURNS, WITHIN_MS = 5, 1000.0
LEAST = 2.4e-3  # inter-ocular distances from one turn to the next: less is noise
SLOW_MS = 150.0  # sigma of what is slower than syllables
PAUSE_MS = 500.0  # shorter ones are part of the speech
BESIDE_MS = 150.0
SMILE_MS = 400.0  # sigma of what is left of the mouth's motion while it speaks
FADE_MS = 200.0
COMPONENTS = 3  # of the syllables of a mouth, which the rest of the face may follow


def find_speech(jaw: Float, times_ms: Float) -> list[Span]:
    """Return the spans of time (begin, end), ms, in which the jaw moves as in speech.

    Parameters
    ----------
    jaw
        (N,): how far it is down, in inter-ocular distances.
    times_ms
        (N,), ascending, ms.

    Examples
    --------
    Two seconds of four syllables a second:

    >>> import numpy as np
    >>> from mepipe.spotting.speech import find_speech
    >>> times = np.arange(0, 6000, 33.3)
    >>> speaks = (times > 2000) & (times < 4000)
    >>> jaw = 0.01 * np.sin(2 * np.pi * 4 * times / 1000) * speaks
    >>> [(round(a, -2), round(b, -2)) for a, b in find_speech(jaw, times)]
    [(1900.0, 4100.0)]
    """
    fast = jaw - gaussian_mean(jaw[:, None], times_ms, SLOW_MS)[:, 0]
    turns = _turns(fast, times_ms)
    found: list[Span] = []
    for begin, end in zip(turns, turns[TURNS - 1 :], strict=False):
        if end - begin <= WITHIN_MS:
            if found and begin <= found[-1][1] + PAUSE_MS:
                found[-1] = (found[-1][0], end)
            else:
                found.append((begin, end))
    return [(begin - BESIDE_MS, end + BESIDE_MS) for begin, end in found]


def _turns(values: Float, times_ms: Float) -> list[float]:
    """Return the times at which the values turn after going by `LEAST` or more."""
    found: list[float] = []
    low = high = (float(values[0]), float(times_ms[0]))
    rises: bool | None = None
    for value, time in zip(values.tolist(), times_ms.tolist(), strict=True):
        low, high = min(low, (value, time)), max(high, (value, time))
        if rises is not False and value < high[0] - LEAST:
            if rises:
                found.append(high[1])
            rises, low = False, (value, time)
        elif rises is not True and value > low[0] + LEAST:
            if rises is False:
                found.append(low[1])
            rises, high = True, (value, time)
    return found


def without_syllables(
    regions: Float, times_ms: Float, spans: Sequence[Span], mouth: Sequence[int]
) -> Float:
    """Return the motion of the regions in which a mouth that speaks moves only slowly.

    The skin beside the mouth follows it: within each span the fast motion of the other
    regions is regressed on that of the mouth (its `COMPONENTS` largest principal components),
    and what these explain is subtracted. A brow that rises while the mouth speaks is not in
    step with the syllables, and stays.

    Parameters
    ----------
    regions
        (N, K, 2): the motion of each region.
    times_ms
        (N,), ascending, ms.
    spans
        Of speech, as from `find_speech`.
    mouth
        The regions of the mouth and the jaw.

    Returns
    -------
    (N, K, 2). Outside the spans as it was.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.spotting.speech import without_syllables
    >>> times = np.arange(0, 3000, 33.3)
    >>> syllables, brow = np.sin(times / 40), np.exp(-(((times - 1500) / 150) ** 2))
    >>> regions = np.stack([brow, 0.2 * syllables, syllables], axis=1)[..., None] * np.ones(2)
    >>> quiet = without_syllables(regions, times, [(500.0, 2500.0)], mouth=[2])
    >>> abs(quiet[45]).max(axis=1).round(1)  # brow, cheek, mouth
    array([1., 0., 0.])
    """
    if not spans:
        return regions
    mouths = np.array(mouth, np.intp)
    rest = np.setdiff1d(np.arange(regions.shape[1]), mouths)
    # What is as fast as syllables, and of the mouth all that is faster than a smile.
    fast = regions - gaussian_mean(regions, times_ms, SLOW_MS)
    faster = regions[:, mouths] - gaussian_mean(regions[:, mouths], times_ms, SMILE_MS)
    result = regions.copy()
    for begin, end in spans:
        outside = np.maximum(begin - times_ms, times_ms - end)
        share = np.clip(1 - outside / FADE_MS, 0, 1)
        during = np.flatnonzero(share)
        part = share[during, None, None]
        result[np.ix_(during, rest)] -= part * _in_step(
            fast[np.ix_(during, rest)], fast[np.ix_(during, mouths)]
        )
        result[np.ix_(during, mouths)] -= part * faster[during]
    return result


def _in_step(others: Float, mouth: Float) -> Float:
    """Return what the mouth's largest components explain of the others, both (n, k, 2)."""
    left, size, _ = np.linalg.svd(mouth.reshape(len(mouth), -1), full_matrices=False)
    syllables = left[:, :COMPONENTS] * (size[:COMPONENTS] > 1e-9 * size[:1])
    flat = others.reshape(len(others), -1)
    return (syllables @ (syllables.T @ flat)).reshape(others.shape)
