import cv2
import numpy as np
import pytest
from turned_faces import difference, found_in, judged, turned

from mepipe.assets import template
from mepipe.errors import BadDataError
from mepipe.face import (
    Face,
    Light,
    box_transform,
    choose_face,
    detect,
    detect_turned,
    examine,
    face_transform,
    find_face,
    find_face_slowly,
    find_in_box,
    frontality,
    landmarks,
    roll,
    settle,
)
from mepipe.face.align import compose, invert
from mepipe.face.levelled import MIRRORED, Levelled, evened


@pytest.fixture(scope="module")
def picture(portrait):
    return cv2.resize(portrait, (480, 420), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def upright(picture):
    return find_face(picture)


def test_an_upright_face_keeps_the_landmarks_of_the_detectors_box(picture, upright):
    face = choose_face(detect(picture), *picture.shape[:2])
    assert not upright.problem
    assert upright.examined.rounds == 0
    np.testing.assert_array_equal(upright.points, landmarks(picture, upright.face))
    assert abs(upright.face.side - face.side) < 0.3 * face.side
    assert abs(upright.examined.roll) < 5


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_frame_on_its_side_gives_the_face_of_the_upright_one(picture, upright, degrees):
    image, way = turned(picture, degrees)
    found = found_in(image)
    assert not found.problem
    truth = compose(face_transform(upright.points), invert(way))
    off = difference(face_transform(found.points), truth)
    assert off.places < 0.04
    assert abs(off.degrees) < 2
    assert abs((found.examined.roll - degrees + 180) % 360 - 180) < 5
    x0, y0, x1, y1 = found.face.box
    centre = found.points.mean(axis=0)
    assert x0 < centre[0] < x1
    assert y0 < centre[1] < y1


@pytest.mark.parametrize("degrees", [-40, -20, 20, 40, 65, 130])
def test_a_rolled_head_gives_the_same_aligned_face(picture, upright, degrees):
    image, way = turned(picture, degrees)
    assert judged(image, way, face_transform(upright.points)) == "used"


def test_landmarks_of_a_wrong_place_are_refused(picture, upright):
    x0, y0, x1, y1 = upright.face.box
    for dx, dy in ((0.9, 0.2), (-0.8, 0.0), (0.0, 1.0)):
        shift = np.tile([dx, dy], 2) * upright.face.side
        off = Face(tuple(np.array([x0, y0, x1, y1]) + shift), 1.0)
        seen = examine(picture, landmarks(picture, off))
        assert seen.problem, (dx, dy)
        assert not seen.settled


def test_an_upside_down_face_taken_for_an_upright_one_is_refused(picture, upright):
    image, way = turned(picture, 180)
    x, y = (way[:, :2] @ upright.points.mean(axis=0)) + way[:, 2]
    half = upright.face.side / 2
    face = Face((x - half, y - half, x + half, y + half), 1.0)
    assert settle(image, landmarks(image, face)).problem


def test_a_picture_without_a_face_has_none_in_any_turn(texture):
    nothing = texture(300).astype(np.uint8)
    assert find_face(nothing) is None
    assert find_face_slowly(nothing) is None
    assert [faces for _, faces in detect_turned(nothing)] == [[]] * 7


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket", "camera", "coins", "text"])
def test_pictures_of_other_things_have_no_face(name):
    data = pytest.importorskip("skimage.data")
    image = np.ascontiguousarray(getattr(data, name)())
    rng = np.random.default_rng(0)
    side = min(image.shape[:2])
    for _ in range(8):
        size = rng.uniform(0.2, 0.7) * side
        x, y = rng.uniform(0, side - size, 2)
        box = Face((x, y, x + size, y + size), 1.0)
        assert settle(image, landmarks(image, box)).likeness < 0
    found = [face for _, faces in detect_turned(image) for face in faces]
    assert len(found) <= 1


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 45])
def test_a_known_box_serves_whatever_the_roll(picture, upright, degrees):
    image, way = turned(picture, degrees)
    x, y = (np.reshape(upright.face.box, (2, 2)).mean(axis=0) - 0.5) @ way[:, :2].T + way[:, 2]
    half = upright.face.side / 2
    found = find_in_box(image, (x - half, y - half, x + half, y + half))
    truth = compose(face_transform(upright.points), invert(way))
    assert not found.problem
    assert not difference(face_transform(found.points), truth).wrong


