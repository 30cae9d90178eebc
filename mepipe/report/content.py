"""What the report shows, as plain data: names, figures, and pictures already encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Below this an apex that was found is worth a second look.
DOUBTFUL = 0.5


@dataclass(frozen=True)
class KeyFrame:
    """Onset, apex or offset: its 0-based position, the dataset's number, its origin.

    ``position`` is None where the frame is unknown; ``confidence`` is 0 to 1.
    """

    name: str
    position: int | None
    number: int | None
    source: str
    confidence: float | None


@dataclass(frozen=True)
class Pictures:
    """The pictures of one clip (WebP), each None where there is none.

    ``largest_px`` is the displacement at the rim of the flow's key, in px of the
    aligned face; ``largest_strain`` the strain that is brightest. ``curve`` is the motion
    curve, its first value at frame ``curve_from``. ``missing`` says why there is no face.
    """

    onset: bytes | None = None
    apex: bytes | None = None
    flow: bytes | None = None
    strain: bytes | None = None
    largest_px: float = 0.0
    largest_strain: float = 0.0
    curve: tuple[float, ...] = ()
    curve_from: int = 0
    missing: str = ""


@dataclass(frozen=True)
class ClipCard:
    """One usable clip.

    ``predicted`` is the class that most seeds gave, ``votes`` how many of how many did;
    empty where the clip was not evaluated.
    """

    clip: str
    dataset: str
    subject: str
    emotion: str
    label: str
    frames: int
    fps: float | None
    movement: bool
    marks: tuple[KeyFrame, ...]
    action_units: str
    notes: tuple[str, ...] = ()
    predicted: str = ""
    votes: str = ""
    pictures: Pictures = field(default_factory=Pictures)

    @property
    def confidence(self) -> float | None:
        """The lowest confidence of the key frames that flow is computed from."""
        known = [m.confidence for m in self.marks[:2] if m.confidence is not None]
        return min(known) if known else None

    @property
    def doubtful(self) -> bool:
        """Whether it should be looked at before it is used."""
        low = self.confidence is not None and self.confidence < DOUBTFUL
        return not self.movement or low or bool(self.notes)

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the keys of `PROBLEMS` that hold for the clip."""
        low = self.confidence is not None and self.confidence < DOUBTFUL
        found = {
            "still": not self.movement,
            "unsure": low,
            "noted": bool(self.notes),
            "wrong": bool(self.predicted) and self.predicted != self.label,
            "faceless": bool(self.pictures.missing),
        }
        return tuple(name for name, holds in found.items() if holds)


PROBLEMS: Mapping[str, str] = {
    "still": "no movement above the noise",
    "unsure": f"onset or apex below {DOUBTFUL:g}",
    "noted": "with a note",
    "wrong": "predicted wrongly",
    "faceless": "no picture of the face",
}


@dataclass(frozen=True)
class FailureRow:
    """A clip that could not be used, and the way out."""

    clip: str
    stage: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Setting:
    """A setting as it was used; ``default`` is what it is unless given."""

    name: str
    value: str
    default: str

    @property
    def changed(self) -> bool:
        """Whether it is not the default."""
        return self.value != self.default


@dataclass(frozen=True)
class CountTable:
    """Clips by something: a row a name, a column a class, the last one all."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class StepTime:
    """A step of the run: how much was computed and reused, and seconds over all workers."""

    step: str
    computed: int
    reused: int
    seconds: float


@dataclass(frozen=True)
class Methods:
    """The methods in words, with numbers in brackets that stand for the references."""

    text: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """The whole report.

    ``results`` is the content of results.json, ``by_subject`` the accuracy (0 to 1) and
    number of clips of each person; ``no_results`` says why there are none. ``provenance``
    is shown and stands in the file as JSON. ``not_shown`` counts clips without a card.
    """

    title: str
    started: str
    clips: int
    usable: int
    subjects: int
    failures: Sequence[FailureRow]
    notes: Sequence[tuple[str, str]]
    settings: Mapping[str, Sequence[Setting]]
    counts: Sequence[CountTable]
    results: Mapping[str, Any] | None
    protocol: str
    by_subject: Sequence[tuple[str, float, int]]
    no_results: str
    times: Sequence[StepTime]
    methods: Methods
    provenance: Mapping[str, Any]
    cards: Sequence[ClipCard]
    not_shown: int
    faces: bool
