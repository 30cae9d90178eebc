"""Clips, their annotations and datasets, as plain values.

A reader returns what the dataset *says*. Whether an annotation can be right is
decided later and for all datasets in one place (`mepipe.clips.annotation`),
because that needs the frames that really exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from mepipe.errors import MepipeError

MarkOrigin = Literal["annotation", "erratum", "correction"]
Kind = Literal["", "micro", "macro"]
"""What an expression is by its length or its coders; empty if nobody says."""


@dataclass(frozen=True)
class Images:
    """Frames as image files in one folder, sorted by frame number.

    Parameters
    ----------
    folder
        The folder.
    names
        The file names.
    numbers
        The dataset's own frame numbers, taken from the file names, ascending.
    """

    folder: Path
    names: tuple[str, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Video:
    """Frames of a video file. Their numbers are their 0-based positions.

    Parameters
    ----------
    path
        The file.
    numbered
        False if the dataset numbers the frames in another way and does not say
        which number the video begins with. Its key frames can then be used only
        if the user gives that number (``data.first_number``).
    """

    path: Path
    numbered: bool = True


@dataclass(frozen=True)
class Mark:
    """One annotated key frame, as the dataset states it.

    Parameters
    ----------
    number
        The dataset's own frame number; None if the cell holds no number.
    origin
        Who states it: the dataset, an erratum or the user.
    text
        What the cell holds if it is no number.
    """

    number: int | None
    origin: MarkOrigin = "annotation"
    text: str = ""


@dataclass(frozen=True)
class TimeCell:
    """A cell of a table that holds a time where a frame number is expected.

    Parameters
    ----------
    line, column, text
        Where it is, and what it holds.
    """

    line: int
    column: str
    text: str


@dataclass(frozen=True)
class Clip:
    """One clip: its frames, and what the dataset says of them.

    Parameters
    ----------
    id
        ``<collection>/<subject>/<clip>``, unique in a run.
    dataset
        The dataset's name in this run (``NAME=PATH``, or the reader's default).
    subject
        The subject as the dataset writes it, padded; empty if unknown.
    group
        The person, ``<collection>/<subject>``. No group is ever on both sides of
        an evaluation split. Empty if the person is unknown.
    source
        The frames.
    fps
        Frames per second as the dataset states it; None if it does not. A
        video's own rate is read from the file later.
    onset, apex, offset
        The key frames; None if the dataset does not annotate them.
    emotion
        The word as `mepipe.datasets.emotions.normalise` writes it; empty if the
        clip is unlabelled.
    action_units, objective_class
        The text of the dataset's cells.
    movement
        What the user saw: False if nothing moves in the clip; None if nobody says.
    face_box
        x0, y0, x1, y1 in px of the frame if a correction gives the face; None if
        it is to be detected.
    recording
        The id of the recording that holds this clip and perhaps others; empty if
        the clip is all that was recorded.
    kind
        Whether the coders call the expression micro or macro; empty if they do not say.
    excerpt
        True if ``source`` is a long recording, and only its frames around the key
        frames are needed (`mepipe.clips.excerpts`).
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
    movement: bool | None = None
    recording: str = ""
    kind: Kind = ""
    excerpt: bool = False


@dataclass(frozen=True)
class Reject:
    """A clip that the dataset names and that cannot be read at all.

    Parameters
    ----------
    clip
        Its id.
    error
        The name of the error's class, such as ``BadDataError``.
    message, remedy
        What is wrong, and what the user can do.
    """

    clip: str
    error: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Note:
    """Something that the user should know.

    Parameters
    ----------
    clip
        The id of the clip that it is about; None for the dataset as a whole.
    problem
        What is wrong.
    handling
        What mepipe does about it; empty if ``problem`` says so already, or if
        nothing is done.
    """

    clip: str | None
    problem: str
    handling: str = ""

    @property
    def text(self) -> str:
        """The problem and its handling in one line."""
        return f"{self.problem}: {self.handling}" if self.handling else self.problem


@dataclass(frozen=True)
class Dataset:
    """What a reader found under one root.

    Parameters
    ----------
    name
        The user's NAME=, or the reader's default.
    reader
        The reader's name.
    root
        The folder that was read.
    clips
        The clips that can be read.
    rejects
        The clips that cannot.
    notes
        What else the user should know.
    own_words
        True if the emotion words are the user's own classes and not the field's
        vocabulary.
    table
        The user's own table of key frames, whose unit ``labels.time`` says; None if
        the dataset has its own sheet, or nothing.
    times
        The cells of key frames in ``table`` that hold a time and no frame number.
    unmarked
        Recordings in which the coders marked nothing, each as a clip without key
        frames. No run uses them; whoever scores spotting does
        (`mepipe.datasets.recordings`).
    """

    name: str
    reader: str
    root: Path
    clips: tuple[Clip, ...]
    rejects: tuple[Reject, ...] = ()
    notes: tuple[Note, ...] = ()
    own_words: bool = False
    table: Path | None = None
    times: tuple[TimeCell, ...] = ()
    unmarked: tuple[Clip, ...] = ()


NO_FOLDER = "the folder of a dataset, not a file"
"""What every reader of folders was looking for, if the path is a file.

They share the text so that the message names it once.
"""


class NotRecognisedError(MepipeError):
    """The tree is not the reader's dataset: the next reader is asked.

    The message says what the reader was looking for. The remedy says what lies
    there instead and what path to give; it may be empty.
    """


class Reader(Protocol):
    """A dataset reader: one function, registered as a ``mepipe.datasets`` entry point."""

    def __call__(self, root: Path, name: str | None) -> Dataset:
        """Read the dataset at ``root``.

        Parameters
        ----------
        root
            A folder or a file.
        name
            The user's NAME=, or None for the reader's default.

        Raises
        ------
        NotRecognisedError
            If the tree is not this dataset.
        UsageError
            If it is, but it cannot be read as a whole (no sheet, unknown columns).
        """
        ...
