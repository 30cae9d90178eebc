"""What the page may ask: answers as plain data or pictures. Clips are named by numbers only."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mepipe.clips.clip_task import Failure
from mepipe.clips.correction_file import CONTENT, Rows
from mepipe.errors import MepipeError, UsageError
from mepipe.review.content import clip_json, rounded, run_json
from mepipe.review.events import Events
from mepipe.review.frames import Tapes
from mepipe.review.rebuild import Rebuild
from mepipe.review.session import ReviewClip, Session
from mepipe.stages import ARRAYS

_COLUMNS = frozenset(CONTENT)
_FORGOTTEN_S = 4.0  # the page asks every second or so


class NotInRunError(LookupError):
    """A request asks for a clip or a picture that the run does not have."""


@dataclass(frozen=True)
class Answered:
    """A frame: JPEG, or the reason why there is none; ``size`` is that of the frame as it is."""

    data: bytes | None
    problem: str
    size: tuple[int, int] | None


class Room:
    """One review: its session, its frames, its rebuilds. Any number of windows ask it.

    Parameters
    ----------
    session
        The run.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.tapes = Tapes()
        self.rebuilds = Rebuild(session, self._changed)
        self.recordings = Events(session)
        self._visited: set[int] = set()
        self._motions: dict[int, dict[str, Any]] = {}
        self._asked: dict[int, float] = {}
        self._measuring = threading.Lock()
        self._lock = threading.Lock()
        self._doubts: dict[str, list[str]] | None = None

    def close(self) -> None:
        """End all threads and a rebuild that is running."""
        self.rebuilds.close()
        self.tapes.close()

    def run(self) -> dict[str, Any]:
        """Return the run and its list of clips."""
        return run_json(self.session, self.doubts())

    def state(self, version: str) -> dict[str, Any]:
        """Return what changes: the file if it is not the one of ``version``, plan and rebuild."""
        plan, job = self.rebuilds.plan, self.rebuilds.job
        state: dict[str, Any] = {
            "plan": {"state": plan.state, "words": plan.words, "message": plan.message},
            "job": asdict(job),
            "visited": sorted(self._visited),
        }
        try:
            rows = self.session.rows()
        except MepipeError as error:
            return state | {"version": version, "problem": str(error)}
        if rows.version != version and version:
            # Another window, or another program, has changed it.
            self.rebuilds.replan()
        state["version"] = rows.version
        if rows.version != version or not version:
            state["rows"] = self._rows(rows)
        return state

    def clip(self, index: int) -> dict[str, Any]:
        """Return all of one clip."""
        clip = self._clip(index)
        self._visited.add(index)
        return {"index": index, **clip_json(self.session, clip)}

    def frame(
        self, index: int, position: int, *, aligned: bool, width: int, wait: bool
    ) -> Answered | None:
        """Return a frame; None if it is not ready and ``wait`` is False."""
        clip = self._clip(index)
        shown = clip.shown
        if shown is None or not 0 <= position < shown.input.frames.count:
            return Answered(None, "there is no such frame", None)
        transforms = clip.transforms
        if len(transforms) not in {0, 1, shown.input.frames.count}:
            transforms = []  # of the frames of before
        tape = self.tapes.tape(index, shown.input.frames, transforms, width)
        pair = tape.pair(position, wait=wait)
        if pair is None:
            return Answered(None, "the frame is still being read", None) if wait else None
        return Answered(pair.aligned if aligned else pair.whole, pair.problem, tape.frame_size)

    def ready(self, index: int) -> dict[str, Any]:
        """Return how many frames of a clip lie ready."""
        return self.tapes.ready(index)

    def motion(self, index: int) -> dict[str, Any]:
        """Return what the motion in a clip says; it is computed in a thread when first asked."""
        clip = self._clip(index)
        with self._lock:
            self._asked[index] = time.monotonic()
            known = self._motions.get(index)
            if known is not None:
                return known
            self._motions[index] = {"state": "computing"}
        threading.Thread(target=self._measure, args=(index, clip), daemon=True).start()
        return {"state": "computing"}

    def flow(self, index: int) -> dict[str, Any]:
        """Return the flow of a clip in words and as small data for drawing."""
        from mepipe.viz.displacement import displacement_map, flow_grid

        uv = self._uv(self._clip(index))
        _, largest = displacement_map(uv)
        grid, most = flow_grid(uv)
        return {
            "size": int(uv.shape[-1]),
            "largest": largest,
            "grid": base64.b64encode(grid).decode(),
            "grid_largest": most,
            "object": self._clip(index).outcome.stages["flow"].digest[:12],
        }

    def picture(self, index: int, name: str) -> tuple[bytes, str]:
        """Return a picture of the flow of a clip, and its type."""
        from mepipe.flow.strain import optical_strain
        from mepipe.viz.displacement import displacement_map
        from mepipe.viz.thumbnails import flow_thumbnail, strain_thumbnail

        uv = self._uv(self._clip(index))
        if name == "displacement":
            return displacement_map(uv)[0], "image/png"
        if name == "flow":
            return flow_thumbnail(uv)[0], "image/jpeg"
        if name == "strain":
            return strain_thumbnail(optical_strain(uv, self._sigma))[0], "image/jpeg"
        raise NotInRunError(name)

    def change(self, index: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write cells of a clip."""
        self._clip(index)
        cells = _texts(body.get("cells"))
        seen = None if body.get("seen") is None else _texts(body["seen"])
        rows = self.session.change(index, cells, seen)
        return self._answer(rows)

    def undo(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take back the last change of this coder."""
        del body
        rows, clip = self.session.undo()
        found = None if clip is None else self.session.index(clip)
        return {**self._answer(rows), "clip": found, "undone": clip is not None}

    def rebuild(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Start a rebuild, or stop it."""
        if body.get("stop"):
            self.rebuilds.stop()
        else:
            self.rebuilds.start()
        return {"job": asdict(self.rebuilds.job)}

    def events(self, index: int) -> dict[str, Any]:
        """Return the movements of a recording, and its curve."""
        return self.recordings.shown(self._clip(index))

    def change_events(self, index: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """Split, merge, add, delete or move movements of a recording."""
        found = self.recordings.change(self._clip(index), body)
        self.rebuilds.replan()
        return found

    def doubts(self) -> Mapping[str, list[str]]:
        """Return why clips are worth a look, the worst first."""
        if self._doubts is None:
            found: dict[str, list[str]] = {}
            for doubt in self.session.doubts():
                found.setdefault(doubt.clip, []).append(doubt.text)
            self._doubts = found
        return self._doubts

    def _answer(self, rows: Rows) -> dict[str, Any]:
        self.rebuilds.replan()
        return {"version": rows.version, "rows": self._rows(rows)}

    def _rows(self, rows: Rows) -> dict[str, Mapping[str, str]]:
        found = {}
        for name, cells in rows.cells.items():
            index = self.session.index(name)
            if index is not None:
                found[str(index)] = cells
        return found

    @property
    def _sigma(self) -> float:
        # Strain as the tensors have it, and the report.
        return self.session.opened.config.tensor.strain_sigma

    def _clip(self, index: int) -> ReviewClip:
        clip = self.session.clip(index)
        if clip is None:
            raise NotInRunError(index)
        return clip

    def _uv(self, clip: ReviewClip) -> Any:
        if "flow" not in clip.outcome.stages or clip.outcome.stages["flow"].failure:
            raise UsageError("the clip has no flow", "Rebuild.")
        stored = self.session.context.store.read(clip.outcome.object_name("flow"), ARRAYS["flow"])
        return np.asarray(stored.arrays["uv"], np.float32)

    def _changed(self) -> None:
        self._doubts = None
        self.recordings.forget()
        with self._lock:
            self._motions.clear()

    def _measure(self, index: int, clip: ReviewClip) -> None:
        # One at a time: frames come first. A clip that nobody looks at any more is left.
        with self._measuring:
            if time.monotonic() - self._asked[index] > _FORGOTTEN_S:
                with self._lock:
                    self._motions.pop(index, None)
                return
            answer = self._measured(clip)
        with self._lock:
            self._motions[index] = answer

    def _measured(self, clip: ReviewClip) -> dict[str, Any]:
        from mepipe.pipeline.motion import motion_of_clip

        session = self.session
        try:
            if clip.shown is None:
                raise UsageError("its source is gone", "Restore it.")
            found = motion_of_clip(clip.shown, clip.outcome, session.opened.config, session.context)
        except MepipeError as error:
            return {"state": "failed", "message": str(error)}
        if isinstance(found, Failure):
            return {"state": "failed", "message": f"{found.message}. {found.remedy}".strip()}
        return {
            "state": "done",
            "onset": found.onset,
            "apex": found.apex,
            "offset": found.offset,
            "movement": found.movement,
            "strength": round(found.strength, 2),
            "confidence": {name: round(one, 2) for name, one in found.confidence.items()},
            "first": found.first,
            "curve": rounded(found.curve),
            "regions": {name: rounded(one) for name, one in found.regions.items()},
        }


def _texts(cells: Any) -> dict[str, str]:
    """Return the cells of a change.

    Raises
    ------
    UsageError
        If they are not texts by known columns.
    """
    if not isinstance(cells, dict) or not all(
        name in _COLUMNS and isinstance(text, str) for name, text in cells.items()
    ):
        raise UsageError("a change needs texts by the columns of corrections", "Reload the page.")
    return dict(cells)
