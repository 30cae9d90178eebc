"""A face is followed through cuts, absence and a new pose; what is no face is not."""

import cv2
import numpy as np
import pytest

from mepipe.face.follow import Follower, Stretch

SIZE = (240, 320)
FPS = 25.0


@pytest.fixture(scope="module")
def face():
    """A photograph of a face, (240, 220, 3), about 53 px between the eyes."""
    data = pytest.importorskip("skimage.data")
    image = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)[0:220, 120:330]
    return cv2.resize(image, None, fx=1.14, fy=1.14, interpolation=cv2.INTER_CUBIC)[:240, :230]


@pytest.fixture(scope="module")
def wall():
    """A room without a face, (240, 320, 3)."""
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.normal(size=(*SIZE, 3)), (0, 0), 25)
    return np.uint8(np.clip(110 + 60 * noise / noise.std(), 0, 255))


def shot(wall, *faces, move=(0.0, 0.0), turn=0.0, scale=1.0):
    """A frame: faces pasted on the wall, each (image, left column)."""
    frame = wall.copy()
    for image, left in faces:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
        matrix[:, 2] += (left + move[0], move[1])
        cv2.warpAffine(image, matrix, frame.shape[1::-1], frame, borderMode=cv2.BORDER_TRANSPARENT)
    return frame


def follow(frames, *, fps=FPS, noise=1.5):
    rng = np.random.default_rng(0)
    follower = Follower(size=96)
    for position, frame in enumerate(frames):
        grain = rng.normal(scale=noise, size=frame.shape)
        image = np.uint8(np.clip(frame + grain, 0, 255))
        follower.look(position, 1000.0 * position / fps, image)
    follower.finish()
    for one in follower.stretches:
        assert isinstance(one, Stretch)
        assert len(one.positions) == len(one.crops)
        assert np.all(np.diff(one.positions) == 1)
        assert all(crop.shape == (96, 96) for crop in one.crops)
    assert sorted(set(follower.cuts)) == follower.cuts
    return follower


def ends(follower):
    return [
        (one.face, one.begins, one.ends, one.positions[0], one.positions[-1])
        for one in sorted(follower.stretches, key=lambda one: one.positions[0])
    ]


def test_one_face_that_stays_is_one_stretch(face, wall):
    follower = follow([shot(wall, (face, 40))] * 40)
    assert ends(follower) == [(1, "start", "end", 0, 39)]
    assert follower.cuts == []
    (one,) = follower.stretches
    assert 40 < one.eyes < 65


def test_grey_frames_give_the_same(face, wall):
    frame = shot(wall, (face, 40))
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    one, other = follow([frame] * 5, noise=0), follow([grey] * 5, noise=0)
    assert ends(one) == ends(other)
    np.testing.assert_array_equal(one.stretches[0].crops[3], other.stretches[0].crops[3])


def test_a_cut_ends_a_stretch_at_once(face, wall):
    first, other = shot(wall, (face, 20)), shot(255 - wall[::-1], (face[:, ::-1], 90))
    follower = follow([first] * 20 + [other] * 20)
    assert follower.cuts == [20]
    assert [(begin, end) for _, begin, end, *_ in ends(follower)] == [
        ("start", "cut"), ("cut", "end"),
    ]  # fmt: skip
    assert [places for *_, places in ends(follower)] == [19, 39]
    assert ends(follower)[1][3] == 20


def test_a_jump_within_a_scene_is_a_cut(face, wall):
    """Two takes of one scene: the picture is much the same, and the face all at once another."""
    first = [shot(wall, (face, 40), move=(0.02 * i, 0)) for i in range(20)]
    second = [shot(wall, (face, 44), move=(0, 4), turn=4) for _ in range(20)]
    follower = follow(first + second)
    assert follower.cuts == [20]
    assert ends(follower)[0][2:] == ("cut", 0, 19)
    assert ends(follower)[1][1] == "cut"
    assert 20 <= ends(follower)[1][3] <= 24


def test_a_flash_or_a_drift_of_the_light_is_no_cut(face, wall):
    frame = shot(wall, (face, 40)).astype(float)
    light = np.concatenate([np.linspace(0.6, 1.1, 20), np.full(20, 1.1)])
    follower = follow([np.clip(frame * share, 0, 255) for share in light])
    assert follower.cuts == []
    assert len(follower.stretches) == 1


@pytest.mark.parametrize(("level", "noise"), [(0, 0), (4, 2.0), (90, 5.0)])
def test_a_picture_without_anything_in_it_has_no_cuts(level, noise):
    """A covered lens gives noise, of which no frame is like the one before."""
    follower = follow([np.full((*SIZE, 3), level, np.uint8)] * 20, noise=noise)
    assert (follower.stretches, follower.cuts) == ([], [])


@pytest.mark.parametrize("noise", [0, 2.0])
def test_black_frames_in_the_middle_are_a_scene(face, wall, noise):
    frame = shot(wall, (face, 40))
    follower = follow([frame] * 20 + [np.zeros_like(frame)] * 12 + [frame] * 20, noise=noise)
    assert follower.cuts == [20, 32]
    assert [one[1:] for one in ends(follower)] == [("start", "cut", 0, 19), ("cut", "end", 32, 51)]
    assert [one.face for one in follower.stretches] == [1, 1]  # in its place


