"""The content of the report as plain data: names, numbers, and encoded pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mepipe.evaluation.chance_level import not_above

# A key frame with a lower confidence should be checked by the user.
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
    """The pictures of one clip (JPEG). Each is None if it does not exist.

    ``largest_px`` is the displacement at the rim of the flow's key, in px of the
    aligned face; ``largest_strain`` the strain that is brightest. ``curve`` is the motion
    curve, its first value at frame ``curve_from``. ``missing`` says why there is no picture of
    the face. ``large`` holds the same pictures by name, of ``side`` px; ``moves`` is the flow as
    `mepipe.viz.displacement.displacement_map` gives it, up to ``moves_px``, ``grid`` as
    `mepipe.viz.displacement.flow_grid` does, up to ``grid_px``; lengths are px of an aligned face
    of ``face_px``.
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
    large: Mapping[str, bytes] = field(default_factory=dict)
    side: int = 0
    moves: bytes = b""
    moves_px: float = 0.0
    grid: bytes = b""
    grid_px: float = 0.0
    face_px: int = 0


@dataclass(frozen=True)
class MotionSays:
    """What the motion in an annotated clip says, whatever its marks: 0-based key frames.

    ``confidence`` is 0 to 1, in the order of the key frames.
    """

    marks: tuple[tuple[str, int], ...]
    confidence: tuple[float, ...]
    movement: bool
    strength: float


@dataclass(frozen=True)
class ClipCard:
    """One usable clip.

    ``predicted`` is the class that most seeds predicted, ``votes`` the share of these seeds.
    Both are empty if the clip was not evaluated. ``part`` is the first frame that is drawn of a
    recording, and the one after the last; None: all. ``doubts`` say why a person should look,
    ``weight`` how much so. ``figures`` are those of `mepipe.report.quality`, ``regions`` the mean
    motion of each region of the face at the frames of the curve.
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
    part: tuple[int, int] | None = None
    doubts: tuple[str, ...] = ()
    weight: float = 0.0
    motion: MotionSays | None = None
    figures: Mapping[str, str] = field(default_factory=dict)
    regions: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    strength: float | None = None

    @property
    def confidence(self) -> float | None:
        """The lowest confidence of the key frames that flow is computed from."""
        known = [m.confidence for m in self.marks[:2] if m.confidence is not None]
        return min(known) if known else None

    @property
    def doubtful(self) -> bool:
        """True if a user should check the clip before using it."""
        low = self.confidence is not None and self.confidence < DOUBTFUL
        return not self.movement or low or bool(self.notes or self.doubts)

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the keys of `PROBLEMS` that hold for the clip."""
        low = self.confidence is not None and self.confidence < DOUBTFUL
        found = {
            "doubt": bool(self.doubts),
            "still": not self.movement,
            "unsure": low,
            "noted": bool(self.notes),
            "wrong": bool(self.predicted) and self.predicted != self.label,
            "faceless": bool(self.pictures.missing),
        }
        return tuple(name for name, holds in found.items() if holds)


PROBLEMS: Mapping[str, str] = {
    "failed": "failed",
    "doubt": "worth a look",
    "still": "no movement above the noise",
    "unsure": f"onset or apex below {DOUBTFUL:g}",
    "noted": "with a note",
    "wrong": "predicted wrongly",
    "faceless": "no picture of the face",
}


@dataclass(frozen=True)
class FailureRow:
    """A clip that could not be used, with the remedy.

    ``picture`` is the frame (position ``frame``) that was searched first, as WebP; None without
    faces and where it cannot be read.
    """

    clip: str
    stage: str
    message: str
    remedy: str
    picture: bytes | None = None
    frame: int = 0


@dataclass(frozen=True)
class Setting:
    """A setting with its value in the run, and its default."""

    name: str
    value: str
    default: str

    @property
    def changed(self) -> bool:
        """True if the value is not the default."""
        return self.value != self.default


@dataclass(frozen=True)
class CountTable:
    """Counts of clips: a row per name, a column per class, and a last column for all."""

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
class MovementLink:
    """A movement of a recording: its number and kind, and the time of its apex.

    ``place`` is that of its card among the cards of the page, ``picture`` the aligned face at the
    apex (JPEG). Both are None if there is none.
    """

    number: int
    kind: str
    apex: str
    place: int | None
    picture: bytes | None


@dataclass(frozen=True)
class RecordingCard:
    """One recording: its length, what happens in it in words, its timeline (WebP), movements.

    ``picture`` is None where a page has too many recordings; ``not_shown`` counts movements
    that are not named.
    """

    name: str
    length: str
    counts: str
    picture: bytes | None
    movements: tuple[MovementLink, ...]
    not_shown: int


@dataclass(frozen=True)
class Page:
    """The whole report.

    ``results`` is the content of results.json, ``by_subject`` the accuracy (0 to 1) and
    number of clips of each person; ``no_results`` says why there are none. ``provenance``
    is shown, and is also in the file as JSON. ``not_shown`` counts clips without a card.
    ``confusion`` counts clips, rows truth, columns the class that most seeds predicted;
    ``doubts`` are clips that a person should look at and why, the most doubtful first.
    ``spot_px`` is the side of the aligned face that the motion of regions counts in px of.
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
    recordings: Sequence[RecordingCard] = ()
    confusion: Sequence[Sequence[int]] = ()
    doubts: Sequence[tuple[str, str]] = ()
    spot_px: int = 0

    @property
    def not_above(self) -> list[str]:
        """What is to be said where the results are not above what shuffled labels reach."""
        return not_above(self.results) if self.results and self.results.get("chance") else []
