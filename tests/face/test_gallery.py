"""Real faces, made hard: each is used rightly or refused, and nothing else is a face.

`MEPIPE_STRESS=1 pytest -s tests/face/test_gallery.py` prints the tables of docs/spotting.md.
"""

import os
from collections import Counter

import cv2
import numpy as np
import pytest
from turned_faces import cut_out, found_in, judged, resized, turned

from mepipe.face import detect, face_transform, find_face
from mepipe.face.detect import ranked

IDENTITY = np.eye(2, 3)
SIDE = 130  # px: the face in the pictures that are changed


def light(gain):
    rng = np.random.default_rng(0)

    def change(image):
        noise = rng.normal(0, 1.0, image.shape)
        return np.clip(np.rint(image * gain + noise), 0, 255).astype(np.uint8), IDENTITY

    return change


def small(side):
    return lambda image: resized(image, side / SIDE)


def blurred(sigma):
    return lambda image: (cv2.GaussianBlur(image, (0, 0), sigma), IDENTITY)


def cropped(share):
    """Leave this share of the face's width on one side, of the picture from its middle."""

    def change(image):
        end = round(image.shape[1] / 2 + (share - 0.5) * SIDE)
        return np.ascontiguousarray(image[:, :end]), IDENTITY

    return change


def roll_by(degrees):
    return lambda image: turned(image, degrees)


CHANGES = {
    "upright": [roll_by(0)],
    "turned by 90, 180, 270 degrees": [roll_by(d) for d in (90, 180, 270)],
    "rolled by up to 45 degrees": [roll_by(d) for d in (-45, -30, -15, 15, 30, 45)],
    "rolled by 60 to 165 degrees": [
        roll_by(sign * d) for d in (60, 75, 105, 120, 135, 150, 165) for sign in (-1, 1)
    ],
    "darker: x 0.5": [light(0.5)],
    "darker: x 0.3": [light(0.3)],
    "darker: x 0.15": [light(0.15)],
    "darker: x 0.07": [light(0.07)],
    "brighter: x 1.5": [light(1.5)],
    "brighter: x 2.5": [light(2.5)],
    "brighter: x 5": [light(5)],
    "face of 60 px": [small(60)],
    "face of 40 px": [small(40)],
    "face of 30 px": [small(30)],
    "blurred by 2 px": [blurred(2)],
    "blurred by 4 px": [blurred(4)],
    "three quarters of the face": [cropped(0.75)],
    "half of the face": [cropped(0.5)],
}


@pytest.fixture(scope="module")
def network_off():
    """Leave the convolutional detector out: it takes seconds a picture."""
    patch = pytest.MonkeyPatch()
    patch.setattr("mepipe.face.find.detect_network", lambda _image: [])
    yield
    patch.undo()


def table(portraits, names):
    counts = {}
    for name in names:
        counts[name] = Counter()
        for image in portraits:
            truth = face_transform(find_face(image).points)
            for change in CHANGES[name]:
                counts[name][judged(*change(image), truth)] += 1
    for name, found in counts.items():
        refused = ", ".join(f"{why[9:]} {n}" for why, n in found.items() if "refused" in why)
        shares = f"{found['used']} | {refused} | {found['another']} | {found['WRONG']}"
        print(f"| {name} | {sum(found.values())} | {shares} |")
    return counts


def check(counts):
    assert not sum(found["WRONG"] for found in counts.values()), counts
    shares = {
        name: found["used"] / max(sum(found.values()) - found["another"], 1)
        for name, found in counts.items()
    }
    for name in ("upright", "turned by 90, 180, 270 degrees", "rolled by up to 45 degrees"):
        assert shares[name] > 0.95, (name, counts[name])
    assert shares["rolled by 60 to 165 degrees"] > 0.9
    for name in ("darker: x 0.07", "brighter: x 5"):
        assert shares[name] == 0, (name, counts[name])


@pytest.mark.slow
def test_a_face_made_hard_is_used_rightly_or_refused(portrait, network_off):
    (face,) = ranked(detect(portrait), *portrait.shape[:2])[:1]
    check(table([cut_out(portrait, face, SIDE)], CHANGES))


@pytest.mark.skipif(not os.environ.get("MEPIPE_STRESS"), reason="minutes: part of make stress")
def test_many_faces_made_hard(shared_data, network_off):
    portraits = []
    for path in sorted((shared_data / "faces").iterdir()) + sorted(
        (shared_data / "landmarks_reference").glob("*.jpg")
    ):
        if path.stem in ("obama-240p", "obama-1080p"):
            continue
        image = cv2.imread(str(path))
        for face in detect(image):
            if face.score < 1.0 or face.side < 100:
                continue
            part = cut_out(image, face, SIDE)
            found = find_face(part)
            # The face in the middle, and not its neighbour.
            middle = np.array(part.shape[1::-1]) / 2
            if (
                found
                and not found.problem
                and np.abs(found.points.mean(axis=0) - middle).max() < 40
            ):
                portraits.append(part)
    print(len(portraits), "faces")
    assert len(portraits) > 15
    check(table(portraits, CHANGES))


@pytest.mark.slow
def test_nothing_of_the_cartoon_is_a_face(shared_data, network_off):
    capture = cv2.VideoCapture(str(shared_data / "videos" / "no_face.mp4"))
    while capture.grab():
        if int(capture.get(cv2.CAP_PROP_POS_FRAMES)) % 20 == 1:
            found = found_in(capture.retrieve()[1])
            assert found is None or found.problem
