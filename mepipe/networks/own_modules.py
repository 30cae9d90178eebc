"""Import a user's module from the current folder, which stands last on the path.

Last, so that no other file of the folder (random.py, numpy.py) hides a module of Python or of a
package. But the module that the user names is meant, whatever else has its name.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from mepipe.errors import UsageError


def spec_here(name: str) -> ModuleSpec | None:
    """Return the spec of the module ``name`` in the current folder.

    None if there is none, or if the folder is not on the path.
    """
    try:
        here = str(Path.cwd())
    except FileNotFoundError:
        return None
    if not {here, ""} & set(sys.path):
        return None
    spec = PathFinder.find_spec(name, [here])
    # A folder without __init__.py has no origin. Any other module goes before it.
    return spec if spec is not None and spec.origin is not None else None


def import_from_here(name: str) -> None:
    """Import the module ``name`` from the current folder if it is there.

    Raises
    ------
    UsageError
        If another module of that name is in use.
    """
    spec = spec_here(name)
    if spec is None or spec.loader is None or spec.origin is None:
        return
    loaded = sys.modules.get(name)
    if loaded is None:
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return
    other = getattr(loaded, "__file__", None)
    if other is None or Path(other).resolve() != Path(spec.origin).resolve():
        raise UsageError(
            f"{spec.origin} is hidden by the module {name} that is already in use"
            + (f" ({other})" if other else ""),
            "Rename the file, and give the new name.",
        )
