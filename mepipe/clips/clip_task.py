"""A clip in a run: prepared, as a task for a worker, or failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mepipe.clips.annotation import KeyFrame
from mepipe.clips.clip_input import ClipInput
from mepipe.datasets.clip import Clip, Note
from mepipe.errors import MepipeError
from mepipe.frames import FrameReader, Timing, VideoFacts, out_of_memory


@dataclass(frozen=True)
class Failure:
    """A clip that could not be used, and what the user can do about it."""

    clip: str
    stage: str
    error: str
    message: str
    remedy: str

    @classmethod
    def of(cls, clip: str, stage: str, error: MepipeError) -> Failure:
        """Return the failure that ``error`` is for ``clip``."""
        return cls(clip, stage, type(error).__name__, error.message, error.remedy)

    @classmethod
    def of_stored(
        cls, clip: str, stage: str, stored: Mapping[str, Any], frame: str = ""
    ) -> Failure:
        """Return the failure that an object of the cache stores.

        Parameters
        ----------
        clip, stage
            Whose object it is.
        stored
            ``error``, ``message`` and ``remedy``.
        frame
            The file name of the frame at fault, where it is known: it then begins the message.
        """
        message = f"{frame}: {stored['message']}" if frame else stored["message"]
        return cls(clip, stage, stored["error"], message, stored["remedy"])

    @classmethod
    def of_memory(cls, clip: str, stage: str) -> Failure:
        """Return the failure for exhausted memory.

        It is never stored as a result, because it may not happen in the next run.
        """
        return cls.of(clip, stage, out_of_memory(f"the clip was read or computed ({stage})"))


@dataclass(frozen=True)
class ClipTask:
    """The data of a clip that a worker needs: small, picklable, without arrays.

    ``digests`` holds the sha256 of the files that planning has read, by path; ``bits`` is that of
    `mepipe.frames.FrameReader`.
    """

    clip: str
    files: tuple[Path, ...]
    video: VideoFacts | None
    count: int
    timing: Timing
    onset: KeyFrame | None
    apex: KeyFrame | None
    offset: KeyFrame | None
    face_box: tuple[int, int, int, int] | None
    digests: Mapping[str, str]
    bits: int | None = None

    def anywhere(self) -> ClipTask:
        """Return the task with absolute paths, for machines with another working folder."""
        return replace(
            self,
            files=tuple(path.absolute() for path in self.files),
            digests={str(Path(name).absolute()): sha for name, sha in self.digests.items()},
        )

    def open(self) -> ClipInput:
        """Return the clip for the stages. Missing digests are computed when needed."""
        reader = FrameReader(
            self.files,
            self.count,
            self.video,
            lambda path: self.digests.get(str(path)),
            self.bits,
        )
        return ClipInput(reader, self.timing, self.onset, self.apex, self.offset, self.face_box)


@dataclass(frozen=True)
class PreparedClip:
    """A clip whose frames are known, with the reader that planning uses."""

    clip: Clip
    input: ClipInput
    numbers: Sequence[int]
    notes: tuple[Note, ...]

    def task(self) -> ClipTask:
        """Return the task of this clip, with the digests read so far."""
        frames = self.input.frames
        return ClipTask(
            self.clip.id,
            frames.files,
            frames.video,
            frames.count,
            self.input.timing,
            self.input.onset,
            self.input.apex,
            self.input.offset,
            self.input.face_box,
            frames.known(),
            frames.bits,
        )
