"""A movement magnified: the face of the onset moved along a multiple of the flow, as a film.

Lagrangian magnification: motion is measured and the picture is moved along it, enlarged (Liu,
Torralba, Freeman, Durand and Adelson, "Motion magnification", ACM Transactions on Graphics 24(3),
2005). What moves in the film is the onset's own skin, so light and noise of the other frames are
not in it; what is wrong in the flow is enlarged as well.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SMOOTH_SHARE = 0.012  # sigma of the smoothing of the flow, of the face's side: 2.7 px of 224
STEPS = 12  # of the search for where a pixel comes from
GREYS = 32  # of the film: more make a file larger than they make it better
SIDE = 208  # px of a face in the film
MOST_FRAMES = 22  # of the film: with more a usual one has more than a megabyte
SHOWN_MS = 90  # of one frame, at least
SLOWER = 2.0  # than the movement was, at least
LARGEST_SHARE = 0.08  # of the face's side: motion in the film. Beyond it a face is none any more
PAUSE_MS = 600  # of the last frame
_BAR = 22  # px: a line of text


def magnify(face: NDArray[np.uint8], flow: NDArray[np.float32], factor: float) -> NDArray[np.uint8]:
    """Return a face moved along a multiple of a flow.

    Parameters
    ----------
    face
        (S, S) uint8: the frame that the flow starts from.
    flow
        (2, S, S) float32: u to the right and v down, px. It is smoothed a little first.
    factor
        How many times the flow. 0 gives the face back.

    Returns
    -------
    (S, S) uint8. The pixel at x of the face is at x + factor * flow(x); where that folds, one of
    the pixels is seen.

    Examples
    --------
    A step that moves by 2 px to the right, three times:

    >>> face = np.zeros((64, 64), np.uint8)
    >>> face[:, 32:] = 200
    >>> flow = np.zeros((2, 64, 64), np.float32)
    >>> flow[0] = 2.0
    >>> [int(one[32].argmax()) for one in (face, magnify(face, flow, 3.0))]
    [32, 38]
    """
    import cv2

    side = face.shape[0]
    moved = [factor * cv2.GaussianBlur(one, (0, 0), SMOOTH_SHARE * side) for one in flow]
    y, x = np.mgrid[:side, :side].astype(np.float32)
    # A pixel of the film comes from the place x with x + factor * flow(x) = pixel: found by
    # substituting again and again, from the pixel itself.
    from_x, from_y = x.copy(), y.copy()
    for _ in range(STEPS):
        u, v = (
            cv2.remap(one, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for one in moved
        )
        # Half of the way each time: the full step jumps to and fro where the flow is steep.
        from_x, from_y = (from_x + x - u) / 2, (from_y + y - v) / 2
    film = cv2.remap(face, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(film, np.uint8)


def suited_factor(flows: NDArray[np.float32], most: float = 8.0) -> float:
    """Return the factor by which a movement can be magnified and stays one of a face.

    Parameters
    ----------
    flows
        (N, 2, S, S) float32: the flow to each frame, px.
    most
        The largest factor.

    Returns
    -------
    1 to ``most``: as much as keeps the motion in the film below 8 % of the face's side, and its
    pixels in their order. Rounded down to halves.

    Examples
    --------
    >>> flows = np.zeros((2, 2, 100, 100), np.float32)
    >>> flows[1, 0, 40:60, 40:60] = 0.5
    >>> suited_factor(flows), suited_factor(20 * flows)
    (6.0, 1.0)
    """
    import cv2

    side = flows.shape[-1]
    smooth = np.stack(
        [cv2.GaussianBlur(one, (0, 0), SMOOTH_SHARE * side) for flow in flows for one in flow]
    ).reshape(flows.shape)
    largest = float(np.quantile(np.hypot(smooth[:, 0], smooth[:, 1]).max(axis=0), 0.999))
    # Pixels change their order where the flow falls by more than a pixel a pixel.
    steep = max(
        float(-np.quantile(np.diff(smooth[:, 0], axis=2), 0.0005)),
        float(-np.quantile(np.diff(smooth[:, 1], axis=1), 0.0005)),
    )
    suited = min(most, LARGEST_SHARE * side / max(largest, 1e-6), 1 / max(steep, 1e-6))
    return max(1.0, math.floor(2 * suited) / 2 if suited < most else most)


def magnified_gif(
    faces: NDArray[np.uint8],
    flows: NDArray[np.float32],
    positions: Sequence[int],
    *,
    factor: float | None = None,
    times_ms: NDArray[np.float64] | None = None,
    marks: Mapping[str, int] | None = None,
) -> bytes:
    """Return a film (GIF, endless) of a movement as it is, and magnified beside it.

    Parameters
    ----------
    faces
        (N, S, S) uint8: aligned faces, that of the onset first.
    flows
        (N, 2, S, S) float32: from the onset's face to each, px.
    positions
        The frame of each face, for the lettering.
    factor
        How many times the flow. None: `suited_factor`.
    times_ms
        (N,): the time of each face, ms. None: unknown, and nothing is said of the speed.
    marks
        Position by the name of a key frame. It is named while it is shown.

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Examples
    --------
    >>> faces = np.zeros((3, 64, 64), np.uint8)
    >>> magnified_gif(faces, np.zeros((3, 2, 64, 64), np.float32), [4, 5, 6])[:6]
    b'GIF89a'
    """
    count, side, _ = faces.shape
    if flows.shape != (count, 2, side, side) or len(positions) != count:
        raise ValueError(f"faces {faces.shape}, flows {flows.shape}, {len(positions)} positions")
    if factor is None:
        factor = suited_factor(flows)
    shown, speed = _speed(times_ms)
    names = {position: name for name, position in (marks or {}).items()}
    frames = []
    for face, flow, position in zip(faces, flows, positions, strict=True):
        said = f"frame {position}" + (f": {names[position]}" if position in names else "")
        pair = [face, magnify(faces[0], flow, factor)]
        frames.append(_frame(pair, ("aligned", f"motion x {factor:g}"), (said, speed)))
    file = io.BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=[shown] * (count - 1) + [shown + PAUSE_MS],
        loop=0,
        optimize=False,
    )
    return file.getvalue()


def _speed(times_ms: NDArray[np.float64] | None) -> tuple[int, str]:
    """Return how long a frame is shown, ms, and the speed of the film in words."""
    if times_ms is None or len(times_ms) < 2:
        return SHOWN_MS, ""
    real = float(times_ms[-1] - times_ms[0]) / (len(times_ms) - 1)
    shown = max(SHOWN_MS, 10 * round(SLOWER * real / 10))  # a GIF counts in 10 ms
    return shown, f"{shown / real:.0f} times slower"


def _frame(
    pair: Sequence[NDArray[np.uint8]], above: tuple[str, str], below: tuple[str, str]
) -> Picture:
    """Return one picture of the film: two faces side by side, and a line of text on each side."""
    import cv2
    from PIL import Image, ImageDraw, ImageFont

    faces = [cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in pair]
    canvas = np.full((SIDE + 2 * _BAR, 2 * SIDE + 4), 255, np.uint8)
    canvas[_BAR : _BAR + SIDE, :SIDE] = faces[0]
    canvas[_BAR : _BAR + SIDE, -SIDE:] = faces[1]
    picture = Image.fromarray(canvas, "L")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for text, x, y in (
        (above[0], 6, 3),
        (above[1], SIDE + 10, 3),
        (below[0], 6, SIDE + _BAR + 3),
        (below[1], SIDE + 10, SIDE + _BAR + 3),
    ):
        draw.text((x, y), text, fill=0, font=font)
    levels = np.asarray(picture).astype(np.float32) / 255 * (GREYS - 1)
    indexed = Image.fromarray(np.rint(levels).astype(np.uint8), "P")
    indexed.putpalette([int(level * 255 / (GREYS - 1)) for level in range(GREYS) for _ in range(3)])
    return indexed
