"""The summary that a run prints at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from mepipe.cli.terminal import open_console
from mepipe.schema import SIDE_STAGES, STEPS

if TYPE_CHECKING:
    from rich.console import Console

    from mepipe.pipeline.plan import StageCount
    from mepipe.pipeline.run_result import RunResult
    from mepipe.pipeline.worth_a_look import Doubt
    from mepipe.recordings.clips import Searched

_SHOWN = 10
_DOUBTS = 5


def print_recordings(searched: Searched) -> None:
    """Print what was found in recordings, and which are to be searched first."""
    console = open_console()
    if searched.recordings:
        console.print(
            f"{_counted(len(searched.recordings), 'recording')}: "
            f"{_counted(searched.movements, 'movement')}"
        )
    if searched.waiting:
        first = ", ".join(searched.waiting[:3]) + ", ..." * (len(searched.waiting) > 3)
        one = len(searched.waiting) == 1
        console.print(
            f"{_counted(len(searched.waiting), 'recording')} ({escape(first)}) of "
            f"{searched.waiting_s / 60:.1f} minutes of video would be searched for movements "
            f"first. Below, {'it counts' if one else 'each counts'} as one clip."
        )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def print_plan(counts: Sequence[StageCount], other_versions: Mapping[str, int]) -> None:
    """Print what would be computed and why."""
    console = open_console()
    table = Table("stage", "compute", "reuse", "why")
    for count in counts:
        waiting = count.at_most - count.compute
        compute = str(count.compute) if count.compute or not waiting else ""
        if waiting:
            after = {why.partition("waits for ")[2] for why in count.reasons}
            what = f"{waiting} (after {' or '.join(sorted(after - {''}))})"
            compute = f"{compute} + {what}" if compute else what
        reasons = (f"{n} × {escape(why)}" for why, n in count.reasons.most_common() if n)
        table.add_row(count.stage, compute, str(count.reuse), "\n".join(reasons))
    console.print(table)
    for what, number in sorted(other_versions.items()):
        console.print(
            f"{number} result(s) to reuse were made by other library versions: {escape(what)}. "
            "--strict-versions computes them again."
        )
    if any(count.at_most > count.compute for count in counts):
        console.print(
            "(after ...): what of these is in the cache is known when the step before is done."
        )
    if not any(count.at_most for count in counts):
        console.print("Nothing to compute: everything is in the cache.")


def print_result(result: RunResult, out: Path, cache: Path, elapsed: float) -> None:
    """Print failures first, then notes, what was done, results, and the files written."""
    console = open_console()
    _print_failures(console, result)
    _print_notes(console, result)
    print_doubts(console, result.doubts)
    steps = (*STEPS, *SIDE_STAGES)
    done = ", ".join(f"{step} {result.computed[step]}" for step in steps if result.computed[step])
    reused = sum(result.reused[step] for step in STEPS)
    if not done:
        console.print("Nothing to compute: everything is in the cache.")
    console.print(
        f"{result.usable} of {result.clips} clips usable in {elapsed:.1f} s"
        + (f"; computed: {done}" if done else "")
        + (f"; reused: {reused} results" if reused else "")
    )
    _print_range(console, result)
    if result.results is not None:
        from mepipe.cli.evaluate import print_results

        print_results(console, result.results)
        console.print(escape(result.network))
        for note in result.results["notes"]:
            console.print(escape(note))
    elif result.no_results:
        console.print(f"No classifier results: {escape(result.no_results)}")
    if result.stopped_early:
        console.print("Stopped at the first failure (--fail-fast): no files were written.")
    # Without usable clips or with --until the file can be one of an earlier run.
    before = out / "features.h5"
    if result.features is not None:
        console.print(f"features    {escape(str(result.features))}")
    elif not result.stopped_early and before.exists():
        console.print(
            f"features    {escape(str(before))} was written by an earlier run, not by this one"
        )
    earlier = out / "earlier"
    if (earlier / "results.json").exists():
        console.print(
            f"earlier     {escape(str(earlier))}: results of an earlier run, of other features"
        )
    if result.results is not None:
        for label, file in (
            ("results", "results.json"),
            ("predictions", "predictions.csv"),
            ("picture", "confusion.png"),
        ):
            console.print(f"{label:<11} {escape(str(out / file))}")
    if result.report is not None:
        console.print(f"report      {escape(str(result.report))}")
    if result.recordings and not result.stopped_early:
        console.print(f"events      {escape(str(out / 'events.csv'))}")
    if not result.stopped_early:
        for label, some in (("failures", result.failures), ("notes", result.notes)):
            if some:
                console.print(f"{label:<11} {escape(str(out / label))}.csv")
        if result.doubts:
            console.print(f"look at     {escape(str(out / 'worth-a-look.csv'))}")
    console.print(f"cache       {escape(str(cache))}", soft_wrap=True)


def print_doubts(console: Console, doubts: Sequence[Doubt], more: str = "") -> None:
    """Print the first clips that are worth a look, and where the others are."""
    from mepipe.pipeline.worth_a_look import in_short

    if not doubts:
        return
    clips = in_short(doubts)
    console.print(f"{len(clips)} clip(s) worth a look, the most doubtful first:")
    for clip, texts in clips[:_DOUBTS]:
        console.print(f"  {escape(clip)}: {escape(texts)}", soft_wrap=True)
    if len(clips) > _DOUBTS:
        console.print(f"  ... and {len(clips) - _DOUBTS} more" + (more or ": see worth-a-look.csv"))


def _print_range(console: Console, result: RunResult) -> None:
    """Print how many movements are no micro-expressions. Each is named in notes.csv."""
    found = result.out_of_range
    if not found:
        return
    clip, one = max(found.items(), key=lambda item: (item[1].seconds or 0, item[1].px or 0))
    console.print(
        f"{len(found)} of {result.usable} clips: not a micro-expression; the classes do not apply, "
        f"see notes.csv. The longest is {escape(clip)}: {one.measured} ({one.limits})"
    )


def _print_failures(console: Console, result: RunResult) -> None:
    if not result.failures:
        return
    console.print(f"{len(result.failures)} clip(s) failed:")
    for failure in result.failures[:_SHOWN]:
        console.print(
            f"  {escape(failure.clip)} ({failure.stage}): "
            f"{escape(failure.message)}. {escape(failure.remedy)}",
            soft_wrap=True,
        )
    if len(result.failures) > _SHOWN:
        console.print(f"  ... and {len(result.failures) - _SHOWN} more: see failures.csv")


def _print_notes(console: Console, result: RunResult) -> None:
    if not result.notes:
        return
    console.print(f"{len(result.notes)} note(s):")
    # What is said of many clips is said once.
    clips: dict[str, list[str]] = {}
    for note in result.notes:
        clips.setdefault(note.text, []).append(note.clip or "")
    for text, named in list(clips.items())[:_SHOWN]:
        where = f"{named[0]}: " if named[0] else ""
        if len(named) > 1:
            where = f"{len(named)} clips ({named[0]}, {named[1]}{', ...' * (len(named) > 2)}): "
        console.print(f"  {escape(where + text)}", soft_wrap=True)
    if len(clips) > _SHOWN:
        console.print(f"  ... and {len(clips) - _SHOWN} more: see notes.csv")
