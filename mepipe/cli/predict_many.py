"""``mepipe predict`` on a folder or several files: one line a clip, and one CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mepipe.cli.terminal import say
from mepipe.errors import EXIT_DONE, EXIT_NOTHING_USABLE, EXIT_SOME_FAILED, UsageError

if TYPE_CHECKING:
    from mepipe.inference.many import Answer
    from mepipe.inference.predictor import Predictor
    from mepipe.schema import Progress

TABLE = Path("mepipe-predictions.csv")


def claim_table(out: Path) -> None:
    """Check that the table can be written: there is a folder, and nothing of somebody else.

    Raises
    ------
    UsageError
        If not.
    """
    from mepipe.inference.many import is_answers_csv

    if out.suffix.lower() != ".csv":
        raise UsageError(f"the file name {out} does not end in .csv", "Use a name like answers.csv")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", "Create it, or choose another.")
    if out.exists():
        with out.open("rb") as file:
            first = file.readline(1000).decode("utf-8", "replace")
        if not is_answers_csv(first):
            raise UsageError(
                f"{out} was not written by mepipe predict and is not replaced",
                "Choose another file with --out.",
            )


def predict_many(
    predictor: Predictor,
    clips: list[Path],
    fps: float | None,
    out: Path,
    progress: Progress,
    *,
    as_json: bool,
) -> tuple[int, dict[str, Any]]:
    """Ask about every clip, print a line each, and write the table. Return code and JSON.

    The table is written also where the work ends early: with what was answered until then.
    """
    from mepipe.cache import disk
    from mepipe.datasets.csv_tables import encoded
    from mepipe.inference.many import answers, answers_csv

    rows: list[Answer] = []
    try:
        for clip in clips:
            for one in answers(predictor, clip, fps, progress):
                rows.append(one)
                if not as_json:
                    say(_line(one))
    finally:
        disk.write_atomic(out, encoded(answers_csv(rows, predictor.classes)))
    if not as_json:
        say(f"table       {out}")
    answered = sum(row.found.label is not None for row in rows)
    code = EXIT_DONE if answered == len(rows) else EXIT_SOME_FAILED
    return EXIT_NOTHING_USABLE if not answered else code, {
        "predictions": [_json(row) for row in rows],
        "out": str(out),
        "model": dict(predictor.facts),
    }


def _line(row: Answer) -> str:
    found = row.found
    name = str(row.clip) if row.movement is None else f"{row.clip} #{row.movement}"
    if found.label is None:
        return f"{name}: no answer: {found.reason}"
    if found.out_of_range is not None:
        return f"{name}: {found.out_of_range}"
    shares = ", ".join(f"{label} {value:.2f}" for label, value in found.probabilities.items())
    return f"{name}: {found.label}  ({shares})"


def _json(row: Answer) -> dict[str, Any]:
    from mepipe.cli.predict import KEYS

    return {
        "clip": str(row.clip),
        "movement": row.movement,
        **{key: getattr(row.found, key) for key in KEYS},
        "reason": row.found.reason,
    }
