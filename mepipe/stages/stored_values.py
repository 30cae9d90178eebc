"""What the stored values of each stage can be.

Whoever can write to a cache can write an object, or a record, whose digest is right and whose
values are not those of the stage. Later stages index frames with them. So their kinds and ranges
are checked before they are used, and what does not fit is computed again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from mepipe.cache.declared import Declared

if TYPE_CHECKING:
    from mepipe.cache.objects import StoredObject

Fits: TypeAlias = Callable[[Mapping[str, Any], int | None], bool]
"""(values, number of the clip's frames or None) -> True if the stage can have given them."""

_Kind: TypeAlias = Callable[[Any], bool]


def any_values(values: Mapping[str, Any], count: int | None) -> bool:
    """Return True: a stage that says nothing of its values."""
    del values, count
    return True


def face_fits(values: Mapping[str, Any], count: int | None) -> bool:
    """Return True if these can be the values of the face stage."""
    transforms = values.get("transforms")
    return (
        isinstance(transforms, list)
        and bool(transforms)
        and (count is None or len(transforms) in {1, count})
        and all(map(_is_transform, transforms))
        and _all(values, _index(count), "searched")
        and _all(values, _is_count, "faces", optional=True)
        and _all(
            values,
            is_number,
            *("quality", "frontal", "inter_ocular_px", "roll", "likeness", "moved"),
            *("brightest", "contrast", "clipped"),
            optional=True,
        )
        and _together(values, "brightest", "contrast", "clipped")
    )


def spot_fits(values: Mapping[str, Any], count: int | None) -> bool:
    """Return True if these can be the values of the spot stage."""
    index = _index(count)
    visible = values.get("visible")
    return (
        _all(values, index, "onset", "apex")
        and _all(values, lambda one: one is None or index(one), "offset")
        and _all(values, lambda one: isinstance(one, bool), "movement")
        and _all(values, _is_text, "onset_source", "apex_source", "offset_source")
        and _all(
            values,
            lambda one: one is None or is_number(one),
            *("onset_confidence", "apex_confidence", "offset_confidence"),
        )
        and _all(values, is_number, "strength", optional=True)
        and _all(values, _is_count, "repeated", optional=True)
        and (
            "visible" not in values
            or (isinstance(visible, list) and len(visible) == 2 and all(map(_is_count, visible)))
        )
    )


def flow_fits(values: Mapping[str, Any], count: int | None) -> bool:
    """Return True if these can be the values of the flow stage."""
    del count
    return (
        _all(values, _is_text, "uv")
        and _all(values, lambda one: is_number(one) and one > 0, "inter_ocular")
        and _all(values, _is_text, "sequence", optional=True)
    )


def tensor_fits(values: Mapping[str, Any], count: int | None) -> bool:
    """Return True if these can be the values of the tensor stage."""
    del count
    return _all(
        values,
        lambda one: isinstance(one, list) and bool(one) and all(map(is_number, one)),
        *("limited", "sequence_limited"),
        optional=True,
    )


def failure_fits(failure: Any) -> bool:
    """Return True if this can be a stored failure, or None."""
    return failure is None or (
        isinstance(failure, dict)
        and _all(failure, _is_text, "error", "message", "remedy")
        and _all(failure, _is_count, "frame", optional=True)
    )


def libraries_fit(libraries: Any) -> bool:
    """Return True if these can be the versions that made an object."""
    return isinstance(libraries, dict) and all(map(_is_text, libraries.values()))


def declared(
    arrays: Mapping[str, tuple[str, int]], fits: Fits, shapes: Mapping[str, tuple[int, ...]]
) -> Declared:
    """Return what the objects of a stage may contain.

    Parameters
    ----------
    arrays
        (dtype, number of dimensions) of every array, by name.
    fits
        Checks the values.
    shapes
        The arrays that every object has, with their shapes. -1 stands for any number, the
        same one where it stands twice.
    """

    def item_fits(item: StoredObject) -> bool:
        if not (failure_fits(item.failure) and libraries_fit(item.libraries)):
            return False
        if item.failure is not None:
            return True
        searched = item.values.get("searched")
        frames = item.parts.get("frames")
        if isinstance(searched, int) and isinstance(frames, list) and searched >= len(frames):
            return False
        return fits(item.values, None) and all(
            name in item.arrays and _has_shape(item.arrays[name].shape, shape)
            for name, shape in shapes.items()
        )

    return Declared(arrays, item_fits)


def _has_shape(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    free = {side for side, asked in zip(found, wanted, strict=True) if asked == -1}
    fixed = all(asked in {-1, side} for side, asked in zip(found, wanted, strict=True))
    return fixed and len(free) <= 1


def _all(values: Mapping[str, Any], kind: _Kind, *names: str, optional: bool = False) -> bool:
    return all(kind(values[name]) if name in values else optional for name in names)


def _together(values: Mapping[str, Any], *names: str) -> bool:
    return len({name in values for name in names}) == 1


def is_number(one: Any) -> bool:
    """Return True for a finite number of a size that something measured can have."""
    return type(one) in {int, float} and abs(one) < 1e12 and math.isfinite(one)


def _is_text(one: Any) -> bool:
    return isinstance(one, str)


def _is_count(one: Any) -> bool:
    return type(one) is int and 0 <= one < 1 << 48


def _index(count: int | None) -> _Kind:
    return lambda one: _is_count(one) and (count is None or one < count)


def _is_transform(one: Any) -> bool:
    return (
        isinstance(one, list)
        and len(one) == 2
        and all(isinstance(row, list) and len(row) == 3 and all(map(is_number, row)) for row in one)
    )
