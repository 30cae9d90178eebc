"""``mepipe evaluate-events``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.terminal import open_console, say
from mepipe.schema import SPOTTING_RULES

if TYPE_CHECKING:
    from mepipe.evaluation.spotting_result import SpottingResult


@click.command()
@click.argument("truth")
@click.argument("predicted")
@click.option(
    "--rule",
    type=click.Choice(SPOTTING_RULES),
    default=SPOTTING_RULES[0],
    show_default=True,
    help="How events are counted. strs-script counts as the public script of STRS, for comparison.",
)
@click.option(
    "--iou",
    "threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="The least intersection over union of a true positive.",
)
@click.option("--fps", type=float, help="Frames per second of recordings of which no file says it.")
@click.option(
    "--classes",
    metavar="NAME,...",
    help="Score recognition on these classes only. Default: all that the truth has.",
)
@click.option(
    "--numbers",
    is_flag=True,
    help="Compare the dataset's own frame numbers, not positions from 0.",
)
@click.option(
    "--resamples",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="Number of resamples of the subjects.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write spotting.json, spotting.md and events_scored.csv to this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    truth: str,
    predicted: str,
    rule: str,
    threshold: float,
    fps: float | None,
    classes: str | None,
    resamples: int,
    out: Path | None,
    *,
    numbers: bool,
    as_json: bool,
) -> None:
    """Score events found in recordings against the true ones, by the rules of MEGC.

    TRUTH and PREDICTED are tables with the columns recording, onset, offset and fps
    (optional: kind, apex, subject, emotion), a folder with events.csv, or a dataset.

    \b
    Examples:
      mepipe evaluate-events truth.csv found.csv
      mepipe evaluate-events truth.csv found.csv --json
      mepipe evaluate-events CASME2/ spot-out --classes negative,positive,surprise
    """
    with exit_codes(as_json=as_json, resume="Nothing is lost. Run the same command again."):
        from mepipe.evaluation.spotting_metrics import score

        named = None
        if classes is not None:
            named = [word for part in classes.split(",") if (word := part.strip().casefold())]
        result = score(
            truth,
            predicted,
            rule=rule,
            threshold=threshold,
            fps=fps,
            classes=named,
            numbers=numbers,
            resamples=resamples,
        )
        if out is not None:
            result.write(out)
        for note in result.notes:
            say(f"mepipe: {note}.", err=True)
        if as_json:
            print_json(result.content)
        else:
            _print(result, out)


def _print(result: SpottingResult, out: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from mepipe.evaluation.spotting_result import FILES, figure_rows, sentences

    console = open_console()
    header, rows = figure_rows(result.content)
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for line in sentences(result.content):
        console.print(escape(line))
    if out is not None:
        console.print(f"written to {escape(str(out))}: {', '.join(FILES)}")
