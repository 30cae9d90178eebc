"""Options that several benchmarks have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def stages_of_made_clips(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``--real`` and ``--size``: what the stages do with made clips.

    `mepipe.bench.made_stages.require_made` refuses both at once.
    """
    real = click.option(
        "--real",
        is_flag=True,
        help="Compute the stages, on tiny pictures of a face. Without it they give made values.",
    )
    size = click.option(
        "--size",
        type=click.IntRange(28, 1024),
        help="Side of the made flow, in px: a small one takes less of the disk. [default: 224]",
    )
    return real(size(command))
