"""The flow engine's machine code, made before anything waits for it."""

from __future__ import annotations

from mepipe.schema import Progress


def compile_engine(progress: Progress) -> None:
    """Compile the flow engine and say so; nothing happens where that was done before."""
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
