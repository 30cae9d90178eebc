"""``mepipe compare``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.terminal import open_console
from mepipe.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@click.argument("folders", metavar="[NAME=]FOLDER...", nargs=-1, required=True)
@click.option("--all-pairs", is_flag=True, help="Compare all pairs, not only each with the first.")
@click.option("--common", is_flag=True, help="Compare on the clips that all folders have.")
@click.option(
    "--resamples",
    type=click.IntRange(39),
    default=10_000,
    show_default=True,
    help="Number of resamples of the subjects.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write comparison.json, .md and .tex (one row per model) to this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    folders: tuple[str, ...],
    resamples: int,
    out: Path | None,
    *,
    all_pairs: bool,
    common: bool,
    as_json: bool,
) -> None:
    """Test whether models that predicted the same clips differ by more than chance.

    FOLDER is the output folder of an evaluation, with predictions.csv and results.json.
    The others are compared with the first one.

    \b
    Examples:
      mepipe compare svm-out spp-out
      mepipe compare SVM=svm-out SPP=spp-out STSTNet=ststnet-out --out comparison
    """
    with exit_codes(as_json=as_json, resume="Nothing is lost. Run the same command again."):
        from mepipe.evaluation.comparison_result import compare

        comparison = compare(
            _named(folders), resamples=resamples, all_pairs=all_pairs, common=common
        )
        if out is not None:
            comparison.write(out)
        if as_json:
            print_json(comparison.content)
        else:
            _print(comparison.content, out)


def _named(folders: tuple[str, ...]) -> dict[str, Path]:
    """Return the folders by name. An existing folder may contain ``=`` in its path."""
    if len(folders) < 2:
        raise UsageError("one folder cannot be compared", "Give two or more folders.")
    named: dict[str, Path] = {}
    for given in folders:
        name, equals, path = given.partition("=")
        folder = Path(path if equals and not Path(given).exists() else given)
        if folder == Path(given):
            name = folder.absolute().name
        if not name.strip() or not name.isprintable():
            raise UsageError(f"{given!r}: {name!r} is not a valid name", "Write NAME=FOLDER.")
        if name.strip() in named:
            raise UsageError(f"two folders have the name {name.strip()}", "Write NAME=FOLDER.")
        named[name.strip()] = folder
    return named


def _print(content: Mapping[str, Any], out: Path | None) -> None:
    from rich.markup import escape

    from mepipe.evaluation.comparison_tables import (
        CAPTION,
        comparison_notes,
        comparison_tables,
    )

    # Names come from the user: `escape` keeps "[" in them from being read as markup.
    console = open_console()
    for title, one in comparison_tables(content).items():
        if title == "Differences":
            # One table per pair: the name of the pair in each row would be too wide for a screen.
            for pair, rows in groupby(one.rows, key=itemgetter(0)):
                console.print(_table(pair, one.header[1:], [row[1:] for row in rows]))
        elif not title.endswith(
            "per subject"
        ):  # too long for a screen; the files and --json have it
            console.print(_table(title, one.header, one.rows))
    for pair in content["pairs"]:
        counts = pair["subjects"]
        console.print(
            escape(
                f"{pair['model']} has more clips right than {pair['reference']} of "
                f"{counts['more_right']} subjects, fewer of {counts['fewer_right']}, as many of "
                f"{counts['same']}"
            )
        )
    for note in comparison_notes(content):
        console.print(escape(note))
    for name, clips in content["left_out"].items():
        if clips:
            console.print(escape(f"{clips} clip(s) of {name} that others lack were left out"))
    console.print(
        escape(
            f"{content['protocol']}, {content['clips']} clips of {content['subjects']} subjects. "
            f"{CAPTION}"
        )
    )
    if out is not None:
        console.print(f"written to {escape(str(out))}: comparison.md, .tex, .json")


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(*map(escape, header), title=escape(title), title_justify="left")
    for row in rows:
        table.add_row(*map(escape, row))
    return table
