import cv2
import numpy as np
import pytest

from mepipe.flow.head import Cells, HeadModel, HeadMotion, estimate_head, fade_outside, undo_head
from mepipe.flow.light import even_light

SIZE = 160
EYES = 64.0
Y, X = np.mgrid[:SIZE, :SIZE]
NONE = np.zeros((SIZE, SIZE), bool)
FACE = ((X - 80) / 66) ** 2 + ((Y - 88) / 76) ** 2 < 1
BROWS = (np.abs(Y - 42) < 12) & (np.abs(X - 80) < 40)
MOUTH = (np.abs(Y - 120) < 16) & (np.abs(X - 80) < 30)


@pytest.fixture(scope="module")
def model():
    rigid = (np.abs(X - 80) < 8) & (np.abs(Y - 68) < 16)
    return HeadModel(FACE, NONE, rigid, BROWS | MOUTH, np.array([80.0, 58.0]), EYES)


@pytest.fixture(scope="module")
def skin():
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(size=(SIZE, SIZE)), (0, 0), 2.5)
    return 120 + 40 * noise / noise.std()


def read(skin, flow, noise=1.0, seed=0):
    """Return two frames: what is at p of the first is at p + flow of the second, nearly."""
    x, y = (X - flow[0]).astype(np.float32), (Y - flow[1]).astype(np.float32)
    moved = cv2.remap(skin, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    rng = np.random.default_rng(seed)
    return [
        np.clip(image + rng.normal(0, noise, image.shape), 0, 255).round().astype(np.uint8)
        for image in (skin, moved)
    ]


def smile(peak):
    bump = np.exp(-((X - 66) ** 2 + (Y - 120) ** 2) / (2 * 12**2))
    return peak * np.stack([-0.6 * bump, -0.8 * bump]).astype(np.float32)


def rms(flow):
    return float(np.sqrt((flow[:, FACE] ** 2).mean()))


@pytest.mark.parametrize("place", [4, 5], ids=["yaw", "pitch"])
def test_a_turn_is_taken_off_and_an_expression_left(model, skin, place):
    turn = np.zeros(6)
    turn[place] = 0.035  # two degrees
    turned = model.field(turn)
    found = estimate_head(*read(skin, turned + smile(1.0)), np.eye(2, 3), model)
    assert rms(turned) > 1
    # The smile bends the fit by a small part of itself.
    assert rms(model.field(found.head) - turned) < 0.4 * rms(smile(1.0))
    assert found.share == 1


@pytest.mark.parametrize("degrees", [1.0, 2.0, 5.0])
def test_a_turn_is_measured_from_frames(model, skin, degrees):
    turn = np.zeros(6)
    turn[4] = np.radians(degrees)
    turned = model.field(turn)
    frames = read(skin, turned + smile(0.6))
    found = estimate_head(*frames, np.eye(2, 3), model)
    assert rms(model.field(found.head) - turned) < 0.1 * rms(turned)
    np.testing.assert_allclose(found.motion, np.eye(2, 3), atol=1e-12)


@pytest.mark.parametrize("peak", [0.3, 1.0])
def test_nothing_is_taken_from_a_head_that_keeps_still(model, skin, peak):
    # A similarity that is off by what it usually is, and was undone in the frame.
    off = np.array([[1.0, 0.0, 0.03], [0.0, 1.0, -0.02]])
    frames = read(skin, smile(peak) - off[:, 2, None, None])
    found = estimate_head(*frames, off, model)
    taken = model.field(found.head) + found.motion[:, 2, None, None]
    assert rms(taken) < 0.02


def test_identical_frames_have_no_motion(model, skin):
    (frame, _) = read(skin, smile(0))
    found = estimate_head(frame, frame, np.eye(2, 3), model)
    assert not found.head.any()
    np.testing.assert_array_equal(found.motion, np.eye(2, 3))
    assert undo_head(frame, found.head, model) is frame


def test_a_motion_is_believed_whole_when_it_is_clear(model):
    shift = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    count = len(model._points)
    cells = Cells(np.full((count, 2), 0.1), np.tile(100 * np.eye(2), (count, 1, 1)))
    assert model.certainty(HeadMotion(shift, np.zeros(6)), cells) == 1
    assert model.certainty(HeadMotion(np.eye(2, 3), np.zeros(6)), cells) == 0
    # The expression leaves three px: a shift by two is not told from its bias.
    large = Cells(np.full((count, 2), 3.0), cells.texture)
    assert 0 <= model.certainty(HeadMotion(shift, np.zeros(6)), large) < 0.1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_flow_behind_a_head_fades_as_far_as_the_head_was_undone(share):
    flow = np.random.default_rng(0).normal(size=(2, 6, 6)).astype(np.float32)
    inside = np.zeros((6, 6), np.float32)
    inside[:3] = 1
    faded = fade_outside(flow, inside, share)
    np.testing.assert_array_equal(faded[:, :3], flow[:, :3])
    np.testing.assert_allclose(faded[:, 3:], (1 - share) * flow[:, 3:], rtol=1e-6)


def test_a_face_without_texture_has_no_motion(model):
    grey = np.full((SIZE, SIZE), 128, np.uint8)
    found = estimate_head(grey, grey + np.uint8(3), np.eye(2, 3), model)
    assert not found.head.any()
    assert found.share == 0


def test_a_face_without_room_is_refused():
    with pytest.raises(ValueError, match="covers too little"):
        HeadModel(NONE, NONE, NONE, NONE, np.array([80.0, 58.0]), EYES)


@pytest.mark.parametrize("gain", [0.9, 1.005])
def test_light_is_evened(skin, gain):
    face = skin.clip(0, 255).astype(np.uint8)
    lit = (skin * gain).clip(0, 255).round().astype(np.uint8)
    a, b = even_light(face, lit)
    assert 255 * np.abs(a - b).mean() < 1.0
    assert (a.dtype, b.dtype) == (np.float32, np.float32)


def test_equal_faces_stay_equal_in_their_light(skin):
    face = skin.clip(0, 255).astype(np.uint8)
    a, b = even_light(face, face.copy())
    np.testing.assert_array_equal(a, b)
