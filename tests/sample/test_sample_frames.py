"""The rendered frames move as the truth says."""

import cv2
import numpy as np
import pytest

pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")

from dataclasses import replace

from mepipe.face.detect import choose_face, detect, landmarks
from mepipe.sample.identity import make_subject
from mepipe.sample.photos import astronaut
from mepipe.sample.render import choose_label, frames, make_scene


@pytest.fixture(scope="module")
def photo():
    return astronaut()


@pytest.fixture(scope="module")
def scene(photo):
    return make_scene(make_subject(photo, 1, 0), 1, 0, 0)


def test_the_face_of_the_astronaut_is_found_and_not_that_of_the_suit(photo):
    eyes = photo.landmarks[36:48].mean(axis=0)
    np.testing.assert_allclose(eyes, [225, 103], atol=5)


def test_landmarks_follow_the_change_of_shape(scene):
    """What dlib finds in the made face is where the known points say."""
    first = next(frames(scene))
    assert first.shape == (480, 640, 3)
    assert first.dtype == np.uint8
    found = landmarks(first, choose_face(detect(first), 480, 640))
    distance = np.linalg.norm(found - scene.subject.landmarks, axis=1)
    assert np.median(distance) < 0.05 * scene.subject.eye_distance


@pytest.mark.slow
def test_flow_from_rest_to_apex_is_the_field(scene):
    quiet = replace(
        scene, drift=scene.drift * 0, light=np.ones_like(scene.light), noise_seed=(1, 2, 3)
    )
    clip = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames(quiet)]
    rest = np.mean(clip[:3], axis=0).astype(np.uint8)
    near = clip[scene.course.apex - 1 : scene.course.apex + 2]
    peak = np.mean(near, axis=0).astype(np.uint8)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(rest, peak, None)
    field = scene.parts[0].field
    length = np.hypot(field[..., 0], field[..., 1])
    assert length.max() == pytest.approx(scene.amplitude, abs=1e-3)
    moving = length > 0.6 * scene.amplitude
    share = (flow * field).sum(axis=-1)[moving] / (length[moving] ** 2)
    assert np.median(share) == pytest.approx(1, abs=0.15)
    background = scene.subject.head == 0
    assert length[background].max() < 0.02
    # DIS invents a little motion where there is nothing but noise.
    assert np.median(np.abs(flow[background])) < 0.1


@pytest.mark.slow
def test_the_background_stands_still_while_the_head_drifts(scene):
    clip = np.stack([f.mean(axis=2) for f in frames(replace(scene, light=scene.light**0))])
    spread = clip.std(axis=0)
    background = spread[scene.subject.head == 0]
    sharp = cv2.Sobel(clip[0], cv2.CV_64F, 1, 0)
    face = (scene.subject.head > 0.99) & (np.abs(sharp) > 40)
    assert np.median(spread[face]) > 3 * np.median(background)


def test_classes_come_in_turn():
    for subject in range(4):
        assert len({choose_label(subject, clip) for clip in range(3)}) == 3


def test_subjects_differ(photo):
    faces = [make_subject(photo, index, 0) for index in range(3)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        moved = faces[one].landmarks - faces[other].landmarks
        moved = moved - moved.mean(axis=0)
        assert np.linalg.norm(moved, axis=1).mean() > 2
        assert np.abs(faces[one].face - faces[other].face).mean() > 5
