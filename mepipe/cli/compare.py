"""``mepipe compare``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.errors import exit_codes, print_json
from mepipe.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@click.argument("folders", metavar="[NAME=]FOLDER...", nargs=-1, required=True)
@click.option("--all-pairs", is_flag=True, help="Compare every two, not only with the first.")
@click.option("--common", is_flag=True, help="Compare over the clips that all of them have.")
@click.option(
    "--resamples",
    type=click.IntRange(39),
    default=10_000,
    show_default=True,
    help="How many times the subjects are drawn.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write comparison.json, comparison.md and comparison.tex (a row a model) to this folder.",
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
    """Say whether models that predicted the same clips differ by more than chance.

    FOLDER is what an evaluation wrote: predictions.csv and results.json. The
    first is the reference that the others are compared with.

    \b
    Examples:
      mepipe compare svm-out spp-out
      mepipe compare SVM=svm-out SPP=spp-out STSTNet=ststnet-out --out comparison
    """
    with exit_codes(as_json=as_json, resume="Nothing is lost; run the same command again."):
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
    """Split every ``[NAME=]FOLDER``; a folder that exists is one, whatever it contains."""
    if len(folders) < 2:
        raise UsageError("one folder alone cannot be compared", "Name two or more.")
    named: dict[str, Path] = {}
    for given in folders:
        name, equals, path = given.partition("=")
        folder = Path(path if equals and not Path(given).exists() else given)
        if folder == Path(given):
            name = folder.absolute().name
        if not name.strip() or not name.isprintable():
            raise UsageError(f"{given!r}: {name!r} is no name for a model", "Write NAME=FOLDER.")
        if name.strip() in named:
            raise UsageError(f"two folders are called {name.strip()}", "Write NAME=FOLDER.")
        named[name.strip()] = folder
    return named


def _print(content: Mapping[str, Any], out: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape

    from mepipe.evaluation.comparison_tables import CAPTION, comparison_tables

    console = Console(highlight=False, soft_wrap=True)
    for title, one in comparison_tables(content).items():
        if title == "Differences":
            # A table a pair: on a screen there is no room for the pair's name in each row.
            for pair, rows in groupby(one.rows, key=itemgetter(0)):
                console.print(_table(pair, one.header[1:], [row[1:] for row in rows]))
        elif not title.endswith("per subject"):  # long: it is in the files and in --json
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
