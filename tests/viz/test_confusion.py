import io

import numpy as np
import pytest
from matplotlib import image

from mepipe.viz.confusion import confusion_png

MATRIX = np.array([[219, 22, 9], [40, 62, 7], [21, 3, 59]])
NAMES = ["negative", "positive", "surprise"]


def pixels(png):
    return image.imread(io.BytesIO(png))


def test_the_same_matrix_gives_the_same_bytes_without_version_or_date():
    first = confusion_png(MATRIX, NAMES, uf1=0.7353, uar=0.7186, name="spp", runs=3)
    assert first == confusion_png(MATRIX, NAMES, uf1=0.7353, uar=0.7186, name="spp", runs=3)
    assert first.startswith(b"\x89PNG")
    assert b"tEXt" not in first
    assert b"tIME" not in first
    assert pixels(first).shape[0] > 400


def test_the_picture_follows_the_numbers():
    one = pixels(confusion_png(MATRIX, NAMES, uf1=0.5, uar=0.5))
    two = pixels(confusion_png(MATRIX[::-1], NAMES, uf1=0.5, uar=0.5))
    assert one.shape == two.shape
    assert not np.array_equal(one, two)


@pytest.mark.parametrize(
    "names", [["a$b$", "x_1^", "a very long name of a class"], ["é", "厌恶", ""]]
)
def test_odd_names_absent_classes_and_undefined_figures(names):
    matrix = MATRIX.copy()
    matrix[1] = 0
    with np.errstate(all="raise"):
        assert confusion_png(matrix, names, uf1=None, uar=None).startswith(b"\x89PNG")
