"""A problem of a dataset, and how a run handles it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A problem of one clip, or of the dataset (``clip`` is None), and how it is handled.

    ``fatal`` is True if the clip cannot be used.
    """

    clip: str | None
    problem: str
    handling: str
    fatal: bool = False

    @classmethod
    def left_out(cls, clip: str, problem: str, remedy: str = "") -> Problem:
        """Return a problem for which the clip is left out, with what the user can do."""
        handling = "the clip is left out" + (f". {remedy}" if remedy else "")
        return cls(clip, problem, handling, fatal=True)
