"""``mepipe marks``."""

from __future__ import annotations

from pathlib import Path

import click

from mepipe.cli.errors import exit_codes
from mepipe.cli.terminal import say

_PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Bring marks to ELAN or a table, and back as corrections.

    \b
    Examples:
      mepipe marks export mepipe-out --out elan
      mepipe marks import elan --into mepipe-out
    """


@command.command()
@click.argument("out", metavar="RUN", type=_PATH)
@click.option(
    "--to",
    type=click.Choice(("elan", "csv")),
    default="elan",
    show_default=True,
    help="An .eaf of each clip or recording, or one table.",
)
@click.option("--out", "folder", type=_PATH, required=True, help="A new or empty folder.")
def export(out: Path, to: str, folder: Path) -> None:
    """Write the marks that a run used.

    RUN is the output folder of `mepipe run`.

    \b
    Examples:
      mepipe marks export mepipe-out --out elan
      mepipe marks export mepipe-out --to csv --out marks
    """
    with exit_codes():
        from mepipe.recordings.mark_files import write_marks
        from mepipe.recordings.marks import marks_of_run

        files, notes = write_marks(marks_of_run(out), to, folder)
        for note in notes:
            say(note)
        say(f"{len(files)} file{'s' * (len(files) != 1)} in {folder}")


@command.command(name="import")
@click.argument("files", metavar="FILE...", type=_PATH, nargs=-1, required=True)
@click.option("--into", "out", type=_PATH, required=True, help="The output folder of a run.")
@click.option(
    "--coder", metavar="NAME", default="", help="Keep the marks apart, in corrections-NAME.csv."
)
@click.option("--fps", type=click.FloatRange(0, min_open=True), help="Of clips without a rate.")
def import_(files: tuple[Path, ...], out: Path, coder: str, fps: float | None) -> None:
    """Write marks to the corrections of a run.

    FILE is an .eaf of ELAN, a table, or a folder of .eaf. What differs from the run's marks goes to
    its corrections.csv (of recordings: corrected-events.csv), which the next run uses.

    \b
    Examples:
      mepipe marks import elan/ --into mepipe-out
      mepipe marks import ann/*.eaf --into mepipe-out --coder ann
    """
    with exit_codes():
        from mepipe.clips.correction_places import files_of
        from mepipe.recordings.mark_files import import_marks, read_marks
        from mepipe.recordings.marks import marks_of_run

        known = {one.name: one for one in marks_of_run(out)}
        read = read_marks(files, known, fps)
        count, notes = import_marks(read.marked, known, out, who=coder or "import", coder=coder)
        for note in (*read.notes, *notes):
            say(note)
        places = " and ".join(str(one) for one in files_of(out, coder) if one.exists())
        same = len(read.marked) - count - len(notes)
        say(
            f"{count} of {len(read.marked)} written"
            + (f" to {places}" if count else "")
            + (f"; {same} are as in the run" if same > 0 else "")
        )
