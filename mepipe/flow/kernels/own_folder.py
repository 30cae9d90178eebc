"""A folder for machine code that nobody else can write to.

numba keeps an index of pickles beside its machine code, and unpickling runs code. So who can write
there can run code as whoever computes flow.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


def own_folder(beside: Path, name: str) -> Path:
    """Return the folder ``name`` of compiled code, in the first place that is ours alone.

    It is created with a mode for its owner only.

    Parameters
    ----------
    beside
        The place to be tried first, beside the sources.
    name
        The name of the folder in that place.
    """
    for place in _places(beside):
        folder = place / name
        if _can_be_made(folder) and not whose_else(folder, place):
            return folder
    # A folder of this process: the code is compiled again by the next one.
    return Path(tempfile.mkdtemp(prefix="mepipe-kernels-")) / name


def refusals(beside: Path, name: str) -> list[str]:
    """Return why places before the one that `own_folder` takes are not used, as a user reads it."""
    found = []
    for place in _places(beside):
        problem = whose_else(place / name, place)
        if problem:
            found.append(problem)
        elif _can_be_made(place / name):
            break
    return found


def whose_else(folder: Path, place: Path) -> str:
    """Return why others than this user can change what is in ``folder``. Empty if they cannot.

    Parameters
    ----------
    folder
        Below ``place``. It need not exist.
    place
        The first folder that is looked at. Those above it are the user's, as the sources are.
    """
    if os.name == "nt":  # it has no such modes, and user folders are the user's
        return ""
    for path in (place, *reversed([one for one in folder.parents if place in one.parents]), folder):
        try:
            facts = path.lstat()
        except FileNotFoundError:
            break
        except OSError as error:
            return f"{path}: {error.strerror}"
        if stat.S_ISLNK(facts.st_mode):
            return f"{path} is a link"
        if facts.st_uid not in {os.geteuid(), 0}:
            return f"{path} belongs to another user"
        if facts.st_mode & stat.S_IWOTH or (
            facts.st_mode & stat.S_IWGRP and not _is_own_group(facts.st_gid)
        ):
            return f"{path} can be written by others"
    return ""


def _places(beside: Path) -> Iterator[Path]:
    import platformdirs

    yield beside
    user = Path(platformdirs.user_cache_dir("mepipe"))
    if user.is_absolute():  # without a home it begins with ~
        yield user / "kernels"
    number = os.geteuid() if hasattr(os, "geteuid") else 0
    yield Path(tempfile.gettempdir()) / f"mepipe-kernels-{number}"


def _can_be_made(folder: Path) -> bool:
    """Create the folder, for its owner only. Return False if it cannot be created or written."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _is_own_group(number: int) -> bool:
    """Return True for the group that some systems give to each user alone."""
    import grp
    import pwd

    try:
        return grp.getgrgid(number).gr_name == pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