def test_a_box_beside_the_face_is_refused(picture):
    assert find_in_box(picture, (0.0, 0.0, 60.0, 60.0)).problem


def test_a_box_without_extent_is_an_error(picture):
    with pytest.raises(BadDataError, match="coincide"):
        find_in_box(np.zeros((9, 9, 3), np.uint8), (3.0, 3.0, 4.0, 4.0))


@pytest.mark.slow
def test_the_light_is_measured_and_refused_by_name(picture):
    assert "too dark" in found_in(np.rint(picture * 0.12).astype(np.uint8)).problem
    for gain in (0.05, 9.0):
        assert found_in(np.clip(picture * gain, 0, 255).astype(np.uint8)) is None


def test_a_dim_face_is_used_with_a_note(picture, upright):
    image = np.rint(picture * 0.35).astype(np.uint8)
    found = found_in(image)
    assert not found.problem
    assert "little contrast" in found.examined.light.note
    assert not difference(face_transform(found.points), face_transform(upright.points)).wrong


@pytest.mark.parametrize(
    ("light", "word"),
    [
        (Light(30.0, 28.0, 0.0), "too dark"),
        (Light(200.0, 20.0, 0.0), "too little contrast"),
        (Light(255.0, 200.0, 0.6), "over- or underexposed"),
        (Light(200.0, 150.0, 0.05), ""),
    ],
)
def test_each_bound_of_the_light_has_its_words(light, word):
    assert word in light.problem
    assert bool(light.problem) == bool(word)


def test_the_dark_face_of_one_person_is_not_replaced_by_another(picture):
    dark = np.rint(picture * 0.12).astype(np.uint8)
    small = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    both = np.zeros((420, 480 + 336, 3), np.uint8)
    both[:, :480] = dark
    both[: small.shape[0], 480:] = small
    found = found_in(both)
    assert found.points.mean(axis=0)[0] < 480
    assert "too dark" in found.problem


def test_mirrored_pairs_each_landmark_with_that_of_the_other_half():
    assert sorted(MIRRORED) == list(range(68))
    assert [MIRRORED[i] for i in MIRRORED] == list(range(68))
    points = template().points
    np.testing.assert_allclose(points[list(MIRRORED)] * [-1, 1] + [1, 0], points, atol=0.01)


def test_levelled_landmarks_are_those_of_the_frame(picture, upright):
    level = Levelled.cut(picture, face_transform(upright.points))
    eyes = upright.points[42:48].mean(axis=0) - upright.points[36:42].mean(axis=0)
    for mirrored in (False, True):
        off = level.landmarks(mirrored=mirrored) - upright.points
        assert np.hypot(*off.T).mean() < 0.04 * np.hypot(*eyes)
    assert level.score() > 0.45


def test_evened_leaves_an_ordinary_picture_alone(picture):
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    assert evened(grey) is grey
    assert np.ptp(evened(np.full((9, 9), 7, np.uint8))) == 0


@pytest.mark.parametrize("turn", range(0, 360, 30))
def test_box_transform_and_roll_agree(turn):
    transform = box_transform((10.0, 20.0, 90.0, 100.0), turn)
    assert (roll(transform) - turn + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(transform @ [49.5, 59.5, 1.0], [0.5, 0.55])


def test_boxes_of_turned_pictures_lie_on_the_face(picture, upright):
    image, way = turned(picture, 90)
    (face,) = dict(detect_turned(image))[90][:1]
    centre = way[:, :2] @ np.reshape(upright.face.box, (2, 2)).mean(axis=0) + way[:, 2]
    assert np.abs(np.reshape(face.box, (2, 2)).mean(axis=0) - centre).max() < 0.2 * face.side


def test_frontality_is_that_of_the_half_faces():
    points = template().points.copy()
    points[30, 0] += 0.2
    assert frontality(points) < 0.6