def faded(one, other, count):
    shares = np.linspace(0, 1, count)
    return [np.uint8(one + (other.astype(float) - one) * share) for share in shares]


def test_a_face_that_is_gone_for_a_while_and_comes_back_to_its_place_is_one(face, wall):
    here = shot(wall, (face, 40))
    leaves = faded(here, wall, 10)
    follower = follow([here] * 25 + leaves + [wall] * 50 + leaves[::-1] + [here] * 40)
    assert follower.cuts == []
    first, last = ends(follower)
    assert first[:3] == (1, "start", "face")
    assert last[:3] == (1, "face", "end")
    # Gone for at most 0.8 s before that is seen: 600 ms and a look every 200 ms.
    assert first[4] <= 35 + 20
    assert 85 <= last[3] <= 110


def test_a_face_that_walks_out_of_the_picture_is_not_followed_there(face, wall):
    here = shot(wall, (face, 40))
    leaves = [shot(wall, (face, 40), move=(8 * i, 0)) for i in range(1, 41)]
    follower = follow([here] * 25 + leaves + [wall] * 25)
    assert {one[2] for one in ends(follower)} == {"face"}
    assert max(one.positions[-1] for one in follower.stretches) < 65


def test_two_faces_are_two_tracks(face):
    wide = np.full((240, 460, 3), 100, np.uint8)
    frame = shot(wide, (face, 0), (face[:, ::-1], 230))
    follower = follow([frame] * 30)
    assert sorted(one.face for one in follower.stretches) == [1, 2]
    assert all((one.begins, one.ends) == ("start", "end") for one in follower.stretches)


def test_a_second_face_may_come_later(face):
    wide = np.full((240, 460, 3), 100, np.uint8)
    one, two = shot(wide, (face, 0)), shot(wide, (face, 0), (face[:, ::-1], 230))
    fade = [np.uint8(one + (two.astype(float) - one) * share) for share in np.linspace(0, 1, 15)]
    follower = follow([one] * 20 + fade + [two] * 40)
    assert [(face, begins) for face, begins, *_ in ends(follower)] == [(1, "start"), (2, "face")]


def test_a_pose_that_changes_for_good_gets_a_transform_of_its_own(face, wall):
    course = np.concatenate([np.zeros(40), np.linspace(0, 1, 15), np.ones(100)])
    frames = [shot(wall, (face, 30), move=(30 * share, 0), turn=-8 * share) for share in course]
    follower = follow(frames)
    assert follower.cuts == []
    first, second = ends(follower)
    assert (first[0], first[1], first[2]) == (1, "start", "pose")
    assert (second[0], second[1], second[2]) == (1, "pose", "end")
    shared = first[4] - second[3] + 1
    assert shared == pytest.approx(2 * FPS, abs=3)  # an event on the border is seen whole
    assert np.abs(follower.stretches[0].transform - follower.stretches[1].transform).max() > 0.01


def test_a_pose_that_comes_back_needs_no_new_transform(face, wall):
    course = np.concatenate([np.zeros(30), np.hanning(15), np.zeros(60)])
    frames = [shot(wall, (face, 40), move=(20 * share, 0)) for share in course]
    assert ends(follow(frames)) == [(1, "start", "end", 0, 104)]


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (40, 30), (16, 640)])
def test_frames_that_are_too_small_for_a_face_have_none(size):
    follower = follow([np.full((*size, 3), 120, np.uint8)] * 4)
    assert (follower.stretches, follower.cuts) == ([], [])


def test_nothing_is_found_in_nothing():
    follower = Follower()
    follower.finish()
    assert (follower.stretches, follower.cuts) == ([], [])


def test_a_face_that_moves_far_away_is_no_longer_seen_through_the_old_transform(face, wall):
    """Through it, the cells of the face would be lost, and what they show is no movement."""
    course = np.concatenate([np.zeros(25), np.linspace(0, 1, 40), np.ones(60)])
    frames = [shot(wall, (face, 0), move=(50 * share, 0)) for share in course]
    follower = follow(frames)
    assert follower.cuts == []
    assert {one.face for one in follower.stretches} == {1}
    first, *rest = ends(follower)
    assert first[1:3] == ("start", "pose")
    assert first[4] < 65  # not up to two seconds after the move
    assert first[4] < rest[0][3] <= first[4] + 6
    assert rest[-1][4] == 124


def test_what_covers_a_face_is_not_taken_for_it(face, wall):
    """A hand comes up: the frames since the face was seen last are dropped."""
    here = shot(wall, (face, 40))

    def covered(rows):
        frame = here.copy()
        frame[240 - rows :, 60:280] = wall[:rows, 60:280]
        return frame

    hand = [covered(rows) for rows in range(8, 241, 8)]
    follower = follow([here] * 30 + hand + [covered(240)] * 30)
    (one,) = follower.stretches
    assert one.ends == "face"
    assert 25 <= one.positions[-1] <= 30 + len(hand) // 2
