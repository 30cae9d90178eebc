"""The results.json of an evaluation of classes: read and checked once, for every reader.

A file may have been edited, cut off or damaged since it was written. What is there must be what an
evaluation writes; an error names the file and the first place that is not.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, NoReturn, Self, TypeAlias

from pydantic import Field, ValidationError, model_validator

from mepipe.errors import UsageError
from mepipe.evaluation.model_card import Plain
from mepipe.evaluation.results import SCHEMA
from mepipe.evaluation.unit_results import refuse_units
from mepipe.regular_files import read_regular
from mepipe.schema import NOTHING_TRAINED, PROTOCOLS

RESULTS = "results.json"
LONGEST_RESULTS = 500_000_000  # bytes of a file of results
AGAIN = "Evaluate again to write a new one."
FIGURES = ("uf1", "uar", "accuracy", "ci", "per_dataset", "clips", "subjects")
"""What a card of a model tells of an evaluation, beside its protocol."""
SHOWN = (*FIGURES, "per_class", "per_seed", "floors", "left_out")
"""What a table and a report show of an evaluation."""

# A mean of ones can be more than one by a rounding.
Share: TypeAlias = Annotated[float, Field(ge=0, le=1.000001)]
Count: TypeAlias = Annotated[int, Field(ge=0, lt=1 << 48)]
Bounds: TypeAlias = Annotated[list[Share], Field(min_length=2, max_length=2)]


def _unsaid() -> Any:
    """Return the default of what may be missing, but is not null."""
    return Field(default=None)


class _Figures(Plain):
    uf1: Share | None
    uar: Share | None
    accuracy: Share | None


class _OfDataset(_Figures):
    clips: Count
    absent_classes: list[str]


class _OfSeed(_Figures):
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]


class _OfClass(Plain):
    clips: Count
    f1: Share | None
    recall: Share | None
    precision: Share | None


class _Intervals(Plain):
    uf1: Bounds | None
    uar: Bounds | None


class _Level(Plain):
    median: Share
    p95: Share
    above: bool


class _Chance(Plain):
    model: str
    permutations: Count
    uf1: _Level
    uar: _Level


class _LeftOut(Plain):
    unlabelled: Count
    unknown_person: Count


class _Training(Plain):
    members: Count
    epochs: Count
    batch: Count
    learning_rate: float
    per_clip: bool = False


class _Settings(Plain):
    model: dict[str, Any] = _unsaid()
    # An estimator has none.
    training: _Training | Annotated[dict[str, Any], Field(max_length=0)] | None = None
    recentre: bool = False
    start: str = ""
    saved: str = ""
    map: str = "x"


class _Choice(Plain):
    choice: dict[str, Any]
    folds: Count


class Results(Plain):
    """What results.json can hold. Results of an earlier version have less."""

    version: int = Field(1, alias="schema", ge=1, le=SCHEMA)
    model: str
    protocol: str
    classes: list[str] = Field(min_length=1)
    uf1: Share | None = None
    uar: Share | None = None
    accuracy: Share | None = None
    ci: _Intervals = _unsaid()
    ci_note: str | None = None
    per_dataset: dict[str, _OfDataset] = _unsaid()
    per_class: dict[str, _OfClass] = _unsaid()
    per_seed: Annotated[list[_OfSeed], Field(min_length=1)] = _unsaid()
    floors: dict[str, _Figures] = _unsaid()
    elapsed_s: float = 0.0
    clips: Count = 0
    subjects: Count = 0
    confusion: list[list[Count]] = _unsaid()
    left_out: _LeftOut = _unsaid()
    chance: _Chance = _unsaid()
    folds: Count = 0
    notes: list[str] = _unsaid()
    features: str = ""
    shape: list[Count] = _unsaid()
    select: list[str] = _unsaid()
    device: str = ""
    settings: _Settings = _unsaid()
    k: Count | None = None
    tuned: list[_Choice] | None = None
    seen: list[str] = _unsaid()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.protocol not in PROTOCOLS and self.protocol != NOTHING_TRAINED:
            raise ValueError(f"{self.protocol!r} is no protocol")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class stands twice in classes")
        if self.per_class is not None and list(self.per_class) != self.classes:
            raise ValueError("per_class has other classes than classes")
        if self.confusion is not None and [len(self.classes)] * len(self.classes) != [
            len(row) for row in self.confusion
        ]:
            raise ValueError("confusion needs a row and a column for each class")
        return self


def known_training(found: Any) -> dict[str, Any] | None:
    """Return how a model was trained, as its card tells it; None if the card tells it otherwise."""
    try:
        _Training.model_validate(found)
    except ValidationError:
        return None
    return dict(found)


def read_results(folder: Path, needed: Collection[str] = ()) -> dict[str, Any]:
    """Return the content of results.json in a folder of results; errors as `parsed_results`.

    Raises
    ------
    UsageError
        Also if there is none, or it cannot be read.
    """
    return parsed_results(folder / RESULTS, read_file(folder / RESULTS), needed)


def read_file(path: Path) -> bytes:
    """Return the bytes of a file of results.

    Raises
    ------
    UsageError
        If there is none, or it cannot be read.
    """
    if path.parent.is_file():
        raise UsageError(f"{path.parent} is a file", f"Give its folder: {path.parent.parent}")
    try:
        return read_regular(path, LONGEST_RESULTS)
    except FileNotFoundError:
        raise UsageError(
            f"there is no {path}",
            "Give a folder that `mepipe evaluate` or `mepipe run` wrote results to.",
        ) from None
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", "Give a folder of results."
        ) from error


def parsed_results(path: Path, data: bytes, needed: Collection[str] = ()) -> dict[str, Any]:
    """Return the content of a results.json.

    Parameters
    ----------
    path
        What errors call it.
    data
        Its bytes.
    needed
        The keys that the reader uses, beside ``model``, ``protocol`` and ``classes``.

    Raises
    ------
    UsageError
        If it is not what an evaluation of classes writes. The message names the place.
    """
    try:
        content = json.loads(file_text(path, data), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{path}{line}: this is not JSON, it may be cut off", AGAIN) from error
    if isinstance(content, dict):
        refuse_units(content, path)
    for name in ("model", "protocol", "classes", *needed):
        if not isinstance(content, dict) or name not in content:
            raise UsageError(f"{path} does not say the {name} of an evaluation", AGAIN)
    try:
        Results.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise UsageError(f"{path}: {where}: {first['msg'].lower()}", AGAIN) from error
    return dict(content)


def file_text(path: Path, data: bytes) -> str:
    """Return the text of a file of results; raise UsageError with the line if it is none."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: this is not UTF-8", AGAIN) from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
