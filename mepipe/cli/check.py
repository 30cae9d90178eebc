"""``mepipe check``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.choices import data_options, resolved_config
from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say
from mepipe.errors import EXIT_DONE, EXIT_NOTHING_USABLE, EXIT_SOME_FAILED, UsageError

if TYPE_CHECKING:
    from mepipe.pipeline.check import Findings


_SHOWN = 10  # recordings


@click.command()
@click.argument("dataset", metavar="[NAME=]DATASET")
@click.option(
    "--as",
    "reader",
    metavar="READER",
    help="Use the reader casme2, folder, ..., to see why it does not fit. Only for checks.",
)
@data_options
@click.option(
    "--write-corrections",
    "template",
    type=click.Path(path_type=Path),
    help="Write a corrections.csv to fill in, with a row for each clip that has a problem.",
)
@click.option(
    "--frames",
    is_flag=True,
    help="Decode every image and look for every face, too: damage, repeats, darkness, heads that "
    "turn.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    dataset: str,
    reader: str | None,
    config_file: Path | None,
    assignments: tuple[str, ...],
    select: str | None,
    corrections: Path | None,
    cache: Path | None,
    template: Path | None,
    *,
    frames: bool,
    as_json: bool,
) -> None:
    """Show what a dataset contains, its problems, and how a run handles them.

    \b
    Examples:
      mepipe check CASME2/
      mepipe check videos/ --frames
      mepipe check videos/ --as folder --json
      mepipe check CASME2/ --write-corrections corrections.csv
    """
    with exit_codes(
        as_json=as_json, resume="Nothing is lost. Run the same command again."
    ) as ended_early:
        from mepipe.cache.location import cache_root
        from mepipe.datasets.registry import open_dataset
        from mepipe.pipeline.check import check_dataset

        # Checked first: reading a large dataset takes minutes.
        if template is not None and template.exists():
            raise UsageError(
                f"{template} exists already and is not overwritten",
                "Choose another file, or use this one: --corrections FILE.",
            )
        if template is not None and not template.absolute().parent.is_dir():
            raise UsageError(
                f"there is no folder {template.parent}", "Create it, or choose another."
            )
        config = resolved_config(config_file, assignments, select, corrections)
        progress = make_progress(quiet=as_json)
        found = open_dataset(dataset, reader)
        # If the check ends early, the JSON object still has every key.
        ended_early.update(_NOTHING, dataset=found.name)
        findings = check_dataset(found, config, cache_root(cache), progress, frames=frames)
        ended_early.update(_json(findings))
        if template is not None:
            template.write_text(findings.corrections(), encoding="utf-8")
        if as_json:
            print_json(_json(findings))
        else:
            _print(findings)
        code = EXIT_DONE
        if findings.usable < findings.clips:
            code = EXIT_SOME_FAILED
        if findings.usable == 0:
            code = EXIT_NOTHING_USABLE
    sys.exit(code)


_NOTHING: Mapping[str, Any] = {
    "dataset": None,
    "clips": 0,
    "usable": 0,
    "subjects": 0,
    "labels": {},
    "fps": None,
    "problems": [],
    "faces": False,
    "recordings": [],
    "worth_a_look": [],
}


def _json(findings: Findings) -> dict[str, Any]:
    return {
        "dataset": findings.dataset,
        "clips": findings.clips,
        "usable": findings.usable,
        "subjects": findings.subjects,
        "labels": dict(findings.labels),
        "fps": findings.fps,
        "problems": [
            {"clip": problem.clip, "problem": problem.problem, "handling": problem.handling}
            for problem in findings.problems
        ],
        "faces": findings.faces,
        "recordings": [
            {"clip": clip, "seconds": round(seconds, 3)}
            for clip, seconds in findings.recordings.items()
        ],
        "worth_a_look": [asdict(doubt) for doubt in findings.doubts],
    }


def _print(findings: Findings) -> None:
    classes = {name: n for name, n in findings.classes.items() if name is not None}
    none = {
        "outside": findings.classes.get(None, 0) - findings.unlabelled,
        "unlabelled": findings.unlabelled,
    }
    counted = [_counts(classes), *(f"{why}: {number}" for why, number in none.items() if number)]
    rates = ["unknown" if rate is None else f"{rate:g}" for rate in findings.rates]
    shown = ", ".join(rates[:3]) + (f", ... {rates[-1]}" if len(rates) > 3 else "")
    for title, text in (
        ("dataset", f"{findings.dataset}, read as {findings.reader}: {findings.root}"),
        ("clips", f"{findings.clips}, {_sound(findings)}"),
        ("subjects", str(findings.subjects)),
        ("labels", _counts(findings.labels) or "none"),
        ("classes", "; ".join(filter(None, counted))),
        ("fps", shown or "unknown"),
        ("missing", f"{findings.missing_frames} frame(s) within the clips"),
    ):
        say(f"{title:<10}{text}")
    _print_recordings(findings.recordings)
    if findings.problems:
        _print_problems(findings)
    else:
        say("No problem found.")
    if findings.doubts:
        from mepipe.cli.summary import print_doubts
        from mepipe.cli.terminal import open_console

        say("By what the newest run found:")
        print_doubts(open_console(), findings.doubts, ": see --json")


def _print_problems(findings: Findings) -> None:
    say(f"{len(findings.problems)} problem(s), and what a run does:")
    for problem in findings.problems:
        where = f"{problem.clip}: " if problem.clip else ""
        say(f"  {where}{problem.problem}")
        say(f"    -> {problem.handling}")


def _sound(findings: Findings) -> str:
    """Return how many clips are sound, as far as the check has looked."""
    if findings.faces:
        return f"{findings.usable} readable and with a face"
    return f"{findings.usable} readable; faces not looked for (--frames looks for them)"


def _print_recordings(recordings: Mapping[str, float]) -> None:
    for clip, seconds in list(recordings.items())[:_SHOWN]:
        say(f"{clip}: a recording of {seconds:.0f} s")
    if len(recordings) > _SHOWN:
        minutes = sum(recordings.values()) / 60
        say(f"and {len(recordings) - _SHOWN} more recordings: {minutes:.1f} minutes in all")
    if recordings:
        say(
            f"    -> a run finds {'its' if len(recordings) == 1 else 'their'} movements and makes "
            "a clip of each; recordings.longer_than_s=0 for one clip"
        )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())
