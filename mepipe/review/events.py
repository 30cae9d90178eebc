"""The movements of recordings, as they are reviewed: split, merged, added, deleted, moved."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from mepipe.clips.clip_task import PreparedClip
from mepipe.errors import UsageError
from mepipe.recordings.result import RecordingEvents
from mepipe.review.content import rounded
from mepipe.review.session import ReviewClip, Session


class Events:
    """The recordings of a run and what was found in them.

    Parameters
    ----------
    session
        The run.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[str, RecordingEvents] | None = None
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Read the recordings again when they are asked for: the run has changed."""
        with self._lock:
            self._found = None

    def shown(self, clip: ReviewClip) -> dict[str, Any]:
        """Return the movements of a recording, and its curve."""
        found = self._recording(clip)
        return {"curve": rounded(found.curve), "first": 0}

    def change(self, clip: ReviewClip, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change the movements of a recording."""
        del clip, body
        raise UsageError("not yet")

    def _recording(self, clip: ReviewClip) -> RecordingEvents:
        with self._lock:
            if self._found is None:
                self._found = self._search()
            found = self._found.get(clip.id)
        if found is None:
            raise UsageError(
                f"{clip.id} was not searched for movements yet", "Rebuild: it is searched then."
            )
        return found

    def _search(self) -> dict[str, RecordingEvents]:
        """Return what the cache knows of the recordings; nothing is measured."""
        del PreparedClip
        return {}
