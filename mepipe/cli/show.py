"""``mepipe show``."""

from __future__ import annotations

from pathlib import Path

import click

from mepipe.cli.choices import resolved_config, setting_options
from mepipe.cli.errors import exit_codes
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say
from mepipe.errors import UsageError


@click.command()
@click.argument("clip", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The picture. Default: CLIP.png in the current folder.",
)
@click.option(
    "--gif",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a film instead: the movement from onset to offset, and magnified beside it.",
)
@click.option(
    "--magnify",
    type=click.FloatRange(0, 100),
    metavar="K",
    help="With --gif: how many times the motion. Default: 8, or less for a large movement.",
)
@click.option(
    "--event", type=click.IntRange(1), metavar="N", help="Show movement N of a recording."
)
@setting_options
def command(
    clip: Path,
    out: Path | None,
    gif: Path | None,
    magnify: float | None,
    event: int | None,
    config_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Draw the results of one clip: a video, or a folder of images.

    The picture shows the face with box and landmarks, the aligned onset and
    apex, flow as colour, strain, and the motion curve with the key frames.
    It shows a face, which is personal data. A folder of images needs data.fps. A recording
    can have many movements: --event shows one, with the number that `mepipe spot` gives it.
    --gif writes a slow film of the movement, as it is and with its motion enlarged.

    \b
    Example:
      mepipe show videos/s01/smile.mp4
      mepipe show interview.mp4 --event 3
      mepipe show videos/s01/smile.mp4 --gif smile.gif
      mepipe show CASME2/CASME2_RAW_selected/sub01/EP02_01f --set data.fps=200
    """
    with exit_codes():
        from mepipe.cache import disk
        from mepipe.inference.picture import show, show_magnified

        if out is not None and gif is not None:
            raise UsageError("--out and --gif exclude each other", "Give one, then the other.")
        name = clip.resolve().name + ("" if event is None else f"-{event}")
        target = gif or out or Path(f"{name}.png")
        if not target.absolute().parent.is_dir():
            raise UsageError(f"there is no folder {target.parent}", "Create it, or choose another.")
        config = resolved_config(config_file, assignments, None, None)
        store = None
        if event is not None:
            from mepipe.cache.location import cache_root
            from mepipe.cache.store import open_store

            store = open_store(cache_root(None))
        progress = make_progress(quiet=False)
        if gif is None:
            data = show(clip, config, progress, event=event, store=store)
        else:
            data = show_magnified(clip, config, progress, factor=magnify, event=event, store=store)
        disk.write_atomic(target, data, private=True)
        say(f"{'picture' if gif is None else 'film'} {target}")
