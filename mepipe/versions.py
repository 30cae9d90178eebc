"""The versions of the libraries that make a result: recorded with it, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def libraries(names: Sequence[str]) -> dict[str, str]:
    """Return the installed version of each distribution in ``names``."""
    return dict(_versions(names))


def _versions(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "unknown"


def versions_differ(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return which library versions differ between an object's and today's; empty if none."""
    if before == now:
        return ""
    return ", ".join(
        f"{name} from {before.get(name, 'none')} to {now.get(name, 'none')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    )
