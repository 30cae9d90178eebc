"""What a dataset is to mepipe: clips with their annotations, as plain values.

A reader returns what the dataset *says*; whether an annotation can be right is
decided later, in one place for all datasets (`mepipe.clips.annotation`),
because that needs the frames that really exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from mepipe.errors import MepipeError

MarkOrigin = Literal["annotation", "erratum", "correction"]


@dataclass(frozen=True)
class Images:
    """Frames as image files of one folder, sorted by frame number.

    ``numbers`` are the dataset's own, taken from the file names, ascending.
    """

    folder: Path
    names: tuple[str, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Video:
    """Frames of a video file. Their numbers are their 0-based positions.

    ``numbered`` is false where the dataset numbers the frames otherwise and does
    not say from what number the video begins: key frames can then be used only
    if the user knows it (``data.first_number``).
    """

    path: Path
    numbered: bool = True


@dataclass(frozen=True)
class Mark:
    """One annotated key frame, as the dataset states it.

    ``number`` is in the dataset's own frame numbers; None where the cell holds
    no number, and then ``text`` is what it holds.
    """

    number: int | None
    origin: MarkOrigin = "annotation"
    text: str = ""


@dataclass(frozen=True)
class Clip:
    """One clip: where its frames are and what the dataset says of them.

    Parameters
    ----------
    id
        ``<collection>/<subject>/<clip>``, unique in a run.
    dataset
        The dataset's name in this run (``NAME=PATH``, or the reader's default).
    subject
        As the dataset writes it, padded; empty where it is unknown.
    group
        The person, ``<collection>/<subject>``: no group is ever on both sides
        of an evaluation split. Empty where the person is unknown.
    fps
        Frames per second as the dataset states it; None where it does not (a
        video's own rate is read from the file later).
    onset, apex, offset
        None where the dataset does not annotate them.
    emotion
        Normalised word (`mepipe.clips.labels.normalise`), empty if unlabelled.
    action_units, objective_class
        The raw text of the dataset's cells.
    face_box
        x0, y0, x1, y1 in px of the frame, where a correction says where the
        face is; None: it is looked for.
    """

    id: str
    dataset: str
    subject: str
    group: str
    source: Images | Video
    fps: float | None = None
    onset: Mark | None = None
    apex: Mark | None = None
    offset: Mark | None = None
    emotion: str = ""
    action_units: str = ""
    objective_class: str = ""
    face_box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Reject:
    """A clip that the dataset names and that cannot be read at all."""

    clip: str
    error: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Note:
    """Something the user should know, of one clip or (None) of the dataset.

    ``handling`` is what mepipe does about it; empty where the problem's own words
    say so, or where nothing is done.
    """

    clip: str | None
    problem: str
    handling: str = ""

    @property
    def text(self) -> str:
        """Both in one line."""
        return f"{self.problem}: {self.handling}" if self.handling else self.problem


@dataclass(frozen=True)
class Dataset:
    """What a reader found under one root.

    ``own_words`` is true where the emotion words are the user's own classes
    rather than the field's vocabulary.
    """

    name: str
    reader: str
    root: Path
    clips: tuple[Clip, ...]
    rejects: tuple[Reject, ...] = ()
    notes: tuple[Note, ...] = ()
    own_words: bool = False


NO_FOLDER = "the folder of a dataset, not a file"
"""What a reader of folders looked for where there is a file: told once for all of them."""


class NotRecognisedError(MepipeError):
    """The tree is not of the reader's kind.

    The message says what was looked for, the remedy (may be empty) what lies
    there instead and what to give.
    """


class Reader(Protocol):
    """A dataset reader: one function, registered as a ``mepipe.datasets`` entry point."""

    def __call__(self, root: Path, name: str | None) -> Dataset:
        """Read the dataset at ``root`` (``name``: the user's NAME=, or None).

        Raises
        ------
        NotRecognisedError
            If the tree does not look like this dataset.
        UsageError
            If it does but cannot be read as a whole (no sheet, unknown columns).
        """
        ...
