"""``mepipe bench spot``, and the progress of benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from mepipe.cli.errors import exit_codes
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say


@contextmanager
def counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows progress. It is called with (done, total)."""
    progress = make_progress(quiet=False)

    def advance(done: int, total: int) -> None:
        if done == 1:  # how many there are is known then
            progress.begin(title, total)
        progress.advance()

    try:
        yield advance
    finally:
        progress.end()


@click.command()
@click.option(
    "--dataset",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Clips with a truth.csv, instead of synthetic clips.",
)
@click.option("--hard", is_flag=True, help="Synthetic clips with blinks, head turns and flicker.")
@click.option(
    "--still", is_flag=True, help="How often still faces in videos are called moving, instead."
)
@click.option(
    "--sway", type=click.FloatRange(0), default=0.0, help="With --still: of the heads, px."
)
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Photographs of faces, instead of scikit-image's astronaut.",
)
@click.option(
    "--recordings",
    is_flag=True,
    help="Movements in recordings of each kind, one of each subject, instead of clips.",
)
@click.option("--subjects", type=click.IntRange(1, 999), help="Default: 20; of recordings: 4.")
@click.option("--clips", type=click.IntRange(1, 99), default=3, show_default=True)
@click.option(
    "--seconds",
    type=click.IntRange(10, 7200),
    default=60,
    show_default=True,
    help="Length of a recording.",
)
@click.option(
    "--fps",
    type=click.IntRange(25, 200),
    default=30,
    show_default=True,
    help="Frames per second of a recording.",
)
@click.option("--method", "methods", multiple=True, help="A method for recordings; default: all.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def spot(
    dataset: Path | None,
    hard: bool,
    still: bool,
    sway: float,
    photos: Path | None,
    recordings: bool,
    subjects: int | None,
    clips: int,
    seconds: int,
    fps: int,
    methods: tuple[str, ...],
    seed: int,
) -> None:
    """Compare the onset and apex of each method with the exact truth.

    Half of the synthetic clips show a movement, half do not.

    \b
    Example:
      mepipe bench spot --hard --photos faces/
      mepipe bench spot --recordings --photos faces/ --subjects 2
    """
    with exit_codes():
        if recordings:
            from mepipe.bench.recordings import measure as measure_recordings
            from mepipe.bench.recordings import recordings_table

            with counting("recordings") as advance:
                found = measure_recordings(
                    photos,
                    subjects=subjects or 4,
                    seconds=seconds,
                    fps=fps,
                    seed=seed,
                    methods=methods,
                    progress=advance,
                )
            say(recordings_table(found))
            return
        if still:
            from mepipe.bench.still import measure as measure_still
            from mepipe.bench.still import still_table

            with counting("kinds of video") as advance:
                cells = measure_still(photos, clips=clips, seed=seed, sway=sway, progress=advance)
            say(still_table(cells))
            return
        from mepipe.bench.spot import measure, spot_table

        with counting("clips") as advance:
            rows = measure(
                dataset,
                hard=hard,
                photos=photos,
                subjects=subjects or 20,
                clips=clips,
                seed=seed,
                progress=advance,
            )
        say(spot_table(rows))
