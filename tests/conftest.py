"""Fixtures that several rooms use."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def shared_data():
    """Real faces and videos that stand beside the project, where they do."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real test inputs are not here")
    return folder


@pytest.fixture(scope="session")
def portrait():
    """A real face, (H, W, 3) uint8 BGR, about 110 px between the eyes."""
    cv2 = pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    image = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    return cv2.resize(image[0:300, 60:400], None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def texture():
    """Make smooth random grey textures, (size, size) float64 in 0..255."""

    def make(size=128, sigma=2.5, seed=0):
        import cv2

        rng = np.random.default_rng(seed)
        noise = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), sigma)
        noise -= noise.min()
        return noise * (255 / noise.max())

    return make
