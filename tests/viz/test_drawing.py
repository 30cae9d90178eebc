"""The motion curve's geometry, and the small pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.viz.motion_curve import HEIGHT, WIDTH, draw_curve


def marks_at(*positions):
    names = ("onset", "apex", "offset")
    return [(name, place, "spotted") for name, place in zip(names, positions, strict=True)]


@given(st.data(), st.integers(1, 500), st.integers(0, 50))
def test_everything_lies_in_the_box_and_the_marks_on_the_curve(data, count, start):
    value = st.floats(-1e3, 1e3, allow_nan=False)
    curve = np.interp(
        np.arange(count), [0, count], data.draw(st.lists(value, min_size=2, max_size=2))
    )
    marks = sorted(
        data.draw(st.lists(st.integers(start, start + count - 1), min_size=3, max_size=3))
    )
    drawing = draw_curve(
        curve.tolist(), start + count + 3, start=start, fps=200, marks=marks_at(*marks)
    )
    points = [tuple(map(float, point.split(","))) for point in drawing.points.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert len(points) <= 123
    assert {mark.x for mark in drawing.marks} <= {x for x, _ in points}


def test_an_annotated_clip_has_marks_and_no_curve():
    drawing = draw_curve((), 60, fps=200, marks=marks_at(5, 20, None))
    assert drawing.points == ""
    assert [mark.name for mark in drawing.marks] == ["onset", "apex"]
    assert "offset unknown" in drawing.words
    assert (drawing.first, drawing.last) == ("0 ms", "295 ms")
    assert draw_curve((), 60, marks=marks_at(5, 20, 30)).last == "frame 59"


def test_pictures_are_small_and_name_their_largest_value():
    cv2 = pytest.importorskip("cv2")
    from mepipe.viz.thumbnails import SIDE, flow_thumbnail, strain_thumbnail, thumbnail

    uv = np.zeros((2, 224, 224), np.float32)
    uv[0, 80:140, 80:140] = 1.5
    data, largest = flow_thumbnail(uv)
    assert largest == pytest.approx(1.5)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (SIDE, SIDE, 3)
    blue, green, red = image[48, 48]  # to the right is red, and no motion white
    assert red > 200 > max(blue, green)
    assert image[5, 5].min() > 240
    assert strain_thumbnail(np.full((8, 8), 0.1, np.float32))[1] == pytest.approx(0.1)
    assert len(thumbnail(np.zeros((224, 224), np.uint8))) < 1000
