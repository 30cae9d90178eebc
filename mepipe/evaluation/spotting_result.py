"""The result of scoring events: figures as plain values, tables, and files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mepipe.cache.keys import sha256_text
from mepipe.cache.manifest import Manifest
from mepipe.datasets.csv_tables import Cell, csv_text, encoded
from mepipe.evaluation.spotting_counts import Tally
from mepipe.evaluation.spotting_events import Event
from mepipe.evaluation.spotting_figures import BOTH, FIGURES, GROUPS

if TYPE_CHECKING:
    import pandas as pd

FILES = ("spotting.json", "spotting.md", "events_scored.csv")
COLUMNS = ("outcome", "recording", "kind", "onset", "offset", "predicted_onset", "predicted_offset",
           "iou", "emotion", "predicted_emotion")  # fmt: skip
# What became of an event: tp, fp or fn, the truth, the prediction, their overlap.
_Outcome = tuple[str, Event | None, Event | None, float | None]


@dataclass(frozen=True, repr=False)
class SpottingResult:
    """Counts and figures of spotted events.

    Parameters
    ----------
    content
        Everything that spotting.json holds.
    tallies
        What became of each event, for ``all``, ``macro`` and ``micro``.
    """

    content: Mapping[str, Any] = field(repr=False)
    tallies: Mapping[str, Tally] = field(repr=False)

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {text(self.content[name]['f1'])}" for name in GROUPS)
        return f"<SpottingResult F1: {told}>"

    @property
    def all(self) -> Mapping[str, Any]:
        """``tp``, ``fp``, ``fn``, ``precision``, ``recall``, ``f1`` of all events."""
        return self._group("all")

    @property
    def macro(self) -> Mapping[str, Any]:
        """The same of macro-expressions."""
        return self._group("macro")

    @property
    def micro(self) -> Mapping[str, Any]:
        """The same of micro-expressions."""
        return self._group("micro")

    @property
    def strs(self) -> float | None:
        """The spot-then-recognise score of all events; None without classes."""
        recognition = self.content["recognition"]
        return None if recognition is None else recognition["all"]["strs"]

    @property
    def notes(self) -> Sequence[str]:
        """What there is to say of the input."""
        notes: Sequence[str] = self.content["notes"]
        return notes

    def _group(self, name: str) -> Mapping[str, Any]:
        group: Mapping[str, Any] = self.content[name]
        return group

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each event: what became of it (tp, fp, fn), and of a pair its overlap."""
        import pandas as pd

        return pd.DataFrame(list(self._rows()), columns=list(COLUMNS))

    def _rows(self) -> Iterator[tuple[Cell, ...]]:
        # The kind is that by which the event was counted, stated or by its length.
        kinds = {
            id(event): name
            for name in ("macro", "micro")
            for one in (self.tallies[name],)
            for event in (
                *one.missed,
                *one.false,
                *(side for hit in one.hits for side in (hit.truth, hit.predicted)),
            )
        }
        tally = self.tallies["all"]
        rows: list[_Outcome] = [("tp", hit.truth, hit.predicted, hit.iou) for hit in tally.hits]
        rows += [("fn", event, None, None) for event in tally.missed]
        rows += [("fp", None, event, None) for event in tally.false]
        rows.sort(key=lambda row: (_first(row).recording, _first(row).onset, row[0]))
        for row in rows:
            outcome, truth, found, overlap = row
            yield (
                outcome,
                _first(row).recording,
                kinds.get(id(truth or found), ""),
                *((truth.onset, truth.offset) if truth else ("", "")),
                *((found.onset, found.offset) if found else ("", "")),
                "" if overlap is None else round(overlap, 4),
                truth.emotion if truth else "",
                found.emotion if found else "",
            )

    def markdown(self) -> str:
        """Return the figures as tables in Markdown."""
        header, rows = figure_rows(self.content)
        lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        told = [*sentences(self.content), *(f"Note: {note}." for note in self.notes)]
        return "\n".join([*lines, "", *(f"{line}\n" for line in told)])

    def write(self, out: str | Path) -> None:
        """Write spotting.json, spotting.md and events_scored.csv to the folder ``out``.

        Raises
        ------
        UsageError
            If one of them is there and mepipe did not write it.
        SystemProblemError
            If the folder cannot be written.
        """
        whole = json.dumps({"schema": 1, **self.content}, indent=1, ensure_ascii=False) + "\n"
        table = csv_text(COLUMNS, self._rows())
        manifest = Manifest(Path(out))
        manifest.claim(FILES)
        pages = (whole, self.markdown(), table)
        for file, page in zip(FILES, pages, strict=True):
            manifest.write_if_stale(file, sha256_text(page), encoded(page))


def _first(row: _Outcome) -> Event:
    event = row[1] or row[2]
    assert event is not None  # no row is without both
    return event


def text(figure: float | None) -> str:
    """Return a figure for a table; a dash if it is unknown."""
    return "–" if figure is None else f"{figure:.3f}"


def figure_rows(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table of figures."""
    header = ["", "TP", "FP", "FN", "precision", "recall", "F1", "F1 95 %"]
    rows = []
    for name in (*GROUPS, BOTH):
        group, low_high = content[name], content["ci"][name]["f1"]
        rows.append([
            name.replace("_and_", " + "), str(group["tp"]), str(group["fp"]), str(group["fn"]),
            *(text(group[key]) for key in FIGURES),
            "–" if low_high is None else f"{low_high[0]:.3f} to {low_high[1]:.3f}",
        ])  # fmt: skip
    return header, rows


def sentences(content: Mapping[str, Any]) -> list[str]:
    """Return what is said under the table of figures."""
    recordings = content["recordings"]
    told = [
        f"Rule {content['rule']}, intersection over union at least {content['iou']:g}. "
        f"{content['events']['truth']} true and {content['events']['predicted']} predicted events; "
        f"{recordings['truth']} recordings of the truth, {recordings['predicted']} of the "
        f"predictions, {recordings['both']} in both."
    ]
    if content["ci"]["all"]["f1"] is not None:
        told[0] += (
            f" Intervals: {content['resamples']} resamples of {content['units']} "
            f"{content['unit']}s."
        )
    if content["ci_note"] is not None:
        told.append(f"{content['ci_note'][0].upper()}{content['ci_note'][1:]}.")
    apart = content["errors_ms"]["all"]
    if apart["onset"] is not None:
        told.append(
            "Of the true positives, in the median: "
            + ", ".join(f"{name} {ms:.0f} ms off" for name, ms in apart.items() if ms is not None)
            + "."
        )
    if content["recognition"] is not None:
        one = content["recognition"]["all"]
        told.append(
            f"Spot, then recognise: STRS {text(one['strs'])} = F1 {text(content['all']['f1'])} x "
            f"{text(one['f1'])} of recognition on {one['events']} true positives "
            f"(UF1 {text(one['uf1'])}, UAR {text(one['uar'])}, accuracy {text(one['accuracy'])})."
        )
    return told
