"""All compiled code, and the folder of its machine code.

numba compiles on first use. The machine code is kept in one folder for each
version of mepipe and digest of these sources. So an edited kernel is never served
from an old compilation: numba itself does not notice a change in a function that
another one calls. Importing this package does not import numba.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

from mepipe import __version__

_SOURCES = ("median.py", "options.py", "resize.py", "tvl1.py", "vector.py")


def cache_folder() -> Path:
    """Return the folder of compiled code: by the sources, the user's cache, or a temporary one."""
    package = Path(__file__).resolve().parent
    digest = hashlib.sha256(b"".join((package / name).read_bytes() for name in _SOURCES))
    name = f"{__version__}-{digest.hexdigest()[:16]}"
    beside = package / "__pycache__"
    if os.access(beside if beside.is_dir() else package, os.W_OK):
        return beside / name
    import platformdirs

    users = Path(platformdirs.user_cache_dir("mepipe")) / "kernels"
    return (users if _can_be_made(users) else _temporary()) / name


def _can_be_made(folder: Path) -> bool:
    """Return True if ``folder`` exists and can be written, or can be made. Nothing is made."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


@cache
def _temporary() -> Path:
    """Return a folder of this user alone for machine code, where no other can be written.

    numba trusts what it finds there. In a container without a home, an installation that cannot
    be written leaves nothing but the folder of temporary files, which others can write, too.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"mepipe-kernels-{user}"
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    found = folder.lstat() if os.path.lexists(folder) else None
    if found is not None and stat.S_ISDIR(found.st_mode):
        private = os.name == "nt" or (found.st_uid == user and not found.st_mode & 0o077)
        if private and os.access(folder, os.W_OK):
            return folder
    # Somebody was there first. It is compiled anew in each process.
    return Path(tempfile.mkdtemp(prefix="mepipe-kernels-"))


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
