"""Datasets: one reader for each, and what a reader returns.

>>> from mepipe.datasets import open_dataset
>>> dataset = open_dataset("sample")
>>> dataset.reader, len(dataset.clips)
('folder', 3)

A reader of your own needs only the names below; docs/extending.md shows one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mepipe.datasets.clip import (
        Clip,
        Dataset,
        Images,
        Mark,
        Note,
        NotRecognisedError,
        Reader,
        Reject,
        Video,
    )
    from mepipe.datasets.frames_on_disk import list_frames
    from mepipe.datasets.marks import mark
    from mepipe.datasets.registry import open_dataset, open_datasets

__all__ = [
    "Clip",
    "Dataset",
    "Images",
    "Mark",
    "NotRecognisedError",
    "Note",
    "Reader",
    "Reject",
    "Video",
    "list_frames",
    "mark",
    "open_dataset",
    "open_datasets",
]

# Imported when first asked for: every module of this package imports the package first.
_MODULES = {
    "list_frames": "frames_on_disk",
    "mark": "marks",
    "open_dataset": "registry",
    "open_datasets": "registry",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_MODULES.get(name, 'clip')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
