"""What a rebuild would compute, and the rebuild itself: the run once more, in a process of its own.

The plan is that of `mepipe run --dry-run`, made again after every change. The process runs what
`mepipe run` runs with the datasets, settings, cache and folder of the run that is reviewed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mepipe.errors import MepipeError
from mepipe.execution.safe_start import SAFE
from mepipe.pipeline.plan import StageCount
from mepipe.review.session import Session


@dataclass(frozen=True)
class Job:
    """A rebuild that runs or ran.

    Parameters
    ----------
    state
        ``none``, ``running``, ``done`` or ``failed``.
    number
        Counts the rebuilds: a page knows by it that there is something new.
    title, done, total
        The progress.
    message, remedy
        What was computed, or what went wrong and what to do.
    """

    state: str = "none"
    number: int = 0
    title: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Planned:
    """What a rebuild would compute. ``stages`` has (stage, clips, at most so many)."""

    state: str = "making"
    stages: tuple[tuple[str, int, int], ...] = ()
    message: str = ""

    @property
    def words(self) -> str:
        """The plan in one line.

        >>> Planned("made", (("flow", 1, 1), ("tensor", 0, 1))).words
        'flow 1, tensor at most 1'
        """
        return ", ".join(
            f"{stage} {compute}" if most == compute else f"{stage} at most {most}"
            for stage, compute, most in self.stages
        )


def planned(counts: tuple[StageCount, ...]) -> Planned:
    """Return the plan of a run as the page shows it."""
    stale = [(one.stage, one.compute, one.at_most) for one in counts if one.at_most]
    return Planned("made", tuple(stale))


class Rebuild:
    """Plans and runs rebuilds, one at a time, and tells how far they are.

    Parameters
    ----------
    session
        The run.
    changed
        Called after a rebuild, before its job counts as done.
    """

    def __init__(self, session: Session, changed: Callable[[], object] = lambda: None) -> None:
        self._session, self._changed = session, changed
        self._lock = threading.Lock()
        self._wanted, self._closed = threading.Event(), False
        self._process: subprocess.Popen[str] | None = None
        self.job, self.plan = Job(), Planned()
        threading.Thread(target=self._plans, name="plan", daemon=True).start()
        self.replan()

    def replan(self) -> None:
        """Make the plan again: something has changed."""
        self.plan = replace(self.plan, state="making")
        self._wanted.set()

    def start(self) -> bool:
        """Start a rebuild. False if one is running."""
        with self._lock:
            if self.job.state == "running" or self._closed:
                return False
            self.job = Job("running", self.job.number + 1, "starting")
        threading.Thread(target=self._run, name="rebuild", daemon=True).start()
        return True

    def stop(self) -> None:
        """End a rebuild that is running. What it has finished stays in the cache."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    def close(self) -> None:
        """End everything."""
        self._closed = True
        self._wanted.set()
        self.stop()
        process = self._process
        if process is not None:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()

    def _plans(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closed:
                return
            try:
                plan = self._make()
            except MepipeError as error:
                plan = Planned("failed", message=str(error))
            # Not where something has changed meanwhile: then it is made again.
            if not self._wanted.is_set():
                self.plan = plan

    def _make(self) -> Planned:
        from mepipe.run import Run

        session = self._session
        opened = session.opened
        if len(opened.datasets) < len(opened.run.record["roots"]):
            return Planned("failed", message=opened.problems[0] if opened.problems else "")
        road = Run(
            opened.datasets,
            opened.config,
            session.context,
            out=session.out,
            until=opened.run.until,
            search=False,
        )
        plan = road.plan()
        return planned((*plan.counts, *road.outputs.plan(plan)))

    def _run(self) -> None:
        try:
            self._follow()
        except OSError as error:
            self.job = replace(self.job, state="failed", message=str(error))
        self._process = None
        self.replan()

    def _follow(self) -> None:
        said: dict[str, Any] = {}
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "mepipe.review.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **SAFE},
        ) as process:
            self._process = process
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(self._request()))
            process.stdin.close()
            for line in process.stdout:
                try:
                    said = json.loads(line)
                except ValueError:
                    continue  # a library prints
                if "title" in said:
                    self.job = replace(
                        self.job, title=said["title"], done=said["done"], total=said["total"]
                    )
            code = process.wait()
        if "finished" in said:
            self._session.reopen()
            self._changed()
            self.job = replace(self.job, state="done", message=said["finished"])
        else:
            stopped = "it was stopped" if code < 0 else f"it ended with code {code}"
            self.job = replace(
                self.job,
                state="failed",
                message=said.get("error", f"The rebuild did not end: {stopped}."),
                remedy=said.get("remedy", "What was finished is kept. Start it again."),
            )

    def _request(self) -> dict[str, Any]:
        session = self._session
        run, context = session.opened.run, session.context
        return {
            "roots": run.record["roots"],
            "config": session.opened.config.model_dump(mode="json", by_alias=True),
            "out": str(session.out),
            "cache": str(context.cache),
            "until": run.until,
            "jobs": context.jobs,
            "device": context.device,
        }
