"""``mepipe agreement``."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.terminal import open_console, say
from mepipe.errors import UsageError

if TYPE_CHECKING:
    from mepipe.evaluation.agreement import Agreement, Coded
    from mepipe.recordings.marks import Marked

_PATH = click.Path(path_type=Path)
_COLUMNS = (
    "of", "what", "n", "median_frames", "median_abs_frames", "abs_95_frames", "within_one_frame",
    "n_ms", "median_ms", "median_abs_ms", "abs_95_ms", "same", "kappa", "f1", "both", "only_first",
    "only_second",
)  # fmt: skip


@click.command()
@click.argument("first", metavar="A", type=_PATH)
@click.argument("second", metavar="B", type=_PATH)
@click.option("--run", "out", type=_PATH, help="The output folder of the run: rates and ids.")
@click.option("--fps", type=click.FloatRange(0, min_open=True), help="Frames per second of all.")
@click.option("--csv", "table", type=_PATH, help="Write the figures to this file, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    first: Path,
    second: Path,
    out: Path | None,
    fps: float | None,
    table: Path | None,
    *,
    as_json: bool,
) -> None:
    """Compare the marks of two coders: key frames, emotions, and whether anything moves.

    A and B are tables of corrections, files of ELAN (.eaf), or folders of these. Only what both
    coders marked is compared. Differences are B minus A. Times in ms need the rate: --run or --fps.

    \b
    Examples:
      mepipe agreement out/corrections.csv out/corrections-ann.csv --run out
      mepipe agreement kim/ ann/ --fps 200 --csv agreement.csv
    """
    with exit_codes(as_json=as_json):
        from mepipe.cache import disk
        from mepipe.evaluation.agreement import agreement, event_agreement
        from mepipe.extras import require_library
        from mepipe.recordings.mark_files import read_marks
        from mepipe.recordings.marks import marks_of_run

        require_library("sklearn", "comparing coders")
        if table is not None and table.exists():
            raise UsageError(f"{table} exists already", "Choose another file for --csv.")
        known = {} if out is None else {one.name: one for one in marks_of_run(out)}
        sides = [read_marks([path], known, fps) for path in (first, second)]
        rates = {one.name: one.fps for side in sides for one in side.marked if one.fps}
        rates |= {name: one.fps for name, one in known.items() if one.fps}
        if fps is not None:
            clash = next((n for n, r in rates.items() if abs(r - fps) > 1e-3 * r), None)
            if clash is not None:
                raise UsageError(
                    f"{clash} has {rates[clash]:g} frames per second, and --fps says {fps:g}",
                    "Leave --fps out.",
                )
        by = fps if fps is not None else rates
        found: dict[str, Agreement] = {}
        clips = [_clips(side.marked) for side in sides]
        events = [_events(side.marked) for side in sides]
        if any(clips):
            found["clips"] = agreement(clips[0], clips[1], by)
        if any(events):
            found["recordings"] = event_agreement(events[0], events[1], by)
        if not any(one.both or one.recordings for one in found.values()):
            raise UsageError(
                f"{first} and {second} have no clip in common that both coded",
                "Clips are compared by their ids; --run completes names that are cut off.",
            )
        notes = [note for side in sides for note in side.notes]
        rows = [row for what, one in found.items() for row in _rows(what, one)]
        if table is not None:
            disk.write_atomic(table, _csv(rows).encode())
        if as_json:
            print_json({**{what: one.as_dict() for what, one in found.items()}, "notes": notes})
            return
        for note in notes:
            say(note)
        for what, one in found.items():
            _print(what, one)


def _clips(marked: Iterable[Marked]) -> dict[str, Coded]:
    from mepipe.evaluation.agreement import Coded
    from mepipe.recordings.marks import Movement

    found = {}
    for one in marked:
        if not one.recording:
            movement = one.movements[0] if one.movements else Movement()
            said = None if one.still is None else not one.still
            found[one.name] = Coded(
                movement.onset, movement.apex, movement.offset, movement.emotion, said
            )
    return found


def _events(marked: Iterable[Marked]) -> dict[str, list[Coded]]:
    from mepipe.evaluation.agreement import Coded

    return {
        one.name: [Coded(x.onset, x.apex, x.offset, x.emotion) for x in one.movements]
        for one in marked
        if one.recording
    }


def _rows(what: str, one: Agreement) -> list[dict[str, Any]]:
    counts = {
        "both": one.both,
        "only_first": one.only_first,
        "only_second": one.only_second,
        "f1": one.f1,
    }
    rows: list[dict[str, Any]] = [{"of": what, "what": "counts", "n": one.both, **counts}]
    for name, mark in one.marks.items():
        rows.append(
            {
                "of": what, "what": name, "n": mark.n, "median_frames": mark.median,
                "median_abs_frames": mark.median_absolute, "abs_95_frames": mark.absolute_95,
                "within_one_frame": mark.within_one, "n_ms": mark.n_ms,
                "median_ms": mark.median_ms, "median_abs_ms": mark.median_absolute_ms,
                "abs_95_ms": mark.absolute_95_ms,
            }
        )  # fmt: skip
    for name, kappa in (("emotion", one.emotion), ("movement", one.movement)):
        rows.append(
            {"of": what, "what": name, "n": kappa.n, "same": kappa.same, "kappa": kappa.kappa}
        )
    return rows


def _csv(rows: list[dict[str, Any]]) -> str:
    import io

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "" if cell is None else cell for name, cell in row.items()})
    return text.getvalue()


def _print(what: str, one: Agreement) -> None:
    from rich.table import Table

    console = open_console()
    if what == "clips":
        console.print(
            f"{one.both} clips that both coded; {one.only_first} only in A, "
            f"{one.only_second} only in B: not compared"
        )
    else:
        console.print(
            f"{one.recordings} recordings that both coded: {one.both} movements of both, "
            f"{one.only_first} only in A, {one.only_second} only in B; F1 {_short(one.f1, 3)}"
        )
    marks = Table("B - A, frames", "n", "median", "median |d|", "95 % of |d|", "|d| <= 1")
    for name, mark in one.marks.items():
        if not mark.n:
            marks.add_row(name, "0", "", "", "", "")
            continue
        in_frames = (mark.median, mark.median_absolute, mark.absolute_95)
        in_ms = (mark.median_ms, mark.median_absolute_ms, mark.absolute_95_ms)
        cells = [
            _short(frames) + (f" ({_short(ms)} ms)" if mark.n_ms == mark.n else "")
            for frames, ms in zip(in_frames, in_ms, strict=True)
        ]
        marks.add_row(name, str(mark.n), *cells, f"{mark.within_one:.0%}")
    console.print(marks)
    for name, kappa in (("emotion", one.emotion), ("movement", one.movement)):
        if kappa.n:
            value = "undefined: only one answer" if kappa.kappa is None else f"{kappa.kappa:.3f}"
            console.print(
                f"{name}: the same in {kappa.same:.0%} of {kappa.n}; Cohen's kappa {value}"
            )


def _short(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}".removesuffix(".0")
