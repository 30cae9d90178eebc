"""``mepipe export``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say
from mepipe.schema import EXPORT_FORMS

if TYPE_CHECKING:
    from mepipe.io import Exported


@click.command()
@click.argument("features", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Choice(EXPORT_FORMS), required=True, help="The format.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="A new or empty folder."
)
@click.option(
    "--select",
    multiple=True,
    metavar="COLUMN=VALUE,...",
    help="Only clips with these values, for example dataset=casme2 (repeatable).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    features: Path, target: str, out: Path, select: tuple[str, ...], *, as_json: bool
) -> None:
    """Write features in a format that other code reads.

    npz: arrays for NumPy. csv: tables for R and pandas. png: pictures with flow as
    colour and strain as grey. ststnet, htnet: the trees of pictures that the public
    training scripts of these networks read.

    \b
    Examples:
      mepipe export mepipe-out/features.h5 --to npz --out arrays
      mepipe export mepipe-out/features.h5 --to ststnet --out for-ststnet
      mepipe export features.h5 --to csv --out tables --select dataset=casme2
    """
    started = time.monotonic()
    with exit_codes(as_json=as_json, resume="Nothing was written. Run the same command again."):
        from mepipe.features import Features
        from mepipe.io import export

        opened = Features(features)
        rows = None
        if select:
            from mepipe.evaluation.evaluate import labelled

            # The selection of an evaluation: clips without a class are left out as well.
            wanted = set(labelled(opened, select).clip)
            rows = [row for row, clip in enumerate(opened.clip.tolist()) if clip in wanted]
        progress = make_progress(quiet=as_json)
        progress.begin(f"export {target}", len(opened) if rows is None else len(rows))
        try:
            done = export(opened, target, out, rows=rows, advance=progress.advance)
        finally:
            progress.end()
        if as_json:
            elapsed = round(time.monotonic() - started, 3)
            print_json(
                {
                    "target": done.target,
                    "out": str(done.out),
                    "clips": done.clips,
                    "files": done.files,
                    "left_out": list(done.left_out),
                    "notes": list(done.notes),
                    "elapsed_s": elapsed,
                }
            )
        else:
            _print(done, time.monotonic() - started)


def _print(done: Exported, elapsed: float) -> None:
    say(f"{'clips':<10}{done.clips}")
    if done.left_out:
        some = ", ".join(done.left_out[:3]) + (", ..." if len(done.left_out) > 3 else "")
        say(f"{'left out':<10}{len(done.left_out)} without a class: {some}")
    for note in done.notes:
        say(f"{'note':<10}{note}")
    say(f"{'files':<10}{done.files}, in {elapsed:.1f} s")
    say(f"{'folder':<10}{done.out}")
