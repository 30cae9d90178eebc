"""``mepipe sample``."""

from __future__ import annotations

from pathlib import Path

import click

from mepipe.cli.errors import exit_codes
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say
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
@click.option("--subjects", type=click.IntRange(1, 99), help="Default: 12; of recordings: 4.")
@click.option(
    "--clips", type=click.IntRange(1, 99), help="Per subject. Default: 3; of recordings: 1."
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
@click.option(
    "--recordings",
    is_flag=True,
    help="Recordings with many movements each, instead of clips: subject/recording.mp4, "
    "with events.csv. They have blinks, gaze, sway, turns, light and speech.",
)
@click.option(
    "--without",
    type=click.Choice(("blinks", "head", "light", "speech")),
    multiple=True,
    help="Leave this out of the recordings.",
)
@click.option(
    "--seconds", type=click.IntRange(2, 7200), help="Length of a recording.  [default: 60]"
)
@click.option(
    "--fps", type=click.IntRange(25, 200), help="Frames per second of a recording.  [default: 30]"
)
def command(
    out: Path,
    layout: str,
    subjects: int | None,
    clips: int | None,
    seed: int,
    photos: Path | None,
    *,
    hard: bool,
    recordings: bool,
    without: tuple[str, ...],
    seconds: int | None,
    fps: int | None,
    **chosen: bool,
) -> None:
    """Write a synthetic dataset with ground truth (truth.csv) to OUT.

    It is made from a photograph. Use it to try mepipe, not for scientific results.

    \b
    Example:
      mepipe sample demo-data --layout casme2
      mepipe sample demo-recordings --recordings --seconds 90
    """
    with exit_codes(resume="Run the same command again to write the whole sample."):
        from dataclasses import replace

        from mepipe.sample import HARD, Everyday, Factors, write, write_recordings

        _fit_together(
            recordings,
            of_clips=[f"--{name}" for name in ("blinks", "head", "light", "timing", "uneven")
                      if chosen[name]]
            + ["--hard"] * hard + ["--layout"] * (layout != "folder"),
            of_recordings=["--without"] * bool(without) + ["--seconds"] * (seconds is not None)
            + ["--fps"] * (fps is not None),
        )  # fmt: skip
        progress = make_progress(quiet=False)
        if recordings:
            people, each = subjects or 4, clips or 1
            progress.begin("sample recordings", people * each)
            try:
                made = write_recordings(
                    out,
                    subjects=people,
                    clips=each,
                    seconds=seconds or 60,
                    fps=fps or 30,
                    seed=seed,
                    photos=photos,
                    everyday=Everyday(**dict.fromkeys(without, False), still=chosen["still"]),
                    progress=lambda done, total: progress.advance(),
                )
            finally:
                progress.end()
            say(str(made))
            return
        subjects, clips = subjects or 12, clips or 3
        factors = replace(HARD, still=chosen["still"]) if hard else Factors(**chosen)
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
        say(str(summary))


def _fit_together(recordings: bool, *, of_clips: list[str], of_recordings: list[str]) -> None:
    """Refuse options of clips with --recordings, and options of recordings without."""
    from mepipe.errors import UsageError

    if recordings and of_clips:
        raise UsageError(
            f"{', '.join(of_clips)} cannot be given with --recordings",
            "Recordings have blinks, head, light and speech; leave some out with --without.",
        )
    if of_recordings and not recordings:
        raise UsageError(
            f"{', '.join(of_recordings)} can only be given with --recordings",
            "Add --recordings, or leave it away.",
        )
