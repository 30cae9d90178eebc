"""Compile the flow engine before it is needed."""

from __future__ import annotations

from mepipe.schema import Progress


def compile_engine(progress: Progress) -> None:
    """Compile the flow engine and report it. Does nothing if it is compiled already."""
    from mepipe.flow.engine import compile_all
    from mepipe.flow.kernels import is_compiled

    if is_compiled():
        return
    progress.begin("compiling the flow engine (only this once)", 1)
    try:
        compile_all()
        progress.advance()
    finally:
        progress.end()
