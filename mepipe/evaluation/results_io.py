"""Read the predictions.csv of an evaluation, beside its results.json.

Rows are joined by clip id and never by their order. A file may have been edited or
cut off since it was written, so it is checked; an error names the file and the line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mepipe.datasets.csv_tables import CsvError, read_csv
from mepipe.errors import UsageError
from mepipe.evaluation.results import COLUMNS, PROBABILITY, Predictions
from mepipe.evaluation.results_file import AGAIN, RESULTS, file_text, parsed_results, read_file
from mepipe.features.splits import LabelledClips

PREDICTIONS = "predictions.csv"
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_PROBABILITY = re.compile(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?")
# predictions.csv holds six digits.
_DIGIT = 1e-6


@dataclass(frozen=True)
class Saved:
    """An evaluation whose predictions can be compared.

    Parameters
    ----------
    predictions
        Clips sorted by id, seeds ascending.
    model, protocol
        As results.json names them.
    folder
        Where it was read from; None for a result in memory.
    line
        The first line of each clip in predictions.csv.
    chance
        What shuffled labels reach, if the results say so.
    """

    predictions: Predictions
    model: str
    protocol: str
    folder: Path | None = None
    line: Mapping[str, int] = field(default_factory=dict)
    chance: Mapping[str, Any] | None = None

    def place(self, clip: str | None = None, *, file: str = PREDICTIONS) -> str:
        """Return what messages call the file, and the line of ``clip`` in it."""
        if self.folder is None:
            return "a result in memory"
        line = f", line {1 if clip is None else self.line[clip]}" if file == PREDICTIONS else ""
        return f"{self.folder / file}{line}"


def read_saved(folder: Path) -> Saved:
    """Read the predictions of the evaluation in ``folder``.

    Raises
    ------
    UsageError
        If there are none, or a file was cut off or edited so that it no longer
        holds an evaluation: the message names the file and the line.
    """
    path = folder / PREDICTIONS
    data = {name: read_file(folder / name) for name in (RESULTS, PREDICTIONS)}
    content = parsed_results(folder / RESULTS, data[RESULTS])
    rows, classes = _rows(path, file_text(path, data[PREDICTIONS]))
    if content["classes"] != list(classes):
        raise UsageError(
            f"{path}, line 1: its classes are {', '.join(classes)}, and those of {RESULTS} "
            f"{', '.join(content['classes'])}",
            AGAIN,
        )
    predictions = _joined(path, rows, classes)
    _check_figures(path, predictions, content)
    # In reverse, so that the first line of a clip is the one that stays.
    line = {row.clip: row.line for row in reversed(rows)}
    return Saved(
        predictions, content["model"], content["protocol"], folder, line, content.get("chance")
    )


class _Row(NamedTuple):
    line: int
    clip: str
    facts: tuple[str, str, int]
    """Dataset, group and y, the same for every seed."""
    seed: int
    predicted: int
    probabilities: tuple[float, ...]


def _rows(path: Path, text: str) -> tuple[list[_Row], tuple[str, ...]]:
    """Return the rows of predictions.csv, and the names of the classes."""
    table, last = read_csv(text), 0
    try:
        _, header = next(table, (0, []))
        classes = tuple(name.removeprefix(PROBABILITY) for name in header[len(COLUMNS) :])
        wanted = [*COLUMNS, *(f"{PROBABILITY}{name}" for name in classes)]
        if header != wanted or not classes or len(set(classes)) < len(classes):
            raise UsageError(
                f"{path}, line 1: the columns are not {', '.join(COLUMNS)}, "
                f"{PROBABILITY}<class>, ...",
                "Give the predictions as mepipe wrote them, or evaluate again.",
            )
        rows = []
        for last, cells in table:
            rows.append(_row(path, last, cells, classes))
    except CsvError as error:
        raise UsageError(f"{path}, line {error.line}: {error}", AGAIN) from error
    if not rows or not text.endswith("\n"):
        raise UsageError(f"{path}, line {last or 1}: the file ends here, cut off", AGAIN)
    return rows, classes


def _row(path: Path, line: int, cells: list[str], classes: tuple[str, ...]) -> _Row:
    where, width = f"{path}, line {line}", len(COLUMNS) + len(classes)
    if len(cells) != width:
        raise UsageError(
            f"{where}: {len(cells)} cells instead of {width}, it may be cut off", AGAIN
        )
    texts = dict(zip(COLUMNS, cells[: len(COLUMNS)], strict=True))
    for name in ("clip", "group"):
        if not texts[name]:
            raise UsageError(f"{where}: no {name}", AGAIN)
    for name in ("seed", "y", "predicted"):
        if not _WHOLE.fullmatch(texts[name]):
            raise UsageError(f"{where}: {name} is {texts[name]!r}, no whole number", AGAIN)
    for name, label in (("y", "label"), ("predicted", "predicted_label")):
        if texts[label] not in classes or classes.index(texts[label]) != int(texts[name]):
            raise UsageError(
                f"{where}: {name} is {texts[name]} and its label {texts[label]!r}, but the "
                f"classes are {', '.join(f'{y} {one}' for y, one in enumerate(classes))}",
                AGAIN,
            )
    probabilities = []
    for cell in cells[len(COLUMNS) :]:
        if not _PROBABILITY.fullmatch(cell) or float(cell) > 1:
            raise UsageError(f"{where}: {cell!r} is not a probability", AGAIN)
        probabilities.append(float(cell))
    y, predicted = int(texts["y"]), int(texts["predicted"])
    if abs(sum(probabilities) - 1) > 1e-4 * len(classes):
        raise UsageError(f"{where}: the probabilities add up to {sum(probabilities):g}", AGAIN)
    if probabilities[predicted] < max(probabilities) - _DIGIT:
        raise UsageError(
            f"{where}: {classes[predicted]!r} is predicted, and another is more probable", AGAIN
        )
    facts = texts["dataset"], texts["group"], y
    return _Row(line, texts["clip"], facts, int(texts["seed"]), predicted, tuple(probabilities))


def _joined(path: Path, rows: list[_Row], classes: tuple[str, ...]) -> Predictions:
    """Return the predictions: each clip once for each seed, with the same facts."""
    first: dict[str, _Row] = {}
    found: dict[tuple[int, str], _Row] = {}
    for row in rows:
        earlier, twin = first.setdefault(row.clip, row), found.setdefault((row.seed, row.clip), row)
        if earlier.facts != row.facts:
            raise UsageError(
                f"{path}, line {row.line}: {row.clip} has another dataset, group or label than in "
                f"line {earlier.line}",
                AGAIN,
            )
        if twin is not row:
            raise UsageError(
                f"{path}, line {row.line}: {row.clip} with the seed {row.seed} stands in line "
                f"{twin.line} already",
                AGAIN,
            )
    seeds, clips = sorted({seed for seed, _ in found}), sorted(first)
    for key in product(seeds, clips):
        if key not in found:
            raise UsageError(
                f"{path}: no line for {key[1]} with the seed {key[0]}, which line "
                f"{first[key[1]].line} has with the seed {first[key[1]].seed}",
                AGAIN,
            )
    ordered = [found[key] for key in product(seeds, clips)]
    shape = len(seeds), len(clips)
    table = np.array([row.probabilities for row in ordered], dtype=np.float32).reshape(*shape, -1)
    predicted = np.array([row.predicted for row in ordered]).reshape(shape)
    # Rounding to six digits can tie two classes: the predicted one must stay the largest.
    tied = np.nonzero(table.argmax(axis=2) != predicted)
    table[(*tied, predicted[tied])] = np.nextafter(table.max(axis=2)[tied], np.float32(2))
    datasets, groups, y = zip(*(first[clip].facts for clip in clips), strict=True)
    labelled = LabelledClips(tuple(clips), datasets, groups, np.array(y, np.int64), classes)
    return Predictions(labelled, tuple(seeds), table)


def _check_figures(path: Path, predictions: Predictions, content: Mapping[str, Any]) -> None:
    """Raise UsageError if results.json has the figures of other predictions."""
    clips, total = len(predictions.clips), predictions.confusions().sum(axis=0).tolist()
    if content.get("clips", clips) != clips:
        raise UsageError(
            f"{path} has {clips} clips, and {RESULTS} says {content['clips']}: it was cut off or "
            "belongs to another evaluation",
            AGAIN,
        )
    if content.get("confusion", total) != total:
        raise UsageError(
            f"{path} gives another confusion matrix than {RESULTS}: one of the two was changed or "
            "belongs to another evaluation",
            AGAIN,
        )
