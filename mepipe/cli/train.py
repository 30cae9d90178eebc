"""``mepipe train``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from mepipe.cli.choices import classifier_settings, model_options, start_option
from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say
from mepipe.errors import UsageError


@click.command()
@click.argument("features", type=click.Path(path_type=Path), required=False)
@model_options
@start_option
@click.option(
    "--synthetic",
    is_flag=True,
    help="Train on made movements instead of features: the model that comes with mepipe again.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("model.safetensors"),
    show_default=True,
    help="The model file. Its card is written beside it as .json.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of `mepipe evaluate` with the same settings. Its results go into the card.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the card.")
def command(
    features: Path | None,
    model: str | None,
    select: tuple[str, ...],
    device: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    start: str | None,
    out: Path,
    results: Path | None,
    *,
    synthetic: bool,
    as_json: bool,
) -> None:
    """Train a network on every labelled clip of a features file and save it.

    Weights are saved as safetensors, never pickled. `mepipe evaluate` measures how well
    such a model works on new subjects.

    \b
    Examples:
      mepipe train features.h5 --out model.safetensors
      mepipe train features.h5 --results mepipe-eval/spp-loso
      mepipe train features.h5 --from pretrained
      mepipe train --synthetic --out spp.safetensors
    """
    started = time.monotonic()
    with exit_codes(as_json=as_json, resume="Nothing was written."):
        if synthetic:
            given = (features, model, start, results, config_file, *select, *assignments)
            _synthetic(out, as_json=as_json, alone=not any(given) and device in ("auto", "cpu"))
            return
        if features is None:
            raise UsageError(
                "there are no features to train on", "Name a features.h5, or say --synthetic."
            )
        from mepipe.evaluation.api import results_content
        from mepipe.evaluation.fold_cache import Source
        from mepipe.evaluation.train import train_model
        from mepipe.features import Features

        config = classifier_settings(config_file, assignments, model, None, start)
        figures = None if results is None else results_content(results)
        source = Source.of(features)
        replaced = out.exists()
        card = train_model(
            Features(features),
            source,
            out,
            model=config.model,
            train=config.train,
            select=select,
            device=device,
            results=figures,
            progress=make_progress(quiet=as_json),
        )
        if as_json:
            print_json({**card, "out": str(out)})
            return
        counts = ", ".join(f"{name} {count}" for name, count in card["clips_by_class"].items())
        say(
            f"trained {card['model']['name']} on {len(card['clips'])} clips of "
            f"{card['subjects']} subjects ({counts}) in {time.monotonic() - started:.0f} s"
        )
        if card["from"] is not None:
            say(f"started from the weights of {card['from']['name']}")
        missing = [name for name, count in card["clips_by_class"].items() if not count]
        if missing:
            say(f"caution: no clip is {' or '.join(missing)}, so the model never predicts this")
        if replaced:
            say(f"{out} existed and was replaced")
        if card["figures"] is None:
            say(
                "The card has no results: run `mepipe evaluate` and give its folder with --results."
            )
        say(f"model  {out}\ncard   {out.with_suffix('.json')}")


def _synthetic(out: Path, *, as_json: bool, alone: bool) -> None:
    if not alone:
        raise UsageError(
            "--synthetic takes no features and no options but --out and --json",
            "It makes one file, always the same. `mepipe train FEATURES --from pretrained` goes on "
            "from its weights.",
        )
    from mepipe.synthetic.train import train_synthetic

    started, replaced = time.monotonic(), out.exists()
    card = train_synthetic(out, progress=make_progress(quiet=as_json))
    if as_json:
        print_json({**card, "out": str(out)})
        return
    made = card["synthetic"]
    say(
        f"trained {card['model']['name']} on {made['fields']} made flow fields and "
        f"{made['rendered']} rendered movements in {time.monotonic() - started:.0f} s"
    )
    for one in card["figures"]:
        say(f"UF1 {one['uf1']:.3f}, UAR {one['uar']:.3f} on {one['clips']} {one['on']}")
    if replaced:
        say(f"{out} existed and was replaced")
    say(f"model  {out}\ncard   {out.with_suffix('.json')}")
