"""Bring several evaluations to the same clips, or say why they cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mepipe.errors import UsageError
from mepipe.evaluation.results import Predictions
from mepipe.evaluation.results_file import RESULTS
from mepipe.evaluation.results_io import Saved
from mepipe.schema import NOTHING_TRAINED


def aligned(saved: Mapping[str, Saved], *, common: bool = False) -> dict[str, Predictions]:
    """Return the predictions of each evaluation for the same clips, sorted by id.

    Parameters
    ----------
    saved
        Evaluations by the name of the model.
    common
        If the evaluations hold different clips, take those that all of them have.

    Raises
    ------
    UsageError
        If they differ in protocol (a saved model, for which nothing was trained, may stand
        beside any), classes, or the label, group or dataset of a clip. If their clips differ,
        unless ``common``. If they have fewer than two persons in common.
    """
    (first, one), *others = saved.items()
    for name, other in others:
        # A model that was trained on none of the clips can stand beside any other.
        if other.protocol != one.protocol and NOTHING_TRAINED not in (one.protocol, other.protocol):
            raise UsageError(
                f"{first} was evaluated by {one.protocol} ({one.place(file=RESULTS)}) and {name} "
                f"by {other.protocol} ({other.place(file=RESULTS)})",
                "Evaluate both by the same protocol.",
            )
        if other.predictions.clips.classes != one.predictions.clips.classes:
            raise UsageError(
                f"the classes of {first} are {', '.join(one.predictions.clips.classes)} "
                f"({one.place()}), and those of {name} "
                f"{', '.join(other.predictions.clips.classes)} ({other.place()})",
                "Evaluate both on features with the same classes.",
            )
        _check_same_facts(one, other)
        if not common:
            _check_same_clips((first, one), (name, other))
    shared = set.intersection(*(set(one.predictions.clips.clip) for one in saved.values()))
    out = {name: _only(one.predictions, shared) for name, one in saved.items()}
    persons = {group for predictions in out.values() for group in predictions.clips.group}
    if len(persons) < 2:
        raise UsageError(
            f"{', '.join(saved)} have {len(shared)} clip(s) of {len(persons)} person(s) in common, "
            "and a comparison needs two persons",
            "Evaluate them on the same clips, of several people.",
        )
    return out


def _check_same_facts(one: Saved, other: Saved) -> None:
    """Raise UsageError if a clip has another label, group or dataset in ``other``."""
    a, b = one.predictions.clips, other.predictions.clips
    row_in_b = {clip: row for row, clip in enumerate(b.clip)}
    for row, clip in enumerate(a.clip):
        if clip not in row_in_b:
            continue
        twin = row_in_b[clip]
        for what, first, second in (
            ("label", a.classes[a.y[row]], b.classes[b.y[twin]]),
            ("group", a.group[row], b.group[twin]),
            ("dataset", a.dataset[row], b.dataset[twin]),
        ):
            if first != second:
                raise UsageError(
                    f"{clip} has the {what} {first!r} in {one.place(clip)}, and {second!r} in "
                    f"{other.place(clip)}",
                    "Evaluate both on features with the same labels.",
                )


def _check_same_clips(first: tuple[str, Saved], second: tuple[str, Saved]) -> None:
    sets = [set(saved.predictions.clips.clip) for _, saved in (first, second)]
    if sets[0] == sets[1]:
        return
    only = [sorted(sets[0] - sets[1]), sorted(sets[1] - sets[0])]
    parts = [
        f"{len(clips)} only in {saved.folder or name} ({_some(clips)})"
        for clips, (name, saved) in zip(only, (first, second), strict=True)
        if clips
    ]
    common = ", or compare over the clips in common: --common" if sets[0] & sets[1] else ""
    raise UsageError(
        f"{first[0]} and {second[0]} predicted different clips: {len(sets[0] & sets[1])} in "
        f"common, {' and '.join(parts)}",
        f"Evaluate both on the same features{common}.",
    )


def _some(clips: Sequence[str]) -> str:
    return ", ".join(clips[:3]) + (", ..." if len(clips) > 3 else "")


def _only(predictions: Predictions, clips: set[str]) -> Predictions:
    rows = [row for row, clip in enumerate(predictions.clips.clip) if clip in clips]
    return Predictions(
        predictions.clips.rows(rows), predictions.seeds, predictions.probabilities[:, rows]
    )
