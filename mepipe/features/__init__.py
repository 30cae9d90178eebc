"""Features for any model, with nothing but numpy and h5py at import.

`load` opens what ``mepipe run`` wrote. `demo_features` writes a small file of made-up
movements, to try code on.
"""

from __future__ import annotations

from pathlib import Path

from mepipe.errors import UsageError
from mepipe.features.demo import demo_features
from mepipe.features.features import Features

__all__ = ["Features", "demo_features", "load"]


def load(*paths: str | Path, run: str | None = None, cache: str | Path | None = None) -> Features:
    """Open features: of a file, of several that were made alike, or of a run in a cache.

    Parameters
    ----------
    paths
        One features.h5 written by ``mepipe run``, or several.
    run
        Instead of files: the id of a run (or its beginning), or ``latest``.
    cache
        The cache of that run; by default where ``mepipe cache path`` says.

    Raises
    ------
    UsageError
        If there is no such file or run, or several differ in what decides features.
    DamageError
        If something is damaged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> folder = TemporaryDirectory()
    >>> path = demo_features(f"{folder.name}/features.h5").path
    >>> features = load(path)
    >>> features.x.shape, features.y.shape
    ((18, 3, 28, 28), (18,))
    >>> train, test = features.loso()[0]
    >>> set(features.group[train]) & set(features.group[test])
    set()
    >>> folder.cleanup()
    """
    if bool(paths) == (run is not None) or (cache is not None and run is None):
        raise UsageError(
            "load needs either files or a run",
            'load("features.h5"), load("a.h5", "b.h5"), or load(run="latest", cache="cache").',
        )
    if run is not None:
        from mepipe.cache.location import cache_root
        from mepipe.features.cached import CachedRun

        return Features(CachedRun(cache_root(Path(cache) if cache is not None else None), run))
    if len(paths) == 1:
        return Features(paths[0])
    from mepipe.features.file import FeatureFile
    from mepipe.features.joined import Joined

    return Features(Joined([FeatureFile(Path(path)) for path in paths]))
