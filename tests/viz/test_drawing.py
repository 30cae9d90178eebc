"""The motion curve's geometry, and the small pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.report.content import ClipCard, KeyFrame, Pictures
from mepipe.report.motion_curve import HEIGHT, WIDTH, draw


def card(frames, marks, curve=(), start=0, fps=200.0):
    names = ("onset", "apex", "offset")
    return ClipCard(
        "a/s/c",
        "a",
        "s",
        "",
        "",
        frames,
        fps,
        True,
        tuple(KeyFrame(n, p, p, "spotted", 0.5) for n, p in zip(names, marks, strict=True)),
        "",
        pictures=Pictures(curve=tuple(curve), curve_from=start),
    )


@given(st.data(), st.integers(1, 500), st.integers(0, 50))
def test_everything_lies_in_the_box_and_the_marks_on_the_curve(data, count, start):
    value = st.floats(-1e3, 1e3, allow_nan=False)
    curve = np.interp(
        np.arange(count), [0, count], data.draw(st.lists(value, min_size=2, max_size=2))
    )
    marks = sorted(
        data.draw(st.lists(st.integers(start, start + count - 1), min_size=3, max_size=3))
    )
    drawing = draw(card(start + count + 3, marks, curve.tolist(), start))
    points = [tuple(map(float, point.split(","))) for point in drawing.points.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert len(points) <= 123
    assert {mark.x for mark in drawing.marks} <= {x for x, _ in points}


def test_an_annotated_clip_has_marks_and_no_curve():
    drawing = draw(card(60, (5, 20, None)))
    assert drawing.points == ""
    assert [mark.name for mark in drawing.marks] == ["onset", "apex"]
    assert "offset unknown" in drawing.words
    assert (drawing.first, drawing.last) == ("0 ms", "295 ms")
    assert draw(card(60, (5, 20, 30), fps=None)).last == "frame 59"


def test_pictures_are_small_and_name_their_largest_value():
    cv2 = pytest.importorskip("cv2")
    from mepipe.viz.thumbnails import SIDE, flow_picture, small, strain_picture

    uv = np.zeros((2, 224, 224), np.float32)
    uv[0, 80:140, 80:140] = 1.5
    data, largest = flow_picture(uv)
    assert largest == pytest.approx(1.5)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (SIDE, SIDE, 3)
    blue, green, red = image[48, 48]  # to the right is red, and no motion white
    assert red > 200 > max(blue, green)
    assert image[5, 5].min() > 240
    assert strain_picture(np.full((8, 8), 0.1, np.float32))[1] == pytest.approx(0.1)
    assert len(small(np.zeros((224, 224), np.uint8))) < 500
