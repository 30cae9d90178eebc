"""All compiled code, and the folder of its machine code.

numba compiles on first use. The machine code is kept in one folder for each
version of mepipe and digest of these sources. So an edited kernel is never served
from an old compilation: numba itself does not notice a change in a function that
another one calls. Importing this package does not import numba.
"""

from __future__ import annotations

import hashlib
import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

from mepipe import __version__
from mepipe.flow.kernels.own_folder import own_folder, refusals

_SOURCES = ("median.py", "options.py", "resize.py", "tvl1.py", "vector.py")


@cache
def cache_folder() -> Path:
    """Return the folder of compiled code: beside the sources, or the user's cache.

    Nobody else can write there: its index is read as pickles, which are code.
    """
    return own_folder(*_wanted())


def refused_folders() -> list[str]:
    """Return why the folders that would be taken before `cache_folder` are not used."""
    return refusals(*_wanted())


def _wanted() -> tuple[Path, str]:
    package = Path(__file__).resolve().parent
    digest = hashlib.sha256(b"".join((package / name).read_bytes() for name in _SOURCES))
    return package / "__pycache__", f"{__version__}-{digest.hexdigest()[:16]}"


def is_compiled() -> bool:
    """Return True if there is compiled code, for this processor or another."""
    return any(cache_folder().glob("**/*.nbi"))


@cache
def tvl1_kernels() -> ModuleType:
    """Return the module `mepipe.flow.kernels.tvl1`, with its machine code in `cache_folder`."""
    import numba

    # numba reads the folder when a function is decorated. It is set back afterwards, so that
    # other packages keep their own.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        return importlib.import_module("mepipe.flow.kernels.tvl1")
    finally:
        numba.config.CACHE_DIR = before
