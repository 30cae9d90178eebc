"""The pack: the tensors and columns of a run as one read-only features.h5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mepipe.cache.keys import Json, canonical
from mepipe.cache.objects import fixed_text, fixed_texts

FORMAT = "mepipe-features"
FORMAT_VERSION = 1
CHANNELS = ("u", "v", "strain")

# Column -> how it is stored. JSON's null stands for an unknown number, never a guess:
# -1 among whole numbers, NaN among the others.
COLUMNS: Mapping[str, str] = {
    "clip": "text",
    "dataset": "text",
    "subject": "text",
    "group": "text",
    "emotion": "text",
    "label": "text",
    "y": "int",
    "fps": "float",
    "frames": "int",
    "onset": "int",
    "apex": "int",
    "offset": "int",
    "onset_number": "int",
    "apex_number": "int",
    "offset_number": "int",
    "onset_source": "text",
    "apex_source": "text",
    "offset_source": "text",
    "onset_confidence": "float",
    "apex_confidence": "float",
    "offset_confidence": "float",
    "movement": "bool",
    "au": "text",
    "au_units": "text",
    "object": "text",
}


@dataclass(frozen=True)
class Pack:
    """What decides a features.h5, apart from the tensors that ``object`` names.

    Parameters
    ----------
    rows
        One mapping per clip with every name of `COLUMNS`, sorted by clip.
    classes
        Class names in the order of ``y``.
    settings
        The settings that decided the features, by section.
    libraries
        Versions of what made them.
    """

    rows: Sequence[Mapping[str, Json]]
    classes: Sequence[str]
    settings: Mapping[str, Json]
    libraries: Mapping[str, str]

    def parts(self) -> dict[str, Json]:
        """Return all of it as it enters the pack's key."""
        return {
            "rows": self.rows,
            "classes": self.classes,
            "settings": self.settings,
            "libraries": self.libraries,
        }


def encode_pack(pack: Pack, x: NDArray[np.float32]) -> bytes:
    """Return the bytes of features.h5. Equal content gives equal bytes.

    Parameters
    ----------
    pack
        The columns and what they mean.
    x
        (N, C, S, S) float32, in the order of the rows.
    """
    with h5py.File.in_memory() as file:
        file.attrs["format"] = fixed_text(FORMAT)
        file.attrs["format_version"] = np.int64(FORMAT_VERSION)
        file.attrs["settings"] = fixed_text(canonical(pack.settings))
        file.attrs["libraries"] = fixed_text(canonical(pack.libraries))
        file.create_dataset("x", data=x)
        file.create_dataset("classes", data=fixed_texts(list(pack.classes)))
        file.create_dataset("channels", data=fixed_texts(list(CHANNELS)))
        group = file.create_group("columns")
        for name, kind in COLUMNS.items():
            group.create_dataset(name, data=_column([row[name] for row in pack.rows], kind))
        # The name that every reader looks for first.
        file["y"] = group["y"]
        file.flush()
        return bytes(file.id.get_file_image())


def _column(values: list[Json], kind: str) -> NDArray[Any]:
    if kind == "text":
        return fixed_texts([str(value) for value in values])
    if kind == "int":
        return np.array([-1 if value is None else value for value in values], dtype=np.int64)
    if kind == "bool":
        return np.array(values, dtype=np.uint8)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
