"""Faces followed through the frames of a recording, given one by one.

A clip has one face and one transform. In a recording faces come and go, heads change their
pose for good, and scenes are cut. So it is divided into stretches: one face, seen through one
transform, without a cut.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError
from mepipe.face.align import Float, compose, invert, warp_face
from mepipe.face.detect import Face, detect_fast, grey_of
from mepipe.face.find import find_in_box
from mepipe.face.levelled import Levelled, face_transform
from mepipe.face.plausible_face import eye_line
from mepipe.face.same_face import same_face

Image = NDArray[np.uint8]
Edge = Literal["start", "end", "cut", "face", "pose"]

SEARCH_MS = 1000.0  # between two searches of the whole picture
RETRY_MS, MOST_RETRY_MS = 300.0, 2400.0  # the same while no face is followed
CHECK_MS = 200.0  # between two looks at the pose of a face
MOST_FACES = 4  # that are followed at once, the larger ones

# A pose has changed for good if it stays so far from that of the transform, in distances
# between the eyes (growth and roll at that distance). Landmarks of a still face vary by .02.
POSE = 0.15
POSE_FAR = 0.6  # the cells of the face are lost beyond it: no waiting, and no overlap
SETTLED = 0.05  # and varies by at most so much, over
SETTLED_CHECKS = 5
OVERLAP_MS = 2000.0  # the stretch before goes on for so long: an event on the border is seen whole

_CUT = 0.6  # correlation of two frames: within a scene it is above .9
# Root mean square of what changes, grey levels. In a picture with nothing in it, as of a covered
# lens, noise alone is left, of which no frame is like the one before: less than 1 in thumbnails.
_CUT_CHANGE = 3.0
_THUMB, _WIDE = (32, 24), 320  # px: of the thumbnail, and of what it is made of
_OVERLAP_SAME = 0.3  # intersection over union of boxes: the same face
# A cut within a scene: blocks of the face that change at once, against the frames around it. The
# share of them is .49 to .52 where a real video jumps from its end to its start, else at most .02.
_BLOCKS = 10  # across the aligned face
_AT_ONCE = 4.0  # times the median step of the two frames before and the two after
_LEAST_STEP, _NOISE_STEP = 3.0, 0.7  # grey levels
_CUT_SHARE = 0.25
_AROUND = 2  # frames before and after
_GONE_MS = 600.0  # a face that the check does not see for so long has gone


@dataclass
class Stretch:
    """Frames in which one face is seen through one transform.

    Parameters
    ----------
    face
        The number of the face, from 1.
    transform
        (2, 3), from px of the frame to the aligned face.
    eyes
        Distance of the eye centres, px of the frame.
    begins, ends
        Why there: the start or end of the frames, a cut, the face that came or went, or its
        pose, which changed for good.
    positions
        Of its frames, ascending.
    crops
        The aligned face of each, (S, S) uint8.
    """

    face: int
    transform: Float
    eyes: float
    begins: Edge
    ends: Edge = "end"
    positions: list[int] = field(default_factory=list)
    crops: list[Image] = field(default_factory=list)

    def until(self, position: int) -> Stretch:
        """Take back the frames after this one, and return the stretch."""
        while self.positions and self.positions[-1] > position:
            self.positions.pop()
            self.crops.pop()
        return self


@dataclass
class _Followed:
    """A face that is being followed: its stretches under way, and where it was seen last."""

    number: int
    stretch: Stretch
    at: Float  # its transform at the last check
    seen_ms: float
    seen: int  # the position of the frame at that time
    poses: list[Float] = field(default_factory=list)
    steps: deque[NDArray[np.float32]] = field(default_factory=lambda: deque(maxlen=2 * _AROUND + 1))
    old: Stretch | None = None  # goes on beside the new one until
    old_until: float = 0.0

    def drop_after(self, position: int) -> None:
        """Take back the frames after this one."""
        for stretch in (self.stretch, self.old):
            if stretch is not None:
                stretch.until(position)


class Follower:
    """Divides frames that are given one by one into stretches.

    Parameters
    ----------
    size
        Side of the aligned faces, px.
    search_size
        As for `mepipe.face.detect_fast`.

    Attributes
    ----------
    stretches
        Those that have ended, in the order of their ends.
    cuts
        Positions of the first frames of new scenes.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face.follow import Follower
    >>> follower = Follower(size=160)
    >>> for position in range(3):
    ...     follower.look(position, position * 40.0, np.full((120, 160), 90, np.uint8))
    >>> follower.finish()
    >>> follower.stretches, follower.cuts
    ([], [])
    """

    def __init__(self, size: int = 160, search_size: int = 480) -> None:
        self.stretches: list[Stretch] = []
        self.cuts: list[int] = []
        self._size = size
        self._search = search_size
        self._faces: list[_Followed] = []
        self._known: dict[int, tuple[float, float, float, float]] = {}  # boxes, also of lost faces
        self._thumb: NDArray[np.float32] | None = None
        self._searched = self._checked = -np.inf
        self._misses = 0  # searches without a face since the last face or cut
        self._begins: Edge = "start"

    def look(self, position: int, time_ms: float, image: Image) -> None:
        """Take in the next frame.

        Parameters
        ----------
        position
            Of the frame.
        time_ms
            Its time.
        image
            (H, W, 3) BGR or (H, W) grey, uint8.
        """
        grey = grey_of(image)
        if self._thumb is None:
            self._begins = "start"
        if self._is_cut(grey):
            self.cuts.append(position)
            for one in list(self._faces):
                self._end(one, "cut")
            self._searched, self._misses = -np.inf, 0
            self._begins = "cut"
        if time_ms - self._checked >= CHECK_MS:
            self._checked = time_ms
            for one in list(self._faces):
                self._check(one, position, time_ms, grey)
        # Where there is none, the search is dear: it is repeated less and less often.
        wait = SEARCH_MS if self._faces else min(RETRY_MS * 2**self._misses, MOST_RETRY_MS)
        if time_ms - self._searched >= wait:
            self._searched = time_ms
            self._look_for_faces(position, time_ms, grey, self._begins)
            self._misses = 0 if self._faces else min(self._misses + 1, 8)
            self._begins = "face"
        for one in self._faces:
            if one.old is not None and time_ms > one.old_until:
                self._close(one.old, "pose")
                one.old = None
            for stretch in (one.stretch, one.old):
                if stretch is not None:
                    stretch.positions.append(position)
                    stretch.crops.append(warp_face(grey, stretch.transform, self._size))
        cut = [one.stretch.positions[-1 - _AROUND] for one in self._faces if _jumps(one)]
        if cut:
            self._cut_at(min(cut))

    def _cut_at(self, position: int) -> None:
        """End all stretches before a frame that was taken in two frames ago."""
        self.cuts.append(position)
        for one in list(self._faces):
            one.drop_after(position - 1)
            self._end(one, "cut")
        self._searched, self._misses = -np.inf, 0
        self._begins = "cut"

    def finish(self) -> None:
        """End the stretches that are under way."""
        for one in list(self._faces):
            self._end(one, "end")

    def _is_cut(self, grey: Image) -> bool:
        import cv2

        # Of a large frame, a part of the pixels says enough.
        step = max(1, grey.shape[1] // _WIDE)
        few = np.ascontiguousarray(grey[::step, ::step])
        thumb = np.asarray(cv2.resize(few, _THUMB, interpolation=cv2.INTER_AREA), np.float32)
        thumb = thumb - thumb.mean()
        before, self._thumb = self._thumb, thumb
        if before is None or np.sqrt(np.mean((thumb - before) ** 2)) < _CUT_CHANGE:
            return False
        # From or to a picture without contrast (black) is a cut as well: then the lengths are 0.
        lengths = float(np.linalg.norm(thumb) * np.linalg.norm(before))
        return float(np.vdot(thumb, before)) <= _CUT * lengths

    def _look_for_faces(self, position: int, time_ms: float, grey: Image, begins: Edge) -> None:
        found = detect_fast(grey, self._search)
        for face in sorted(found, key=lambda face: -face.side):
            if len(self._faces) >= MOST_FACES:
                break
            if any(_overlap(face.box, self._known[one.number]) > 0.1 for one in self._faces):
                continue
            self._begin(face, position, time_ms, grey, begins)

    def _begin(self, face: Face, position: int, time_ms: float, grey: Image, begins: Edge) -> None:
        try:
            known = find_in_box(grey, face.box)
        except BadDataError:
            return  # all landmarks in one place: no face
        if known.problem:
            return
        followed = {one.number for one in self._faces}
        # A face that comes back to its place is the one that left it.
        lost = [number for number in self._known if number not in followed]
        number = max(lost, key=lambda n: _overlap(face.box, self._known[n]), default=0)
        if not number or _overlap(face.box, self._known[number]) < _OVERLAP_SAME:
            number = len(self._known) + 1
        self._known[number] = face.box
        transform = face_transform(known.points)
        stretch = Stretch(number, transform, _eyes(known.points), begins)
        self._faces.append(_Followed(number, stretch, transform, time_ms, position))

    def _check(self, one: _Followed, position: int, time_ms: float, grey: Image) -> None:
        """Look where a face is by now, and whether it is one."""
        level = Levelled.cut(grey, one.at)
        try:
            points = level.landmarks()
            at = face_transform(points)
        except BadDataError:
            at = one.at
        pose = _pose(at, one.stretch.transform)
        before = one.seen
        if level.score() > 0 and np.abs(_pose(at, one.at)).max() < POSE_FAR:
            one.seen_ms, one.seen, one.at = time_ms, position, at
            self._known[one.number] = _box(at)
            one.poses = [*one.poses[1 - SETTLED_CHECKS :], pose]
        elif time_ms - one.seen_ms > _GONE_MS:
            if not one.stretch.crops or not same_face(grey, one.stretch.crops[-1], one.at):
                # What covered it, or is seen in its place, must not look like a movement.
                one.drop_after(one.seen)
                self._end(one, "face")
                return
            one.seen_ms, one.seen = time_ms, position
        if one.old is not None and _is_far(_pose(one.at, one.old.transform)):
            self._close(one.old.until(before), "pose")
            one.old = None
        recent = np.array(one.poses)
        far = len(recent) and _is_far(recent[-1])
        settled = len(recent) == SETTLED_CHECKS and np.ptp(recent, axis=0).max() < SETTLED
        moved = settled and np.abs(np.median(recent, axis=0)).max() > POSE
        if far or moved:
            if one.old is not None:
                self._close(one.old, "pose")
                one.old = None
            if far:
                self._close(one.stretch.until(before), "pose")
            else:
                one.old, one.old_until = one.stretch, time_ms + OVERLAP_MS
            eyes = _eyes(points)
            one.stretch = Stretch(one.number, one.at, eyes, "pose")
            one.poses = []

    def _end(self, one: _Followed, why: Edge) -> None:
        self._faces.remove(one)
        if one.old is not None:
            self._close(one.old, "pose")
        self._close(one.stretch, why)

    def _close(self, stretch: Stretch, why: Edge) -> None:
        stretch.ends = why
        if stretch.positions:
            self.stretches.append(stretch)


def _jumps(one: _Followed) -> bool:
    """Return True if most of a face changed at once, two frames ago; take in its last crop."""
    import cv2

    crops = one.stretch.crops
    if len(crops) < 2:
        one.steps.clear()
        return False
    step = cv2.resize(
        cv2.absdiff(crops[-1], crops[-2]).astype(np.float32),
        (_BLOCKS, _BLOCKS),
        interpolation=cv2.INTER_AREA,
    )
    one.steps.append(np.asarray(step, np.float32))
    if len(one.steps) < 2 * _AROUND + 1:
        return False
    steps = np.stack(one.steps)
    usual = np.maximum(np.median(np.delete(steps, _AROUND, axis=0), axis=0), _NOISE_STEP)
    middle = steps[_AROUND]
    return bool(np.mean((middle > _AT_ONCE * usual) & (middle > _LEAST_STEP)) > _CUT_SHARE)


def _is_far(pose: Float) -> bool:
    return bool(np.abs(pose).max() > POSE_FAR)


def _eyes(points: Float) -> float:
    return float(np.hypot(*eye_line(points)))


def _pose(at: Float, reference: Float) -> Float:
    """Return shift x and y, growth and roll of a face, in distances between the eyes (4,)."""
    from mepipe.assets import template

    # Where the aligned face of the reference is now, in aligned coordinates.
    moved = compose(reference, invert(at))
    a, b = moved[0, 0], moved[1, 0]
    centre = np.array([0.5, 0.5])
    shift = (moved[:, :2] @ centre + moved[:, 2] - centre) / template().inter_ocular
    return np.array([shift[0], shift[1], np.log(max(np.hypot(a, b), 1e-9)), np.arctan2(b, a)])


def _box(transform: Float) -> tuple[float, float, float, float]:
    """Return the upright box (x0, y0, x1, y1) around an aligned face, px of the frame."""
    back = invert(transform)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ back[:, :2].T + back[:, 2]
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return both / (sum(areas) - both)
