"""The types of settings: what their values may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from mepipe.flow.settings import PRESETS
from mepipe.schema import MAPS

Positive = Annotated[float, Field(gt=0)]

# pydantic's own message for a union lists an error for each type, so `_targets` checks instead.
_TargetName = Literal["apex", "apex-offset", "phases"]
_MOST_TARGETS = 64


def _targets(value: object) -> object:
    """Check a value of ``flow.targets``. The message names all allowed values."""
    if value in get_args(_TargetName):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= _MOST_TARGETS:
        return value
    raise PydanticCustomError(
        "targets",
        f"input should be apex, apex-offset, phases, or a whole number from 2 to {_MOST_TARGETS}",
    )


Targets = Annotated[_TargetName | int, BeforeValidator(_targets)]


def _maps(value: tuple[str, ...]) -> tuple[str, ...]:
    """Sort the names. Raises if ``x`` is missing, or a name occurs twice."""
    if "x" not in value or len(set(value)) < len(value):
        raise PydanticCustomError(
            "maps", "input should contain x, which every model reads, and no name twice"
        )
    # One order, because the settings are part of the key of features.h5.
    return tuple(name for name in MAPS if name in value)


if TYPE_CHECKING:
    MapName = str
    PresetName = str
else:
    # Taken from the tables, so that a new map or preset is written down in one place.
    MapName = Literal[tuple(MAPS)]
    PresetName = Literal[tuple(PRESETS)]

Maps = Annotated[tuple[MapName, ...], AfterValidator(_maps)]


class Settings(BaseModel):
    """Base of every settings model: immutable, no unknown names, finite numbers."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    def implied(self) -> Mapping[str, Any]:
        """Return the values that follow from another field, by field name."""
        return {}
