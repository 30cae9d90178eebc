"""The flow from one frame of a clip to each of others: what films of a movement show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.errors import BadDataError
from mepipe.face import warp_face
from mepipe.stages.flow import Movement, movement
from mepipe.stages.stage import Image, Values, one_size, transform_at


def faces_and_flows(
    clip: ClipInput, config: Config, values: Mapping[str, Values], positions: list[int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return aligned faces, and the flow from the first of them to each.

    Parameters
    ----------
    clip
        The clip.
    config
        ``flow`` says how: its size, what is stabilised, the engine.
    values
        Of the face stage.
    positions
        The frames, ascending.

    Returns
    -------
    faces
        (N, S, S) uint8, the head motion since the first removed.
    flows
        (N, 2, S, S) float32, px of the aligned face.

    Raises
    ------
    BadDataError
        If flow diverges, or the frames have several sizes. ``position`` says at which frame.
    UnreadableInputError
        If a frame cannot be read.
    """
    size = config.flow.size
    found: dict[int, Movement] = {}
    reference: Image | None = None
    for position, image in one_size(clip.frames.images(positions)):
        transform = transform_at(values, position)
        if reference is None:
            reference = warp_face(image, transform, size)
        start, here = clip.frames.digest(positions[0]), clip.frames.digest(position)
        if here == start:
            still = np.zeros((2, size, size), np.float32)
            found[position] = Movement(still, np.eye(2, 3), reference)
            continue
        try:
            found[position] = movement(reference, image, transform, config, "target")
        except BadDataError as error:
            raise BadDataError(error.message, error.remedy, position) from error
    order = [found[position] for position in positions]
    return np.stack([one.face for one in order]), np.stack([one.uv for one in order])
