import cv2
import numpy as np
import pytest

from mepipe.face import Face, choose_face, detect, detect_fallback, detect_fast, landmarks


def test_detect_finds_a_face_and_landmarks_lie_on_it(portrait):
    faces = detect(portrait)
    face = choose_face(faces, *portrait.shape[:2])
    points = landmarks(portrait, face)
    assert points.shape == (68, 2)
    right_eye, left_eye = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    mouth, chin = points[48:60].mean(axis=0), points[8]
    assert right_eye[0] < left_eye[0]
    assert right_eye[1] < points[30][1] < mouth[1] < chin[1]
    assert np.hypot(*(left_eye - right_eye)) > 80


def test_landmarks_follow_the_size_of_the_image(portrait):
    small = cv2.resize(portrait, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def eyes(image):
        points = landmarks(image, choose_face(detect(image), *image.shape[:2]))
        return points[42:48].mean(axis=0) - points[36:42].mean(axis=0)

    np.testing.assert_allclose(eyes(small) * 2, eyes(portrait), atol=5)


def test_detect_fast_falls_back_to_the_full_image(portrait):
    wide = np.full((portrait.shape[0], 4000, 3), 90, np.uint8)
    wide[:, : portrait.shape[1]] = portrait
    # At 480 px on the long side this face has 25 px.
    faces = detect_fast(wide)
    assert faces
    assert choose_face(faces, *wide.shape[:2]).box[0] < portrait.shape[1]


def test_detectors_return_nothing_without_a_face(texture):
    nothing = texture(200).astype(np.uint8)
    assert detect(nothing) == []
    assert detect_fallback(nothing) == []


def test_grey_and_colour_give_the_same_face(portrait):
    grey = cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)
    assert detect(grey) == detect(portrait)


def test_detect_finds_small_faces_with_a_smaller_min_face(portrait):
    face = choose_face(detect(portrait), *portrait.shape[:2])
    scale = 50 / face.side
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = choose_face(detect(small, min_face=40), *small.shape[:2])
    assert found.score > 0.5
    assert abs(found.side - 50) < 12
    assert max((one.score for one in detect(small)), default=0) < 0.5


def test_detect_fallback_finds_a_tight_crop(portrait):
    face = choose_face(detect(portrait), *portrait.shape[:2])
    points = landmarks(portrait, face)
    x0, y0 = points.min(axis=0).astype(int)
    x1, y1 = points.max(axis=0).astype(int)
    tight = np.ascontiguousarray(portrait[y0:y1, x0:x1])
    found = choose_face(detect_fallback(tight), *tight.shape[:2])
    centre = np.array(found.box).reshape(2, 2).mean(axis=0)
    assert np.abs(centre - points.mean(axis=0) + (x0, y0)).max() < 0.2 * face.side
    grey = cv2.cvtColor(tight, cv2.COLOR_BGR2GRAY)
    assert detect_fallback(grey)


def box(x, y, side, score=1.0):
    return Face((x, y, x + side, y + side), score)


def test_choose_face_takes_the_larger_of_two_central_faces():
    large, small = box(100, 100, 200), box(320, 150, 100)
    assert choose_face([small, large], 480, 640) == large


def test_choose_face_takes_the_more_central_of_two_equal_faces():
    centre, corner = box(270, 190, 100), box(0, 0, 100)
    assert choose_face([corner, centre], 480, 640) == centre


def test_choose_face_ignores_a_large_face_with_a_low_score():
    face, doubtful = box(0, 0, 90, score=1.2), box(250, 200, 120, score=0.1)
    assert choose_face([doubtful, face], 480, 640) == face


def test_detect_finds_the_one_face_of_each_photograph(shared_data):
    for name in ("obama.jpg", "single_face.jpg", "biden.jpg", "obama-240p.jpg"):
        image = cv2.imread(str(shared_data / "faces" / name))
        assert len(detect(image)) == 1, name


def test_landmarks_agree_with_reference_annotations(shared_data):
    # The reference points were placed with the same model: this checks box and wiring.
    import xml.etree.ElementTree as ElementTree

    folder = shared_data / "landmarks_reference"
    errors = []
    for part_of in ("training", "testing"):
        tree = ElementTree.parse(folder / f"{part_of}_with_face_landmarks.xml")
        for entry in tree.iter("image"):
            image = cv2.imread(str(folder / entry.get("file")))
            found = [landmarks(image, face) for face in detect(image)]
            for element in entry.iter("box"):
                if int(element.get("width")) < 80:
                    continue
                parts = sorted(element.iter("part"), key=lambda part: int(part.get("name")))
                truth = np.array([(float(p.get("x")), float(p.get("y"))) for p in parts])
                eyes = np.hypot(*(truth[42:48].mean(axis=0) - truth[36:42].mean(axis=0)))
                errors.append(min(np.hypot(*(f - truth).T).mean() / eyes for f in found))
    assert len(errors) == 5
    assert np.mean(errors) <= 0.03
    assert max(errors) <= 0.06


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 8, 3), (9, 9)])
def test_detect_fallback_returns_nothing_for_tiny_images(shape):
    assert detect_fallback(np.full(shape, 90, np.uint8)) == []
