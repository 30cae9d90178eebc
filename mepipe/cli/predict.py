"""``mepipe predict``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.choices import find_modules_here
from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.predict_many import TABLE, claim_table, predict_many
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say
from mepipe.errors import EXIT_DONE, EXIT_SOME_FAILED, MepipeError, UsageError
from mepipe.schema import KEY_FRAMES, PRETRAINED

if TYPE_CHECKING:
    from mepipe.inference.predictor import Prediction, Predictor
    from mepipe.inference.recording import RecordingPrediction
    from mepipe.schema import Progress

KEYS = (
    "label",
    "probabilities",
    "micro",
    "px",
    *KEY_FRAMES,
    *(f"{mark}_s" for mark in KEY_FRAMES),
    "confidence",
    "out_of_range",
)


@click.command()
@click.argument(
    "clips", metavar="VIDEO_OR_FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--model",
    default=PRETRAINED,
    show_default=True,
    help="A .safetensors file of `mepipe train`, or the model that comes with mepipe.",
)
@click.option(
    "--fps",
    type=float,
    help="Frames per second of images, or of a video whose own rate is wrong.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    help="The picture. Default: NAME-prediction.png in the current folder.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the answers to this CSV. Default for a folder of clips or several files: "
    "mepipe-predictions.csv.",
)
@click.option("--no-picture", is_flag=True, help="Draw no picture. A picture shows a face.")
@click.option(
    "--trust",
    metavar="MODULE:FACTORY",
    help="The code of your own model. It is imported and run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    clips: tuple[Path, ...],
    model: str,
    fps: float | None,
    picture: Path | None,
    out: Path | None,
    trust: str | None,
    *,
    no_picture: bool,
    as_json: bool,
) -> None:
    """Predict the class of micro-expression of new clips.

    A clip is a video or a folder of images, without annotation. If no face or no
    movement is found, there is no answer, and the exit code is 3. In a recording (longer
    than 10 s) each movement has an answer of its own. A movement that is longer or larger
    than a micro-expression is named first: the classes do not apply to it. For several
    clips, or a folder of clips, the answers are written to one CSV, without pictures. The
    model that comes with mepipe was trained on made movements only: try it, and train one
    on clips of your own for real work.

    \b
    Examples:
      mepipe predict smile.mp4
      mepipe predict smile.mp4 --model model.safetensors
      mepipe predict frames/ --model model.safetensors --fps 200 --json
      mepipe predict videos/ --fps 200 --out answers.csv
    """
    found: Prediction | None = None
    with exit_codes(as_json=as_json, resume="Nothing was written.") as ended_early:
        from mepipe.inference.many import several
        from mepipe.inference.predictor import Prediction, Predictor

        found_clips = several(clips) or (list(clips) if out is not None else [])
        if found_clips:
            ended_early.update(predictions=[], out=None, model=None)
            if picture is not None:
                raise UsageError(
                    "--picture draws one clip, and the answers of several go to a table",
                    "Remove --picture, or give one clip and no --out.",
                )
            table = out or TABLE
            claim_table(table)
            if trust is not None:
                find_modules_here()
            progress = make_progress(quiet=as_json)
            predictor = Predictor(model, trust=trust, progress=progress)
            code, told = predict_many(predictor, found_clips, fps, table, progress, as_json=as_json)
            if as_json:
                print_json(told)
            elif predictor.facts["kind"] == "synthetic":
                say(f"model       {predictor.about}")
            sys.exit(code)
        (clip,) = clips
        ended_early.update(_json(Prediction(), None))
        target = _target(clip, picture, no_picture=no_picture)
        if trust is not None:
            find_modules_here()  # the user's model may be one
        try:
            progress = make_progress(quiet=as_json)
            predictor = Predictor(model, trust=trust, progress=progress)
            facts = dict(predictor.facts)
            ended_early.update(model=facts)
            # Who did not train the model must be told what it is.
            about = [f"model       {predictor.about}"] if facts["kind"] == "synthetic" else []
            answers = _recording(predictor, clip, fps, progress)
            if answers is not None:
                ended_early.update(_recording_json(answers, None), model=facts)
                if not as_json:
                    say("\n".join([_recording_text(answers), *about]))
                if target is not None:
                    from mepipe.cache import disk

                    disk.write_atomic(target, answers.png(), private=True)
                    ended_early.update(picture=str(target))
                    if not as_json:
                        say(f"picture     {target}")
                if as_json:
                    print_json(ended_early)
                sys.exit(EXIT_DONE if answers.labels else EXIT_SOME_FAILED)
            found = predictor.clip(clip, fps)
            ended_early.update(_json(found, None), model=facts)
            # Printed first: the answer must not be lost if the picture cannot be written.
            if not as_json:
                say("\n".join([_text(found), *about]))
            drawn = found.png() if target is not None else None
            if target is not None and drawn is not None:
                from mepipe.cache import disk

                disk.write_atomic(target, drawn, private=True)
                ended_early.update(picture=str(target))
                if not as_json:
                    say(f"picture     {target}")
        except MepipeError as error:
            # With an answer, only the picture failed: then the JSON object keeps the answer.
            if found is None:
                ended_early.update(reason=str(error))
            raise
        if as_json:
            print_json(ended_early)
    sys.exit(EXIT_DONE if found is not None and found.label is not None else EXIT_SOME_FAILED)


def _recording(
    predictor: Predictor, clip: Path, fps: float | None, progress: Progress
) -> RecordingPrediction | None:
    """Return the answers on a recording. None if it is a clip, or cannot be read as one."""
    from mepipe.errors import BadDataError, UnreadableInputError
    from mepipe.inference.recording import predict_recording

    try:
        return predict_recording(predictor, clip, fps, progress=progress)
    except (BadDataError, UnreadableInputError):
        return None  # the clip is refused for the same reason


def _target(clip: Path, picture: Path | None, *, no_picture: bool) -> Path | None:
    if no_picture and picture is not None:
        raise UsageError("--picture and --no-picture exclude each other", "Remove one of them.")
    if no_picture:
        return None
    target = picture or Path(f"{clip.resolve().stem}-prediction.png")
    if target.suffix.lower() != ".png":
        raise UsageError(
            f"the file name {target} does not end in .png", "Use a name like clip.png."
        )
    if not target.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}", "Create it, or choose another.")
    return target


def _json(found: Prediction, picture: str | None) -> dict[str, Any]:
    keys = {key: getattr(found, key) for key in KEYS}
    return {**keys, "picture": picture, "reason": found.reason, "model": None}


def _recording_json(answers: RecordingPrediction, picture: str | None) -> dict[str, Any]:
    count = len(answers.answers)
    reason = (
        f"a recording of {answers.found.seconds:.1f} s: "
        f"{count or 'no'} movement{'s' if count != 1 else ''}, see events"
    )
    return {
        **dict.fromkeys((*KEYS, "picture", "reason", "model")),
        "probabilities": {},
        "picture": picture,
        "reason": reason,
        "events": [
            {
                "kind": event.kind,
                "face": event.face,
                "strength": round(event.strength, 3),
                **{key: getattr(answer, key) for key in KEYS},
                "onset": event.onset,
                "apex": event.apex,
                "offset": event.offset,
                "reason": answer.reason,
            }
            for event, answer in answers.answers
        ],
    }


def _recording_text(answers: RecordingPrediction) -> str:
    """Return the answers on a recording as text: a line for each movement."""
    from mepipe.cli.spot import clock

    found = answers.found
    count = len(answers.answers)
    lines = [f"a recording of {clock(found.seconds)}: {count} movement{'s' if count != 1 else ''}"]
    for event, answer in answers.answers:
        when = clock(float(found.times_ms[event.onset]) / 1000)
        said = f"no answer: {answer.reason}"
        if answer.out_of_range is not None:
            said = f"{answer.out_of_range}; the model would say {answer.label}"
        elif answer.label is not None:
            shares = ", ".join(
                f"{name} {value:.2f}" for name, value in answer.probabilities.items()
            )
            said = f"{answer.label}  ({shares})"
        lines.append(f"{when}  {event.kind}, confidence {event.confidence:.2f}: {said}")
        lines += [f"           caution: {caution}" for caution in _cautions(answer)]
    return "\n".join(lines)


def _cautions(found: Prediction) -> list[str]:
    """Return the cautions, but for what the first line says already."""
    first = found.out_of_range
    return [one for one in found.cautions if first is None or not one.startswith(first)]


def _text(found: Prediction) -> str:
    """Return a prediction as text."""
    if found.label is None:
        return f"no answer: {found.reason}"
    shares = ", ".join(f"{name} {value:.2f}" for name, value in found.probabilities.items())
    lines = [f"{found.label}  ({shares})"]
    if found.out_of_range is not None:
        # Without shares: of what no model was made for, they are no certainty.
        lines = [
            found.out_of_range,
            f"outside     the model would say {found.label}; its classes are of micro-expressions "
            f"({found.extent.limits})",
        ]
    for mark in KEY_FRAMES:
        seconds = getattr(found, f"{mark}_s")
        when = "" if seconds is None else f", {seconds:.3f} s"
        lines.append(f"{mark:<11} frame {getattr(found, mark)}{when}")
    lines.append(f"confidence  {found.confidence:.2f} (of the apex: 0 is a guess, 1 is certain)")
    lines += [f"caution     {caution}" for caution in _cautions(found)]
    return "\n".join(lines)
