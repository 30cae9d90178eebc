"""Plausible faces: is what was found a face, and are its landmarks those of a face.

The detector makes mistakes, and landmarks are found in any box, a face or not. What was
found is therefore cut out upright at one size (`mepipe.face.levelled`), and searched
again: the detector must see a face in that place, and landmarks found in the mirror image
must be those that were found before. Landmarks of a face are a fixed point of this step;
those of a cloud, or of a face on its side, move. (Agreement of landmarks after a change of the
picture that should change nothing, as a measure of their error: Yang and Patras, "Mirror, mirror
on the wall, tell me, is the error small?", CVPR 2015.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mepipe.face.align import Float
from mepipe.face.levelled import (
    LOW_CONTRAST,
    Levelled,
    face_transform,
    grey_range,
    roll,
    turn_about,
)

Image = NDArray[np.uint8]

# The bounds were set on faces of photographs turned by every 15 degrees, and on boxes in
# pictures without a face: tests/face/test_gallery.py, docs/spotting.md.
MOVED = 0.03  # inter-ocular distances, mean over the landmarks
# The detector's score in the levelled picture: of landmarks as they were given, and of
# landmarks found in it.
LIKENESS = (0.3, 0.45)
OUTSIDE = 2  # of the 51 landmarks without the jaw; crops may cut the end of a brow
SWAYED = 0.08  # inter-ocular distances; of landmarks of a levelled picture only
SWAY = 20.0  # degrees by which the levelled picture is turned for it
ROLLED = 20.0  # degrees: beyond, landmarks are found in the levelled picture only
# px between the eyes. Of still faces with a noise of 1.5 all are called moving at 14 px, three of
# four at 18, none from 22 on (docs/spotting.md).
LEAST_EYES = 16.0
FEW_EYES = 24.0
PROFILE = 0.15  # narrower half of the face to the wider one, as seen from the nose
_INNER = 17  # the first landmark behind those of the jaw
ROUNDS = 4  # of levelling: the landmarks of a face are steady after one or two

# Grey levels of the aligned face. With a contrast of 140 TV-L1 recovers .46 of a narrow motion of
# 1.2 px, with 70 .31, with 43 .20, with 28 .11, with 14 .01.
DARK = 40.0  # 95th percentile
FLAT = 30.0  # 95th less 5th percentile
CLIPPED = 0.3  # share of black and white px
SOME_CLIPPED = 0.15


@dataclass(frozen=True)
class Light:
    """The light on a face.

    Parameters
    ----------
    brightest
        95th percentile of the aligned face's grey levels, 0 to 255.
    contrast
        95th less 5th percentile, grey levels.
    clipped
        Share of px that are black (up to 3) or white (250 and more), 0 to 1.

    Examples
    --------
    >>> from mepipe.face import Light
    >>> Light(brightest=9.0, contrast=7.0, clipped=0.1).problem
    'the face is too dark: its brightest parts have grey level 9, 40 is the least'
    >>> Light(brightest=180.0, contrast=120.0, clipped=0.0).problem
    ''
    """

    brightest: float
    contrast: float
    clipped: float

    @classmethod
    def of(cls, face: Image) -> Light:
        """Measure the light on an aligned face, (S, S) uint8, grey."""
        low, high = grey_range(face)
        ends = float(np.mean((face <= 3) | (face >= 250)))
        return cls(high, high - low, ends)

    @property
    def problem(self) -> str:
        """Why no movement can be measured in this light. Empty if it can."""
        if self.brightest < DARK:
            return (
                f"the face is too dark: its brightest parts have grey level "
                f"{self.brightest:.0f}, {DARK:.0f} is the least"
            )
        if self.clipped > CLIPPED:
            return (
                f"the face is over- or underexposed: {self.clipped:.0%} of it is black or "
                f"white, {CLIPPED:.0%} is the most"
            )
        if self.contrast < FLAT:
            return (
                f"the face has too little contrast: {self.contrast:.0f} grey levels, "
                f"{FLAT:.0f} are the least"
            )
        return ""

    @property
    def note(self) -> str:
        """What a user should know about the light of a face that is used. Empty if nothing."""
        if self.contrast < LOW_CONTRAST:
            return (
                f"the face has little contrast ({self.contrast:.0f} grey levels, its brightest "
                f"parts {self.brightest:.0f}): flow finds only part of its motion"
            )
        if self.clipped > SOME_CLIPPED:
            return f"{self.clipped:.0%} of the face is black or white"
        return ""


@dataclass(frozen=True)
class Examined:
    """What was found out about the landmarks of a face.

    Parameters
    ----------
    points
        (68, 2) landmarks, px of the frame.
    again
        (68, 2), the same landmarks, found in the mirror image of the levelled face.
    likeness
        The detector's score in the levelled picture: -1 where it sees no face.
    light
        The light on the face.
    rounds
        How often the landmarks were found again in a levelled picture. 0: they are those
        that were given.
    swayed
        How far the landmarks lie from those found in the levelled picture turned by
        20 degrees to either side: mean distance, the larger of both, in distances between
        the eyes. Measured where ``rounds`` is not 0: a face that is level by half is a
        fixed point, too, and this tells it.
    outside
        How many of the 51 landmarks of brows, eyes, nose and mouth lie outside the frame.
    """

    points: Float
    again: Float
    likeness: float
    light: Light
    rounds: int = 0
    swayed: float = 0.0
    outside: int = 0

    @property
    def moved(self) -> float:
        """Mean distance of both finds, in distances between the eyes."""
        return distance(self.again, self.points)

    @property
    def eyes(self) -> float:
        """The distance between the centres of the eyes, px."""
        return float(np.hypot(*eye_line(self.points)))

    @property
    def roll(self) -> float:
        """Degrees clockwise in the frame, -180 to 180."""
        return roll(face_transform(self.points))

    @property
    def frontal(self) -> float:
        """As `frontality`."""
        return frontality(self.points)

    @property
    def settled(self) -> bool:
        """True if the landmarks are those of a face. It may be in profile or in the dark."""
        return self.moved <= MOVED and self.likeness >= self._least and self.swayed <= SWAYED

    @property
    def _least(self) -> float:
        return LIKENESS[self.rounds > 0]

    @property
    def problem(self) -> str:
        """Why the face cannot be used. Empty if it can."""
        if self.likeness >= 0 and self.light.problem:
            return self.light.problem
        if self.eyes < LEAST_EYES and self.likeness >= 0:
            return (
                f"the face is too small: its eyes are {self.eyes:.0f} px apart, "
                f"{LEAST_EYES:.0f} are the least"
            )
        if self.frontal < PROFILE and self.likeness >= 0:
            return (
                f"the face is turned away too far (one half has {self.frontal:.0%} of the "
                "other's width)"
            )
        if self.outside > OUTSIDE and self.likeness >= 0:
            return (
                f"part of the face lies outside the frame ({self.outside} of its 51 inner "
                f"landmarks, {OUTSIDE} are the most)"
            )
        if self.likeness < self._least:
            return (
                "what was found does not look like a face from the front when it is brought "
                f"upright (score {self.likeness:.2f}, {self._least:g} is the least)"
            )
        if self.swayed > SWAYED:
            return (
                f"its landmarks are not reliable: with the picture turned by {SWAY:.0f} degrees, "
                f"they are {self.swayed:.0%} of the distance between the eyes away, {SWAYED:.0%} "
                "is the most"
            )
        if self.moved > MOVED:
            return (
                "its landmarks are not reliable: found a second time, they are "
                f"{self.moved:.0%} of the distance between the eyes away, {MOVED:.0%} is "
                "the most"
            )
        return ""


def examine(image: Image, points: Float, seen: float = -1.0) -> Examined:
    """Look at a face a second time, upright and in the mirror.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    points
        (68, 2) landmarks, px of ``image``, from `landmarks`.
    seen
        The score with which the detector saw the face in ``image``, upright. Where it is
        clear, the detector is not asked again.

    Raises
    ------
    BadDataError
        If the landmarks coincide.

    Examples
    --------
    A grey wall has no face, whatever is found on it:

    >>> import numpy as np
    >>> from mepipe.assets import template
    >>> from mepipe.face import examine
    >>> wall = np.full((200, 200), 90, np.uint8)
    >>> examine(wall, template().points * 200).likeness
    -1.0
    """
    level = Levelled.cut(image, face_transform(points))
    likeness = seen if seen >= max(LIKENESS) else level.score()
    height, width = image.shape[:2]
    inner = points[_INNER:]
    outside = ((inner < -0.5) | (inner > [width - 0.5, height - 0.5])).any(axis=1)
    return Examined(
        points,
        level.landmarks(mirrored=True),
        likeness,
        Light.of(level.face),
        outside=int(outside.sum()),
    )


def settle(image: Image, points: Float, seen: float = -1.0) -> Examined:
    """Find the landmarks again in the levelled picture, until they stay where they are.

    Landmarks of a face that is nearly upright and that stay as they are at once are
    returned unchanged.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    points
        (68, 2) landmarks, px of ``image``.
    seen
        As for `examine`.

    Returns
    -------
    The last of at most four rounds. ``problem`` says why it cannot be used, if so.

    Raises
    ------
    BadDataError
        If the landmarks coincide.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.assets import template
    >>> from mepipe.face import settle
    >>> settle(np.full((200, 200), 90, np.uint8), template().points * 200).settled
    False
    """
    found = examine(image, points, seen)
    if found.settled and abs(found.roll) <= ROLLED:
        return found
    for round_ in range(1, ROUNDS + 1):
        again = examine(image, found.again)
        found = replace(again, rounds=round_)
        if found.settled:
            return replace(found, swayed=_sway(image, (found.points + found.again) / 2))
    return found


def _sway(image: Image, points: Float) -> float:
    transform = face_transform(points)
    turned = (Levelled.cut(image, turn_about(transform, side)) for side in (-SWAY, SWAY))
    return max(distance(level.landmarks(), points) for level in turned)


def distance(found: Float, points: Float) -> float:
    """Return the mean distance of landmarks (68, 2) from ``points``, in their eyes' distances."""
    eyes = max(float(np.hypot(*eye_line(points))), 1e-9)
    return float(np.hypot(*(found - points).T).mean()) / eyes


def frontality(points: Float) -> float:
    """Return how frontal a face is: 1 from the front, 0 in profile.

    The distances from the tip of the nose to both sides of the jaw, along the
    line of the eyes: the ratio of the smaller to the larger.

    Parameters
    ----------
    points
        (68, 2) landmarks, px.

    Examples
    --------
    >>> from mepipe.assets import template
    >>> from mepipe.face import frontality
    >>> round(frontality(template().points), 2)
    1.0
    """
    line = eye_line(points)
    line = line / max(float(np.hypot(*line)), 1e-9)
    right, left = (points[30] - points[2]) @ line, (points[14] - points[30]) @ line
    return float(max(0.0, min(right, left)) / max(right, left, 1e-9))


def eye_line(points: Float) -> Float:
    """Return the vector (2,) from the right eye's centre to the left one's, px."""
    return np.asarray(points[42:48].mean(axis=0) - points[36:42].mean(axis=0), np.float64)
