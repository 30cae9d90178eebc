"""The figures of scored events, as plain values: with intervals, errors and recognition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mepipe.errors import UsageError
from mepipe.evaluation.event_lists import EventList
from mepipe.evaluation.event_pairing import Together
from mepipe.evaluation.metrics import (
    FEWEST_SUBJECTS,
    Floats,
    Ints,
    accuracy,
    interval_note,
    macro_precision,
    uar,
)
from mepipe.evaluation.spotting_counts import (
    Recognition,
    Tally,
    draws,
    figures,
    interval,
    recognise,
    recognition_f1,
    tally,
)
from mepipe.evaluation.spotting_events import Event

GROUPS = ("all", "macro", "micro")
BOTH = "macro_and_micro"
"""The group that adds the counts of both kinds, as the baseline of MEGC 2020 does in total."""
FIGURES = ("precision", "recall", "f1")


def spotting_content(
    sides: tuple[EventList, EventList],
    together: Together,
    tallies: Mapping[str, Tally],
    *,
    rule: str,
    threshold: float,
    classes: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return everything that spotting.json holds (docs/reference/json.md has its keys)."""
    truth, predicted = sides
    units = list(dict.fromkeys(one.unit for one in together.pairings))
    unit = "subject" if together.by_subject else "recording"
    times = draws(len(units), resamples, seed) if len(units) >= FEWEST_SUBJECTS else None
    notes = [*truth.notes, *predicted.notes, *together.notes]
    counted = [event for one in together.pairings for event in one.truth.events]
    found = [event for one in together.pairings for event in one.predicted.events]
    named = _classes(counted, found, classes, notes)
    both = {
        unit: sum(
            (
                tallies[name].by_unit[unit]
                for name in ("macro", "micro")
                if unit in tallies[name].by_unit
            ),
            start=np.zeros(3, dtype=np.int64),
        )
        for unit in units
    }
    return {
        "rule": rule,
        "iou": threshold,
        "recordings": {
            "truth": len(truth.recordings),
            "predicted": len(predicted.recordings),
            "both": together.both,
        },
        "events": {"truth": len(counted), "predicted": len(found)},
        **{name: _counts(np.array(tallies[name].counts)) for name in GROUPS},
        BOTH: _counts(sum(both.values(), start=np.zeros(3, dtype=np.int64))),
        "ci": {
            **{name: _intervals(tallies[name].by_unit, units, times) for name in GROUPS},
            BOTH: _intervals(both, units, times),
        },
        "ci_note": interval_note(len(units), unit) or None,
        "errors_ms": {name: _apart(tallies[name]) for name in GROUPS},
        "recognition": None
        if not named
        else {
            "classes": list(named),
            **{
                name: _recognition(tallies[name], named, units, times, script=rule != "megc")
                for name in GROUPS
            },
        },
        "unit": unit,
        "units": len(units),
        "resamples": resamples,
        "seed": seed,
        "notes": notes,
    }


def tallies_of(together: Together, rule: str, threshold: float) -> dict[str, Tally]:
    """Return what becomes of the events, for all, macro and micro."""
    return {name: tally(together.pairings, name, rule, threshold) for name in GROUPS}


def _classes(
    truth: Sequence[Event],
    predicted: Sequence[Event],
    classes: Sequence[str] | None,
    notes: list[str],
) -> tuple[str, ...]:
    """Return the classes that recognition is scored on; none if it is not."""
    known = sorted({one.emotion for one in truth} - {""})
    given = sorted({one.emotion for one in predicted} - {""})
    if classes is not None:
        missing = [name for name in classes if name not in known]
        if missing:
            raise UsageError(
                f"no true event is of the class {', '.join(missing)}",
                f"The truth has: {', '.join(known) or 'no classes'}.",
            )
        known = sorted(set(classes))
    if not known or not given:
        return ()
    if not set(known) & set(given):
        notes.append(
            f"the classes of the truth ({', '.join(known)}) and of the predictions "
            f"({', '.join(given)}) have none in common: recognition is not scored"
        )
        return ()
    return tuple(known)


def _counts(counts: Ints) -> dict[str, Any]:
    return {
        **dict(zip(("tp", "fp", "fn"), map(int, counts), strict=True)),
        **{name: _plain(one) for name, one in zip(FIGURES, figures(counts), strict=True)},
    }


def _plain(value: Floats | float) -> float | None:
    number = float(value)
    return None if np.isnan(number) else number


def _intervals(
    by_unit: Mapping[str, Ints], units: Sequence[str], times: Ints | None
) -> dict[str, Any]:
    if times is None:
        return dict.fromkeys(FIGURES)
    nothing = np.zeros(3, dtype=np.int64)
    drawn = times @ np.array([by_unit.get(unit, nothing) for unit in units])
    return {name: _listed(interval(one)) for name, one in zip(FIGURES, figures(drawn), strict=True)}


def _listed(low_high: tuple[float, float] | None) -> list[float] | None:
    return None if low_high is None else list(low_high)


def _apart(tally: Tally) -> dict[str, float | None]:
    found = {}
    for name in ("onset", "apex", "offset"):
        known = [ms for hit in tally.hits if (ms := getattr(hit, f"{name}_ms")) is not None]
        found[name] = float(np.median(known)) if known else None
    return found


def _recognition(
    tally: Tally, classes: Sequence[str], units: Sequence[str], times: Ints | None, *, script: bool
) -> dict[str, Any]:
    known = recognise(tally.hits, classes)
    matrix = known.matrix
    f1 = recognition_f1(matrix, script=script)
    spotted = figures(np.array(tally.counts))[2]
    return {
        "events": int(matrix.sum()),
        "left_out": known.left_out,
        "strs": _plain(_strs(spotted, f1)),
        "f1": _plain(f1),
        "uf1": _plain(recognition_f1(matrix, script=False)),
        "uar": _plain(uar(matrix)),
        "macro_precision": _plain(macro_precision(matrix)),
        "accuracy": _plain(accuracy(matrix)),
        "confusion": matrix.tolist(),
        "ci": _recognition_intervals(tally, known, units, times, script=script),
    }


def _strs(spotted: Floats, recognised: Floats) -> Floats:
    """Return the product; where nothing was spotted there is nothing to recognise, and it is 0."""
    return np.where(spotted == 0, 0.0, spotted * recognised)


def _recognition_intervals(
    tally: Tally, known: Recognition, units: Sequence[str], times: Ints | None, *, script: bool
) -> dict[str, Any]:
    if times is None:
        return {"strs": None, "f1": None}
    empty, nothing = np.zeros_like(known.matrix), np.zeros(3, dtype=np.int64)
    matrices = np.array([known.matrices.get(unit, empty) for unit in units])
    pooled = (times @ matrices.reshape(len(units), -1)).reshape(-1, *empty.shape)
    counts = times @ np.array([tally.by_unit.get(unit, nothing) for unit in units])
    f1 = recognition_f1(pooled, script=script)
    return {
        "strs": _listed(interval(_strs(figures(counts)[2], f1))),
        "f1": _listed(interval(f1)),
    }
