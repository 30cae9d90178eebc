"""``mepipe review``."""

from __future__ import annotations

import os
import webbrowser
from contextlib import closing, suppress
from pathlib import Path

import click

from mepipe.cli.errors import exit_codes
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default=Path("mepipe-out"))
@click.option("--cache", type=click.Path(path_type=Path), help="The cache of the run.")
@click.option(
    "--coder",
    default="",
    metavar="NAME",
    help="Keep the marks of this coder apart, in corrections-NAME.csv, which no run reads.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Default: any port that is free."
)
@click.option("--no-open", is_flag=True, help="Print the address, and open no browser.")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes. Default: one per core.")
def command(
    out: Path, cache: Path | None, coder: str, port: int, jobs: int | None, *, no_open: bool
) -> None:
    """Look at the clips of a run in a browser, correct their marks, and run again.

    OUT is the output folder of a run. Every change is written at once to OUT/corrections.csv,
    which `mepipe run` reads. The page can start the run again: only what depends on a change is
    computed. Nothing but this machine reaches the page, and it ends with Ctrl-C.

    \b
    Examples:
      mepipe review mepipe-out
      mepipe review mepipe-out --coder anna
      mepipe review mepipe-out --port 8765 --no-open
    """
    with exit_codes(resume="All changes are saved. Run the same command again."):
        from mepipe.review.server import bind, end, require_starlette, serve

        require_starlette()
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import Store
        from mepipe.execution.context import Context
        from mepipe.review.room import Room
        from mepipe.review.session import Session, who_writes

        with closing(bind(port)) as listener:
            context = Context(
                Store(cache_root(cache)),
                jobs=jobs or os.cpu_count() or 1,
                progress=make_progress(quiet=False),
            )
            session = Session(out, context, coder=coder, who=who_writes())
            for problem in session.opened.problems:
                say(f"not shown: {problem}", err=True)
            if coder:
                say(f"marks       {session.file.path} (no run reads this file by itself)")
            else:
                say(f"marks       {session.file.path}")

            def opened(address: str) -> None:
                say(f"review      {address}")
                say("            only this machine reaches it, with this address; Ctrl-C ends it")
                if not no_open:
                    webbrowser.open(address)

            # The server hands the signal on, unless whoever started this ignores it.
            with suppress(KeyboardInterrupt):
                serve(Room(session), listener, opened)
            say("ended; all changes are saved")
            end()
