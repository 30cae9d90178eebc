"""The location of the cache."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root(option: Path | None = None) -> Path:
    """Return the folder of the cache.

    In order of precedence: the option (``--cache``), the environment
    (``MEPIPE_CACHE``), ``cache/`` of the checkout that mepipe runs from, the user's
    cache folder.
    """
    if option is not None:
        return option
    if os.environ.get("MEPIPE_CACHE"):
        return Path(os.environ["MEPIPE_CACHE"])
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "cache" / "README.md").is_file():
        return checkout / "cache"
    import platformdirs

    return Path(platformdirs.user_cache_dir("mepipe"))
