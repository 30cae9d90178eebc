"""``mepipe import-features``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.terminal import say
from mepipe.schema import CLASSES, SCALES

if TYPE_CHECKING:
    from mepipe.io.import_features import Import


@click.command()
@click.argument("published", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("features.h5"),
    show_default=True,
    help="The file to write. Only an earlier import is replaced.",
)
@click.option(
    "--classes",
    default=",".join(CLASSES),
    show_default=True,
    help="The names of y = 0, 1, 2, ...",
)
@click.option(
    "--scale",
    type=click.Choice(SCALES),
    help="How u, v and strain were scaled, as tensor.scale in `mepipe config` says. minmax is "
    "recognised; any other scale must be given.",
)
@click.option(
    "--dataset", help="The dataset of the clips of a tree, if the tree does not state it."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    published: Path,
    out: Path,
    classes: str,
    scale: str | None,
    dataset: str | None,
    *,
    as_json: bool,
) -> None:
    """Convert published features to the format of features.h5.

    PUBLISHED is an .npz file with x (N, H, W, 3), uint8 or float, in the order u, v,
    strain, and with y, subject, dataset and clip, one value per clip. Or it is the
    tree of pictures that the scripts of STSTNet and HTNet read.

    \b
    Examples:
      mepipe import-features published.npz --out features.h5
      mepipe import-features for-ststnet --out features.h5
    """
    with exit_codes(as_json=as_json, resume="Nothing was written. Run the same command again."):
        from mepipe.io.import_features import import_features

        names = [name.strip() for name in classes.split(",")]
        done = import_features(published, out, classes=names, scale=scale, dataset=dataset)
        if as_json:
            print_json(_json(done))
        else:
            _print(done)


def _json(done: Import) -> dict[str, Any]:
    return {
        "features": str(done.features),
        "clips": sum(done.clips.values()),
        "subjects": done.subjects,
        "datasets": done.clips,
        "labels": done.labels,
        "size": done.size,
        "scale": done.scale,
        "scale_seen": done.scale_seen,
        "sha256": done.sha256,
        "notes": list(done.notes),
    }


def _print(done: Import) -> None:
    for title, counts in (("clips", done.clips), ("classes", done.labels)):
        say(f"{title:<10}{', '.join(f'{name} {n}' for name, n in counts.items())}")
    how = "recognised in the data" if done.scale_seen else "as given"
    say(f"{'subjects':<10}{done.subjects}")
    say(f"{'tensors':<10}{done.size}x{done.size}, scale {done.scale} ({how})")
    for note in done.notes:
        say(f"{'note':<10}{note}")
    say(f"{'features':<10}{done.features}")
