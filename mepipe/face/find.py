"""The face of a frame: detected, examined, and refused where it is not plausible."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError
from mepipe.face.align import Float
from mepipe.face.detect import (
    Face,
    detect_bordered,
    detect_enlarged,
    detect_fast,
    detect_network,
    grey_of,
    landmarks,
    ranked,
)
from mepipe.face.levelled import Levelled, face_transform
from mepipe.face.plausible_face import Examined, settle
from mepipe.face.turned import TURNS, detect_turned, settle_turned

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class FoundFace:
    """A face in a frame, with what is known of it.

    Parameters
    ----------
    face
        The box, upright in the frame, and the detector's score.
    examined
        The landmarks and their examination. ``examined.problem`` says why it cannot be used.
    count
        How many faces the detector saw in the frame.
    """

    face: Face
    examined: Examined
    count: int

    @property
    def problem(self) -> str:
        """Why the face cannot be used. Empty if it can."""
        return self.examined.problem

    @property
    def settled(self) -> bool:
        """True if it is a face, which may be too dark, or in profile."""
        return self.examined.settled

    @property
    def points(self) -> Float:
        """The landmarks (68, 2), px of the frame."""
        if self.examined.rounds == 0:
            return self.examined.points
        # Two finds of the same accuracy, one of them in the mirror.
        return (self.examined.points + self.examined.again) / 2

    def elsewhere(self, image: Image) -> Float:
        """Return the landmarks (68, 2) in another frame, in the same place."""
        if self.examined.rounds == 0:
            return landmarks(image, self.face)
        level = Levelled.cut(image, face_transform(self.points))
        return (level.landmarks() + level.landmarks(mirrored=True)) / 2

    def followed(self, image: Image) -> FoundFace:
        """Return the face in another frame, in about the same place and at the same roll."""
        level = Levelled.cut(image, face_transform(self.points))
        return FoundFace(self.face, settle(image, level.landmarks()), self.count)


def find_face(image: Image, search_size: int = 480) -> FoundFace | None:
    """Find the face of an image as it is, fast.

    Of several faces, the larger and more central one is taken that is plausible.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    search_size
        As for `mepipe.face.detect_fast`.

    Returns
    -------
    The face; if none is plausible, the first of them, which has a ``problem``. None if the
    detector sees nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face import find_face
    >>> find_face(np.full((120, 120, 3), 90, np.uint8)) is None
    True
    """
    grey = grey_of(image)
    return _chosen(grey, detect_fast(grey, search_size), _upright(grey))


def find_face_slowly(image: Image) -> FoundFace | None:
    """Find the face of an image in which `find_face` finds none, in four slower ways.

    1. With a border, for crops that are tight around the face.
    2. Enlarged, for small faces.
    3. In the picture turned by 45 to 315 degrees.
    4. With dlib's convolutional detector, for faces that are partly covered.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.

    Returns
    -------
    As `find_face`: the face of the first way that finds a plausible one.

    Raises
    ------
    UsageError
        If the convolutional detector is needed and its model file is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face import find_face_slowly
    >>> find_face_slowly(np.full((12, 12), 90, np.uint8)) is None
    True
    """
    refused = None
    for found in _in_turn(image):
        if found is not None and (not found.problem or found.settled):
            return found
        refused = refused or found
    return refused


def find_in_box(image: Image, box: tuple[float, float, float, float]) -> FoundFace:
    """Find the landmarks of the face in a box that is known, whatever its roll.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    box
        x0, y0, x1, y1 in px, as the detector gives it: from the brows to below the mouth.

    Returns
    -------
    As `find_face`.

    Raises
    ------
    BadDataError
        If the box is so small that all landmarks coincide.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face import find_in_box
    >>> wall = np.full((120, 120, 3), 90, np.uint8)
    >>> find_in_box(wall, (20.0, 20.0, 100.0, 100.0)).problem[:39]
    'what was found does not look like a fac'
    """
    face = Face(box, 1.0)
    as_it_is = settle(image, landmarks(image, face))
    if as_it_is.problem:
        for turn in TURNS:
            turned = settle_turned(image, face, turn)
            if not turned.problem:
                return FoundFace(face, turned, 1)
    return FoundFace(face, as_it_is, 1)


def _upright(image: Image, *, scored: bool = True) -> Callable[[Face], Examined]:
    # The convolutional detector's scores mean something else, and it sees faces on their side.
    return lambda face: settle(image, landmarks(image, face), face.score if scored else -1.0)


def _in_turn(image: Image) -> Iterable[FoundFace | None]:
    yield _chosen(image, detect_bordered(image), _upright(image))
    yield _chosen(image, detect_enlarged(image), _upright(image))
    for turn, faces in detect_turned(image):

        def turned(face: Face, turn: int = turn) -> Examined:
            return settle_turned(image, face, turn)

        yield _chosen(image, faces, turned)
    yield _chosen(image, detect_network(image), _upright(image, scored=False))


def _chosen(image: Image, faces: list[Face], look: Callable[[Face], Examined]) -> FoundFace | None:
    refused = None
    for face in ranked(faces, *image.shape[:2]):
        try:
            found = FoundFace(face, look(face), len(faces))
        except BadDataError:
            # All landmarks in one place: no face.
            continue
        # A face that is too dark, or in profile, is still the face of the clip: another person
        # does not take its place.
        if not found.problem or found.settled:
            return found
        refused = refused or found
    return refused
