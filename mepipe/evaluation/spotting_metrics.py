"""Scores of spotting: events that were found in recordings, against those that are true.

These are the rules of MEGC, the Facial Micro-Expression Grand Challenge (Li et al., "MEGC2020
- the Third Facial Micro-Expression Grand Challenge", and He et al., "Spotting macro- and
micro-expression intervals in long video sequences", both FG 2020). A predicted interval
whose intersection over union with a true one is at least 0.5 is a true positive. Counts are
pooled over all recordings before precision, recall and F1 are computed. An expression of at
most 0.5 s is micro. A prediction is right for one truth at most, and recordings without
truth or without predictions count.

>>> from mepipe.evaluation.spotting_metrics import Event, score
>>> truth = [Event("a", 10, 19, fps=30), Event("a", 60, 119, fps=30), Event("b", 5, 14, fps=30)]
>>> found = [Event("a", 12, 21, fps=30), Event("c", 5, 14, fps=30)]
>>> result = score(truth, found)
>>> result.all
{'tp': 1, 'fp': 1, 'fn': 2, 'precision': 0.5, 'recall': 0.3333333333333333, 'f1': 0.4}
>>> result.micro["fn"], result.macro["fn"]
(1, 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mepipe.errors import UsageError, suggest
from mepipe.evaluation.event_lists import EventList, event_list
from mepipe.evaluation.event_pairing import bring_together
from mepipe.evaluation.spotting_events import IOU, Event, iou, kind_of, match
from mepipe.evaluation.spotting_figures import spotting_content, tallies_of
from mepipe.evaluation.spotting_result import SpottingResult
from mepipe.plausible import RATES, is_rate
from mepipe.schema import SPOTTING_RULES

__all__ = [
    "Event",
    "EventList",
    "SpottingResult",
    "iou",
    "kind_of",
    "match",
    "read_events",
    "score",
]

RESAMPLES = 10_000


def read_events(path: str | Path, *, numbers: bool = False) -> EventList:
    """Read events from a table, the output folder of `mepipe spot`, or a dataset.

    Parameters
    ----------
    path
        A table (.csv with ``,`` ``;`` or tab, .xlsx), a folder with events.csv, or a
        dataset with annotated onsets and offsets (``[NAME=]PATH``). A table has the
        columns recording, onset and offset; fps, kind, apex, subject and emotion (or
        label) are optional. A row with a recording and no onset and offset says that
        the recording has no events.
    numbers
        Read the dataset's own frame numbers (columns onset_number, apex_number,
        offset_number), not positions from 0.

    Raises
    ------
    UsageError
        If there is nothing to read, or a cell cannot be right: the message names the
        file, the row and the column.

    Examples
    --------
    >>> _ = Path("events.csv").write_text("recording;onset;offset;fps\\na;10;19;30\\nb;;;30\\n")
    >>> found = read_events("events.csv")
    >>> len(found.events), list(found.recordings)
    (1, ['a', 'b'])
    """
    from mepipe.evaluation.event_files import read

    return read(str(path), numbers=numbers)


def score(
    truth: str | Path | EventList | Iterable[Event],
    predicted: str | Path | EventList | Iterable[Event],
    *,
    rule: str = "megc",
    threshold: float = IOU,
    fps: float | None = None,
    classes: Sequence[str] | None = None,
    numbers: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SpottingResult:
    """Score predicted events against true ones, as ``mepipe evaluate-events`` does.

    Parameters
    ----------
    truth, predicted
        `Event` objects, what `read_events` returned, or a path for it.
    rule
        ``megc``, or ``strs-script`` to count as the public script of STRS does, for
        comparison: one prediction may be two true positives, recordings without truth and
        persons without predictions are skipped.
    threshold
        The least intersection over union of a true positive, above 0 and at most 1.
    fps
        Frames per second of recordings of which no file states them.
    classes
        The classes that recognition is scored on; the others are left out. None: all
        that the truth has.
    numbers
        As for `read_events`.
    resamples, seed
        Of the bootstrap over subjects (over recordings if no subject is known). Of fewer
        than 8 there are no intervals.

    Returns
    -------
    SpottingResult
        Counts and figures in all, of macro and of micro, and what became of each event.

    Raises
    ------
    UsageError
        If a file cannot be read (`read_events`), the two have no recording in common,
        rates are needed and unknown, or an option is impossible.

    Examples
    --------
    >>> truth = [Event("a", 0, 9), Event("a", 10, 19)]
    >>> found = [Event("a", 0, 19)]
    >>> score(truth, found, fps=30).all["tp"]
    1
    >>> score(truth, found, fps=30, rule="strs-script").all["tp"]  # one prediction, two truths
    2
    """
    if rule not in SPOTTING_RULES:
        raise UsageError(
            f"there is no rule {rule!r}{suggest(rule, SPOTTING_RULES)}",
            f"Known are: {', '.join(SPOTTING_RULES)}.",
        )
    if not 0 < threshold <= 1:
        raise UsageError(f"the threshold {threshold:g}", "Give one above 0 and at most 1.")
    if fps is not None and not is_rate(fps):
        raise UsageError(f"{fps:g} frames per second", f"Give a rate of {RATES}.")
    if resamples < 1:
        raise UsageError(f"{resamples} resamples", "Give 1 or more.")
    if classes is not None:
        from mepipe.datasets.emotions import normalise

        classes = [normalise(name) for name in classes]
    sides = (
        _as_list(truth, "the truth", numbers=numbers),
        _as_list(predicted, "the predictions", numbers=numbers),
    )
    together = bring_together(*sides, fps)
    tallies = tallies_of(together, rule, threshold)
    content = spotting_content(
        sides,
        together,
        tallies,
        rule=rule,
        threshold=threshold,
        classes=classes,
        resamples=resamples,
        seed=seed,
    )
    return SpottingResult(content, tallies)


def _as_list(
    given: str | Path | EventList | Iterable[Event], name: str, *, numbers: bool
) -> EventList:
    if isinstance(given, str | Path):
        return read_events(given, numbers=numbers)
    return given if isinstance(given, EventList) else event_list(name, given)
