"""Something wrong in a dataset, and what a run would do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Something wrong, of one clip or (None) of the dataset, and what becomes of it.

    ``fatal`` says that the clip cannot be used.
    """

    clip: str | None
    problem: str
    handling: str
    fatal: bool = False

    @classmethod
    def left_out(cls, clip: str, problem: str, remedy: str = "") -> Problem:
        """Return a problem that costs the clip, with what the user can do."""
        handling = "the clip is left out" + (f". {remedy}" if remedy else "")
        return cls(clip, problem, handling, fatal=True)
