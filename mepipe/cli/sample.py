"""``mepipe sample``."""

from __future__ import annotations

from pathlib import Path

import click

from mepipe.cli.errors import exit_codes
from mepipe.cli.progress import make_progress
from mepipe.schema import SAMPLE_LAYOUTS


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--layout",
    type=click.Choice(SAMPLE_LAYOUTS),
    default="folder",
    show_default=True,
    help="Folders and annotations: a generic dataset, or those of CASME II, SAMM or SMIC "
    "(its .bmp files take about 30 MB per clip).",
)
@click.option("--subjects", type=click.IntRange(1, 99), default=12, show_default=True)
@click.option(
    "--clips", type=click.IntRange(1, 99), default=3, show_default=True, help="Per subject."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Photographs with a frontal face, instead of scikit-image's astronaut.",
)
@click.option("--hard", is_flag=True, help="All factors below except --still.")
@click.option("--blinks", is_flag=True, help="Several blinks per clip, and shifts of gaze.")
@click.option("--head", is_flag=True, help="The head moves, rolls, and turns by up to 1.5 degrees.")
@click.option("--light", is_flag=True, help="A moving gradient of light, and flickering lamps.")
@click.option(
    "--timing",
    is_flag=True,
    help="Plateaus, movements that do not return, clips that are shorter or longer.",
)
@click.option("--uneven", is_flag=True, help="Delayed and one-sided action units.")
@click.option("--still", is_flag=True, help="No expression. The other factors stay.")
def command(
    out: Path,
    layout: str,
    subjects: int,
    clips: int,
    seed: int,
    photos: Path | None,
    *,
    hard: bool,
    **chosen: bool,
) -> None:
    """Write a synthetic dataset with ground truth (truth.csv) to OUT.

    It is made from a photograph. Use it to try mepipe, not for scientific results.

    \b
    Example:
      mepipe sample demo-data --layout casme2
    """
    with exit_codes(resume="Run the same command again to write the whole sample."):
        from dataclasses import replace

        from mepipe.sample import HARD, Factors, write

        factors = replace(HARD, still=chosen["still"]) if hard else Factors(**chosen)
        progress = make_progress(quiet=False)
        progress.begin("sample clips", subjects * clips)
        try:
            summary = write(
                out,
                layout=layout,
                subjects=subjects,
                clips=clips,
                seed=seed,
                photos=photos,
                factors=factors,
                progress=lambda done, total: progress.advance(),
            )
        finally:
            progress.end()
        click.echo(str(summary))
