"""What a review knows of its run: the clips, their marks, and the file of corrections."""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache import disk
from mepipe.cache.manifest import WORTH_A_LOOK, Manifest
from mepipe.clips.clip_task import Failure, PreparedClip
from mepipe.clips.correction_file import CorrectionFile, Rows
from mepipe.clips.correction_places import files_of, with_corrections_of
from mepipe.config.settings import Config
from mepipe.datasets import emotions
from mepipe.datasets.clip import Clip, Dataset
from mepipe.errors import UnreadableInputError
from mepipe.execution.context import Context
from mepipe.execution.progress import NoProgress
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.past_outputs import PastOutputs, opened_again, past_outputs
from mepipe.pipeline.worth_a_look import Doubt, doubts_in
from mepipe.recordings.length import is_recording
from mepipe.schema import KEY_FRAMES


@dataclass(frozen=True)
class ReviewClip:
    """One clip, or one recording, of the run.

    Parameters
    ----------
    id
        Of the clip.
    clip
        What the dataset says of it; None for one that cannot be read at all.
    stated
        The clip as the dataset states it, with the marks that a run would use; None if it
        cannot be prepared.
    used
        The clip as the last run used it, after corrections; its frames are those that are shown.
    outcome
        Its stages in the last run.
    failure
        Why it could not be used.
    recording
        True if it is searched for all its movements.
    """

    id: str
    clip: Clip | None
    stated: PreparedClip | None
    used: PreparedClip | None
    outcome: ClipOutcome
    failure: Failure | None
    recording: bool = False

    @property
    def shown(self) -> PreparedClip | None:
        """The clip whose frames are shown."""
        return self.used or self.stated

    @property
    def transforms(self) -> list[NDArray[np.float64]]:
        """From px of the frame to the aligned face: one for the clip, or one a frame, or none."""
        face = self.outcome.stages.get("face")
        if face is None or face.failure is not None:
            return []
        return [np.array(one, np.float64) for one in face.values["transforms"]]

    @property
    def changed_since(self) -> bool:
        """True if the frames are no longer those of the run."""
        flow, shown = self.outcome.stages.get("flow"), self.shown
        if flow is None or shown is None or "spot" not in self.outcome.values:
            return False
        places = [self.outcome.values["spot"][name] for name in ("onset", "apex")]
        made_of = flow.parts.get("frames")
        if not isinstance(made_of, list | tuple) or len(made_of) < 2 or None in places:
            return False
        if max(places) >= shown.input.frames.count:
            return True
        try:
            now = [shown.input.frames.digest(place) for place in places]
        except UnreadableInputError:
            return True
        return now != [str(one) for one in made_of[:2]]


