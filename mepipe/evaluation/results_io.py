"""Reading back what an evaluation left in its folder: predictions.csv and results.json.

Rows are joined by clip id and never by their order. A file that was cut off or
changed by hand is refused, with its line: a figure from it would be nobody's.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mepipe.errors import UsageError
from mepipe.evaluation.results import COLUMNS, PROBABILITY, Predictions
from mepipe.features.splits import LabelledClips

PREDICTIONS = "predictions.csv"
RESULTS = "results.json"
_NUMBER = re.compile(r"-?[0-9]{1,18}")
# predictions.csv holds six digits.
_DIGIT = 1e-6
_AGAIN = "Evaluate again to write it anew."


@dataclass(frozen=True)
class Saved:
    """An evaluation that was read back.

    Parameters
    ----------
    folder
        Where it lies.
    predictions
        Clips sorted by id, seeds ascending.
    model, protocol
        As results.json names them.
    line
        The line of predictions.csv where a clip stands first.
    """

    folder: Path
    predictions: Predictions
    model: str
    protocol: str
    line: Mapping[str, int]

    @property
    def table(self) -> Path:
        """Return the path of its predictions.csv."""
        return self.folder / PREDICTIONS


class _Clip(NamedTuple):
    clip: str
    dataset: str
    group: str
    y: int


class _Row(NamedTuple):
    line: int
    clip: _Clip
    seed: int
    predicted: int
    probabilities: tuple[float, ...]


def read_saved(folder: Path) -> Saved:
    """Read the predictions of the evaluation in ``folder``.

    Raises
    ------
    UsageError
        If there are none, or a file was cut off or changed by hand: it names
        the file, the line and the way out.
    """
    path, notes = folder / PREDICTIONS, folder / RESULTS
    content = _results(notes, _text(notes))
    rows, classes = _rows(path, _text(path))
    if list(content["classes"]) != list(classes):
        raise UsageError(
            f"{path}, line 1: its classes are {', '.join(classes)}, and those of {RESULTS} "
            f"{', '.join(map(str, content['classes']))}",
            _AGAIN,
        )
    predictions, line = _joined(path, rows, classes)
    _agree(path, predictions, content)
    return Saved(folder, predictions, content["model"], content["protocol"], line)


def aligned(saved: Mapping[str, Saved], *, common: bool = False) -> dict[str, Predictions]:
    """Return the predictions of each evaluation for the same clips, sorted by id.

    Parameters
    ----------
    saved
        By the name of the model.
    common
        Where they hold different clips, take those that all of them have.

    Raises
    ------
    UsageError
        If they differ in protocol, classes or what they say of a clip; in their
        clips, unless ``common``; or have no two persons in common.
    """
    (first, one), *others = saved.items()
    for name, other in others:
        if other.protocol != one.protocol:
            raise UsageError(
                f"{first} was evaluated by {one.protocol} ({one.folder / RESULTS}) and {name} by "
                f"{other.protocol} ({other.folder / RESULTS})",
                "Evaluate both by the same protocol.",
            )
        if other.predictions.clips.classes != one.predictions.clips.classes:
            raise UsageError(
                f"the classes of {first} are {', '.join(one.predictions.clips.classes)} "
                f"({one.table}, line 1), and those of {name} "
                f"{', '.join(other.predictions.clips.classes)} ({other.table}, line 1)",
                "Evaluate both on features with the same classes.",
            )
        _same_facts(one, other)
        if not common:
            _same_clips((first, one), (name, other))
    shared = set.intersection(*(set(one.predictions.clips.clip) for one in saved.values()))
    out = {name: _only(one.predictions, shared) for name, one in saved.items()}
    persons = {group for two in out.values() for group in two.clips.group}
    if len(persons) < 2:
        raise UsageError(
            f"{', '.join(saved)} have {len(shared)} clip(s) of {len(persons)} person(s) in common, "
            "and a comparison needs two persons",
            "Evaluate them on the same clips, of several people.",
        )
    return out


def _text(path: Path) -> str:
    if path.parent.is_file():
        raise UsageError(f"{path.parent} is a file", f"Give its folder: {path.parent.parent}")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"there is no {path}",
            "Give a folder that `mepipe evaluate` or `mepipe run` wrote results to.",
        ) from None
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", "Give a folder of results."
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: this is not UTF-8", _AGAIN) from error


def _results(path: Path, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{path}{line}: this is not JSON, it may be cut off", _AGAIN) from error
    kinds = {"model": str, "protocol": str, "classes": list}
    for name, kind in kinds.items():
        if not isinstance(content, dict) or not isinstance(content.get(name), kind):
            raise UsageError(f"{path} does not say the {name} of an evaluation", _AGAIN)
    return dict(content)


def _rows(path: Path, text: str) -> tuple[list[_Row], tuple[str, ...]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[_Row] = []
    try:
        header = next(reader, [])
        classes = _classes(path, header)
        rows.extend(
            _row(f"{path}, line {reader.line_num}", reader.line_num, cells, classes)
            for cells in reader
        )
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: {error}", _AGAIN) from error
    if not rows or not text.endswith("\n"):
        raise UsageError(f"{path}, line {reader.line_num}: the file ends here, cut off", _AGAIN)
    return rows, classes


def _classes(path: Path, header: list[str]) -> tuple[str, ...]:
    given = len(COLUMNS)
    classes = tuple(name.removeprefix(PROBABILITY) for name in header[given:])
    wanted = [*COLUMNS, *(f"{PROBABILITY}{name}" for name in classes)]
    if header != wanted or not classes or len(set(classes)) < len(classes):
        raise UsageError(
            f"{path}, line 1: the columns are not {', '.join(COLUMNS)}, {PROBABILITY}<class>, ...",
            "Give the predictions as mepipe wrote them, or evaluate again.",
        )
    return classes


def _row(where: str, line: int, cells: list[str], classes: Sequence[str]) -> _Row:
    width = len(COLUMNS) + len(classes)
    if len(cells) != width:
        raise UsageError(
            f"{where}: {len(cells)} cells instead of {width}, it may be cut off", _AGAIN
        )
    clip, dataset, group, *middle = cells[: len(COLUMNS)]
    seed, y, label, predicted, answer = middle
    if not clip or not group:
        raise UsageError(f"{where}: no {'group' if clip else 'clip'}", _AGAIN)
    for name, cell in (("seed", seed), ("y", y), ("predicted", predicted)):
        if not _NUMBER.fullmatch(cell):
            raise UsageError(f"{where}: {name} is {cell!r}, no whole number", _AGAIN)
    for name, cell, word in (("y", y, label), ("predicted", predicted, answer)):
        if not 0 <= int(cell) < len(classes) or classes[int(cell)] != word:
            raise UsageError(
                f"{where}: {name} is {cell} and its label {word!r}, but the classes are "
                f"{', '.join(f'{number} {one}' for number, one in enumerate(classes))}",
                _AGAIN,
            )
    probabilities = tuple(_number(where, cell) for cell in cells[len(COLUMNS) :])
    if abs(sum(probabilities) - 1) > 1e-4 * len(classes):
        raise UsageError(f"{where}: the probabilities add up to {sum(probabilities):g}", _AGAIN)
    if probabilities[int(predicted)] < max(probabilities) - _DIGIT:
        raise UsageError(f"{where}: {answer!r} is predicted, and another is more probable", _AGAIN)
    return _Row(line, _Clip(clip, dataset, group, int(y)), int(seed), int(predicted), probabilities)


def _number(where: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise UsageError(f"{where}: {cell!r} is no probability", _AGAIN)
    return value


def _joined(
    path: Path, rows: Sequence[_Row], classes: tuple[str, ...]
) -> tuple[Predictions, dict[str, int]]:
    known: dict[str, _Row] = {}
    found: dict[tuple[int, str], _Row] = {}
    for row in rows:
        first = known.setdefault(row.clip.clip, row)
        if first.clip != row.clip:
            raise UsageError(
                f"{path}, line {row.line}: {row.clip.clip} has another dataset, group or label "
                f"than in line {first.line}",
                _AGAIN,
            )
        twin = found.setdefault((row.seed, row.clip.clip), row)
        if twin is not row:
            raise UsageError(
                f"{path}, line {row.line}: {row.clip.clip} with the seed {row.seed} stands in "
                f"line {twin.line} already",
                _AGAIN,
            )
    seeds, clips = sorted({seed for seed, _ in found}), sorted(known)
    table = np.empty((len(seeds), len(clips), len(classes)), dtype=np.float32)
    for run, seed in enumerate(seeds):
        for place, clip in enumerate(clips):
            if (seed, clip) not in found:
                raise UsageError(
                    f"{path}: no line for {clip} with the seed {seed}, which line "
                    f"{known[clip].line} has with the seed {known[clip].seed}",
                    _AGAIN,
                )
            row = found[seed, clip]
            values = table[run, place]
            values[:] = row.probabilities
            # Six digits may make a tie of what was none.
            if np.argmax(values) != row.predicted:
                values[row.predicted] = np.nextafter(values.max(), np.float32(2))
    facts = [known[clip].clip for clip in clips]
    labelled = LabelledClips(
        tuple(clips),
        tuple(fact.dataset for fact in facts),
        tuple(fact.group for fact in facts),
        np.array([fact.y for fact in facts], dtype=np.int64),
        classes,
    )
    lines = {clip: row.line for clip, row in known.items()}
    return Predictions(labelled, tuple(seeds), table), lines


def _agree(path: Path, predictions: Predictions, content: Mapping[str, Any]) -> None:
    """Refuse predictions that are not those whose figures stand in results.json."""
    clips, total = len(predictions.clips), predictions.confusions().sum(axis=0).tolist()
    if content.get("clips", clips) != clips:
        raise UsageError(
            f"{path} has {clips} clips, and {RESULTS} says {content['clips']}: it was cut off or "
            "belongs to another evaluation",
            _AGAIN,
        )
    if content.get("confusion", total) != total:
        raise UsageError(
            f"{path} gives another confusion matrix than {RESULTS}: one of the two was changed or "
            "belongs to another evaluation",
            _AGAIN,
        )


def _same_facts(one: Saved, other: Saved) -> None:
    mine, theirs = one.predictions.clips, other.predictions.clips
    place = {clip: row for row, clip in enumerate(theirs.clip)}
    for row, clip in enumerate(mine.clip):
        if clip not in place:
            continue
        twin = place[clip]
        for what, first, second in (
            ("label", mine.classes[mine.y[row]], theirs.classes[theirs.y[twin]]),
            ("group", mine.group[row], theirs.group[twin]),
            ("dataset", mine.dataset[row], theirs.dataset[twin]),
        ):
            if first != second:
                raise UsageError(
                    f"{clip} has the {what} {first!r} in {one.table}, line {one.line[clip]}, and "
                    f"{second!r} in {other.table}, line {other.line[clip]}",
                    "Evaluate both on features with the same labels.",
                )


def _same_clips(first: tuple[str, Saved], second: tuple[str, Saved]) -> None:
    sets = [set(saved.predictions.clips.clip) for _, saved in (first, second)]
    if sets[0] == sets[1]:
        return
    only = [sorted(sets[0] - sets[1]), sorted(sets[1] - sets[0])]
    told = [
        f"{len(clips)} only in {saved.folder} ({', '.join(clips[:3])}{', ...' * (len(clips) > 3)})"
        for clips, (_, saved) in zip(only, (first, second), strict=True)
        if clips
    ]
    common = ", or compare over the clips in common: --common" if sets[0] & sets[1] else ""
    raise UsageError(
        f"{first[0]} and {second[0]} predicted different clips: {len(sets[0] & sets[1])} in "
        f"common, {' and '.join(told)}",
        f"Evaluate both on the same features{common}.",
    )


def _only(predictions: Predictions, clips: set[str]) -> Predictions:
    rows = [row for row, clip in enumerate(predictions.clips.clip) if clip in clips]
    return Predictions(
        predictions.clips.rows(rows), predictions.seeds, predictions.probabilities[:, rows]
    )
