"""What ``mepipe evaluate --units`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mepipe.cli.errors import print_json
from mepipe.cli.terminal import open_console
from mepipe.schema import protocol_words

if TYPE_CHECKING:
    from mepipe.evaluation.unit_results import UnitResult


def show_units(done: UnitResult, out: Path, work: str, *, as_json: bool) -> None:
    """Print the results, what the model is, and where the files are; ``work``: what was done."""
    content = done.content
    if as_json:
        extra = {"out": str(out), "computed": done.computed, "reused": done.reused}
        print_json({**content, **extra})
        return
    from rich.markup import escape
    from rich.table import Table

    from mepipe.evaluation.unit_results import FILES, unit_screen

    console = open_console()
    shown = unit_screen(content)
    table = Table(*shown.header)
    for row in shown.rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    for note in shown.notes:
        console.print(note, markup=False)
    seeds = content["per_seed"]
    values = [one["mean_f1"] for one in seeds]
    spread = f" (mean F1 {min(values):.3f} to {max(values):.3f})" if len(seeds) > 1 else ""
    interval = "; [95 %]: interval over resampled subjects" if content["ci"] else ""
    console.print(
        f"{content['model']}, {protocol_words(content['protocol']).title} "
        f"({content['clips']} clips, {content['subjects']} subjects), means over {len(seeds)} "
        f"seed(s){spread}; F1 of a unit: from counts pooled over folds; TP, FP, FN: summed over "
        f"seeds; (always): F1 of answering the unit for every clip{interval}.",
        markup=False,
    )
    console.print(done.about, markup=False)
    console.print(work)
    for name in FILES:
        console.print(f"{name:<16} {out / name}", markup=False)
