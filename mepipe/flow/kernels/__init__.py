"""All compiled code, and where its machine code is kept.

numba compiles on first use and keeps what it made in one folder per version of
mepipe and digest of these sources: an edited kernel can never be served from an
old compilation (numba itself does not notice a change in a function that
another one calls). Importing this package imports no numba.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from functools import cache
from pathlib import Path
from types import ModuleType

from mepipe import __version__

_SOURCES = ("median.py", "options.py", "resize.py", "tvl1.py", "vector.py")


def cache_folder() -> Path:
    """Return the folder of compiled code: beside the sources, or the user's cache."""
    package = Path(__file__).resolve().parent
    digest = hashlib.sha256(b"".join((package / name).read_bytes() for name in _SOURCES))
    name = f"{__version__}-{digest.hexdigest()[:16]}"
    beside = package / "__pycache__"
    if os.access(beside if beside.is_dir() else package, os.W_OK):
        return beside / name
    import platformdirs

    return Path(platformdirs.user_cache_dir("mepipe")) / "kernels" / name


def is_compiled() -> bool:
    """Say whether a first use will find compiled code (of this processor or another)."""
    return any(cache_folder().glob("**/*.nbi"))


@cache
def tvl1_kernels() -> ModuleType:
    """Return `mepipe.flow.kernels.tvl1`, set up to keep its compiled code in `cache_folder`."""
    import numba

    # numba asks for the folder when a function is decorated; other packages keep their own.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        return importlib.import_module("mepipe.flow.kernels.tvl1")
    finally:
        numba.config.CACHE_DIR = before