@dataclass(frozen=True)
class Opened:
    """A run as it is reviewed: read again after every rebuild."""

    run: PastOutputs
    config: Config
    datasets: Sequence[Dataset]
    clips: Sequence[ReviewClip]
    problems: Sequence[str]
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Session:
    """A run that is reviewed.

    Parameters
    ----------
    out
        The output folder of the run.
    context
        Its cache, and how the work is done.
    coder
        The name of a coder whose marks are kept apart; empty: the marks that a run reads.
    who
        Who is named in the file.

    Raises
    ------
    UsageError
        If ``out`` is not the folder of a run, the file of corrections is not valid, or the coder's
        name cannot be part of a file's name.
    """

    def __init__(self, out: Path, context: Context, *, coder: str = "", who: str = "") -> None:
        self.out, self.context, self.coder = out, context, coder
        self._lock = threading.RLock()
        self._places: dict[str, int] = {}
        self.opened = self._open()
        # What is computed from now on is told on the page.
        self.context = replace(context, progress=NoProgress())
        ids = [clip.id for clip in self.opened.clips]
        self.file = CorrectionFile(self._path(), who=coder or who, known=ids)
        self._seen_file: tuple[Any, Rows] | None = None
        self.rows()

    def reopen(self) -> None:
        """Read the run again: it has changed. The clips keep their numbers."""
        opened = self._open()
        with self._lock:
            self.opened = opened

    def clip(self, index: int) -> ReviewClip | None:
        """Return the clip with this number; None if there is none."""
        clips = self.opened.clips
        return clips[index] if 0 <= index < len(clips) else None

    def index(self, clip: str) -> int | None:
        """Return the number of a clip; None if it is not one of the run."""
        return self._places.get(clip)

    def rows(self) -> Rows:
        """Return what stands in the file now. It is only read where it changed."""
        facts = disk.facts(self.file.path)
        stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino) if facts else None
        with self._lock:
            if self._seen_file is None or self._seen_file[0] != stamp:
                self._seen_file = (stamp, self.file.read())
            return self._seen_file[1]

    def change(self, index: int, cells: Mapping[str, str], seen: Mapping[str, str] | None) -> Rows:
        """Write some cells of a clip.

        Raises
        ------
        UsageError, ConflictError, SystemProblemError
            As `CorrectionFile.change`.
        """
        rows = self.file.change(self.opened.clips[index].id, cells, seen=seen)
        self._seen_file = None
        return rows

    def undo(self) -> tuple[Rows, str | None]:
        """Take back the last change, as `CorrectionFile.undo`."""
        found = self.file.undo()
        self._seen_file = None
        return found

    def doubts(self) -> tuple[Doubt, ...]:
        """Return the clips of the run that are worth a look, the worst first."""
        path = self.out / WORTH_A_LOOK
        data = disk.read_bytes(path) if Manifest(self.out).made(WORTH_A_LOOK) else None
        try:
            return doubts_in(data) if data is not None else ()
        except (KeyError, ValueError):
            return ()  # edited by hand

    def config_now(self) -> Config:
        """Return the settings of the run, with the corrections that it reads now."""
        return self._now(self.opened.config)

    def words(self) -> list[str]:
        """Return the emotions that can be chosen: the field's words, and those of the dataset."""
        own = {clip.clip.emotion for clip in self.opened.clips if clip.clip is not None}
        return sorted(emotions.VOCABULARY | {word for word in own if word})

    @property
    def read_by_runs(self) -> bool:
        """True if a run reads the file that is written."""
        return not self.coder

    def _path(self) -> Path:
        stated = None if self.coder else self.opened.config.data.corrections
        return Path(stated).expanduser() if stated else files_of(self.out, self.coder).clips

    def events_path(self) -> Path:
        """Return the path of the table of corrected movements of recordings."""
        stated = None if self.coder else self.opened.config.data.events
        return Path(stated).expanduser() if stated else files_of(self.out, self.coder).events

    def _open(self) -> Opened:
        run = past_outputs(self.context.cache, self.out)
        config = run.config(self.out)
        datasets, problems = run.datasets()
        outcomes = run.outcomes(config)
        plain = config.model_copy(
            update={"data": config.data.model_copy(update={"corrections": None})}
        )
        as_stated, invalid = opened_again(datasets, plain, self.context)
        problems += invalid
        if os.access(self.context.cache, os.W_OK):
            for inputs in as_stated:
                inputs.save_indexes()
        # The corrections of the run decide which frames a movement of a recording has. A clip that
        # they leave out is shown as the dataset has it.
        as_used, invalid = opened_again(datasets, self._now(config), self.context)
        problems += invalid
        clips = {clip.id: clip for dataset in datasets for clip in dataset.clips}
        stated = {one.clip.id: one for inputs in as_stated for one in inputs.clips}
        used = {one.clip.id: one for inputs in as_used for one in inputs.clips}
        failures = {one.clip: one for inputs in as_stated for one in inputs.failures}
        notes: dict[str, list[str]] = {}
        for note in (one for inputs in as_stated for one in inputs.notes):
            if note.clip is not None:
                notes.setdefault(note.clip, []).append(note.text)
        names = {*clips, *failures, *(name for name in outcomes if "#" not in name)}
        order = [name for name in self._places if name in names]
        order += sorted(names - set(order))
        self._places = {name: number for number, name in enumerate(order)}
        found_clips = [
            self._clip(name, clips.get(name), stated.get(name), used.get(name), outcomes, failures)
            for name in order
        ]
        return Opened(
            run,
            config,
            datasets,
            [
                replace(one, recording=one.stated is not None and is_recording(one.stated, config))
                for one in found_clips
            ],
            list(dict.fromkeys(problems)),
            notes,
        )

    def _now(self, config: Config) -> Config:
        return with_corrections_of(self.out, config)[0]

    @staticmethod
    def _clip(
        name: str,
        clip: Clip | None,
        stated: PreparedClip | None,
        used: PreparedClip | None,
        outcomes: Mapping[str, ClipOutcome],
        failures: Mapping[str, Failure],
    ) -> ReviewClip:
        outcome = outcomes.get(name, ClipOutcome(name))
        failure = outcome.failure or (failures.get(name) if stated is None else None)
        return ReviewClip(name, clip, stated, used, outcome, failure)


def who_writes() -> str:
    """Return the name that changes are signed with: that of the user on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def stated_marks(clip: ReviewClip) -> dict[str, int]:
    """Return the frame numbers of the marks that the dataset states and a run can use."""
    if clip.stated is None:
        return {}
    given = {name: getattr(clip.stated.input, name) for name in KEY_FRAMES}
    return {name: mark.number for name, mark in given.items() if mark is not None}


def used_marks(clip: ReviewClip) -> dict[str, dict[str, Any]]:
    """Return the marks that the last run used: position, source and confidence."""
    spot = clip.outcome.stages.get("spot")
    if spot is None or spot.failure is not None:
        return {}
    return {
        name: {
            "at": spot.values[name],
            "source": spot.values[f"{name}_source"],
            "confidence": spot.values[f"{name}_confidence"],
        }
        for name in KEY_FRAMES
        if spot.values.get(name) is not None
    }
