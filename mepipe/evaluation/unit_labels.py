"""Which clips and which action units an evaluation of action units takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.features import Features
from mepipe.features.splits import LabelledClips

LEAST_CLIPS = 10
"""A unit with fewer clips is left out, unless the user names it."""
LEAST_SUBJECTS = 5
"""A unit whose clips are of fewer persons is left out, unless the user names it."""

MEB_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
"""The action units of Varanka, Li, Peng and Zhao, "Data Leakage and Evaluation Issues in
Micro-Expression Analysis" (IEEE T-AFFC 15, 2024), for the six datasets of their protocol."""

BY_RULE = "auto"
NAMED_LISTS = {BY_RULE: (), "meb": MEB_UNITS}

_NEUTRAL = 0  # FACS writes 0 for a face without any unit
_REMEDY = (
    "CASME, CASME II, CAS(ME)^3, SAMM, MMEW, DFME and 4DME have sheets with action units, SMIC has "
    "none; in a folder of your own they are the column au of labels.csv."
)


def parse_units(text: str) -> tuple[int, ...]:
    """Return the numbers of the units that ``text`` names; none for ``auto``: the rule decides.

    Raises
    ------
    UsageError
        If it is neither ``auto``, ``meb`` nor numbers with commas between them.

    Examples
    --------
    >>> parse_units("4,AU12"), parse_units("auto"), parse_units("meb") == MEB_UNITS
    ((4, 12), (), True)
    """
    if text in NAMED_LISTS:
        return NAMED_LISTS[text]
    parts = [part.strip().upper().removeprefix("AU") for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 100 for part in parts):
        raise UsageError(
            f"{text!r} names no action units",
            "Give numbers with commas, for example 4,7,12; meb; or auto.",
        )
    return tuple(sorted({int(part) for part in parts}))


@dataclass(frozen=True)
class UnitCount:
    """In how many clips an action unit is, and of how many persons."""

    unit: int
    clips: int
    subjects: int


@dataclass(frozen=True)
class UnitClips:
    """Clips whose action units and persons are known, and the units that are evaluated.

    Parameters
    ----------
    clips
        Sorted by id. ``y`` is the rarest evaluated unit of a clip, 0 for a clip without any:
        that is what `kfold` spreads evenly.
    units
        The numbers of the U units, ascending.
    has
        (N, U) whether a clip has a unit, on either side and at any intensity.
    counts
        Of each of ``units``.
    left_out
        The units that are not evaluated, and why.
    uncoded, unknown_person
        Ids of clips that are left out: their units, or their person, are not known.
    """

    clips: LabelledClips
    units: tuple[int, ...]
    has: NDArray[np.bool_]
    counts: tuple[UnitCount, ...]
    left_out: tuple[tuple[UnitCount, str], ...]
    uncoded: tuple[str, ...]
    unknown_person: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """``AU4`` and so on, in the order of ``units``."""
        return tuple(f"AU{unit}" for unit in self.units)


def unit_clips(features: Features, chosen: LabelledClips, named: Sequence[int] = ()) -> UnitClips:
    """Return the clips and action units to evaluate.

    An empty cell in a sheet says that nobody coded the clip, and not that it has no unit:
    such a clip is left out. The cell 0 (in FACS, a neutral face) says that it has none.

    Parameters
    ----------
    features
        With the column ``au_units``.
    chosen
        Those of their clips that may be used.
    named
        The units to evaluate. None: all that at least `LEAST_CLIPS` clips of at least
        `LEAST_SUBJECTS` persons have. No prediction plays a role in the choice.

    Raises
    ------
    UsageError
        If no clip has action units and a known person, or no unit is left.
    """
    table = {int(name.removeprefix("AU")): has for name, has in features.action_units.items()}
    row_of = {str(clip): row for row, clip in enumerate(features.clip)}
    order = sorted(range(len(chosen)), key=lambda number: chosen.clip[number])
    rows = np.array([row_of[chosen.clip[number]] for number in order], dtype=np.intp)
    every = np.array([has[rows] for has in table.values()]).reshape(len(table), len(rows)).T
    coded = ~np.isnan(every).all(axis=1) if table else np.zeros(len(rows), dtype=np.bool_)
    if not coded.any():
        raise UsageError(f"no clip of {features.name} has action units", _REMEDY)
    people = np.array([chosen.group[number] for number in order])
    keep = coded & (people != "")
    if not keep.any():
        raise UsageError(
            "no clip has both action units and a known subject",
            "Name the subjects (in a generic folder: labels.csv, column subject).",
        )
    has, people = every[keep] == 1, people[keep]
    counts = {
        unit: UnitCount(unit, int(has[:, number].sum()), len(set(people[has[:, number]])))
        for number, unit in enumerate(table)
        if unit != _NEUTRAL
    }
    units = _choose(counts, named)
    matrix = has[:, [list(table).index(unit) for unit in units]]
    kept = chosen.rows([number for number, own in zip(order, keep, strict=True) if own])
    ids = np.array([chosen.clip[number] for number in order])
    return UnitClips(
        LabelledClips(
            kept.clip,
            kept.dataset,
            kept.group,
            _rarest(matrix),
            ("none of the units", *(f"AU{unit}" for unit in units)),
        ),
        units,
        matrix,
        tuple(counts[unit] for unit in units),
        tuple(_left_out(counts, units, named)),
        tuple(ids[~coded].tolist()),
        tuple(ids[coded & ~keep].tolist()),
    )


def _choose(counts: dict[int, UnitCount], named: Sequence[int]) -> tuple[int, ...]:
    present = [one for one in counts.values() if one.clips]
    if named:
        units = [one.unit for one in present if one.unit in named]
        if not units:
            raise UsageError(
                f"no clip has one of the units {', '.join(map(str, named))}",
                f"There are {', '.join(str(one.unit) for one in present) or 'none'}.",
            )
        return tuple(sorted(units))
    enough = [
        one.unit for one in present if one.clips >= LEAST_CLIPS and one.subjects >= LEAST_SUBJECTS
    ]
    if not enough:
        most = max(present, key=lambda one: (one.clips, one.subjects), default=None)
        found = f": AU{most.unit} is in {most.clips} of {most.subjects} subjects" if most else ""
        raise UsageError(
            f"no action unit is in {LEAST_CLIPS} clips of {LEAST_SUBJECTS} subjects{found}",
            "Add clips, or name the units to evaluate all the same: --units 4,12.",
        )
    return tuple(sorted(enough))


def _left_out(
    counts: dict[int, UnitCount], units: Sequence[int], named: Sequence[int]
) -> list[tuple[UnitCount, str]]:
    """Return the units that are in some clips, or were named, and are not evaluated; and why."""
    found = {one.unit: one for one in counts.values() if one.clips}
    asked = {unit: UnitCount(unit, 0, 0) for unit in named}
    few = f"fewer than {LEAST_CLIPS} clips or {LEAST_SUBJECTS} subjects"
    why = "not named" if named else few
    return [
        (one, why if one.clips else "no clip has it")
        for unit, one in sorted({**asked, **found}.items())
        if unit not in units
    ]


def _rarest(has: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return 1 + the column of the rarest unit of each clip (N,), 0 where it has none."""
    rare_first = np.argsort(has.sum(axis=0), kind="stable")
    first = np.argmax(has[:, rare_first], axis=1)
    return np.where(has.any(axis=1), 1 + rare_first[first], 0).astype(np.int64)
