"""Old place of the names below, kept for one release: import them from `mepipe.datasets`."""

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
]
