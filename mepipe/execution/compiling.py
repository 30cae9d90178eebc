"""Compile the flow engine before it is needed."""

from __future__ import annotations

import logging

from mepipe.schema import Progress

_LOG = logging.getLogger("mepipe")


def compile_engine(progress: Progress) -> None:
    """Compile the flow engine and report it. Does nothing if it is compiled already."""
    from mepipe.flow.engine import compile_all
    from mepipe.flow.kernels import cache_folder, is_compiled, refused_folders

    if is_compiled():
        return
    for problem in refused_folders():
        _LOG.warning(
            "compiled code is not kept there, for it could be changed: %s; it is kept in %s",
            problem,
            cache_folder(),
        )
    progress.begin("compiling the flow engine (only this once)", 1)
    try:
        compile_all()
        progress.advance()
    finally:
        progress.end()
