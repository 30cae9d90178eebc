"""Seconds, px and micro: from the columns and from x, of files of any age."""

import numpy as np
import pytest
from made_rows import rows

import mepipe
from mepipe.errors import UsageError

SETTINGS = {
    "tensor": {"scale": "fixed", "limit": "soft", "displacement_range": 0.03},
    "flow": {"size": 224},
}


@pytest.fixture
def features(write):
    table = rows([("a/s1", 0), ("a/s1", 1), ("a/s2", 0), ("a/s2", 2), ("b/s1", 1)])
    table[0]["offset"] = 3 + 360  # at 200 frames a second
    table[1]["offset"] = None
    table[2]["fps"] = None
    table[3]["movement"] = False
    return mepipe.load(write(table=table, settings=SETTINGS))


def test_length_and_kind_come_from_the_columns(features, monkeypatch):
    monkeypatch.setattr(features, "px", np.full(5, 1.0))
    assert features.seconds[[0, 3, 4]].tolist() == [1.8, 0.185, 0.185]
    assert np.isnan(features.seconds[[1, 2]]).all()
    assert features.micro.tolist() == [0, -1, -1, -1, 1]


def test_a_large_movement_is_no_micro_expression_whatever_its_length(features, monkeypatch):
    monkeypatch.setattr(features, "px", np.array([1.0, 13.0, 13.0, 13.0, 13.0]))
    # The fourth has no movement above the noise: its size is that of the noise.
    assert features.micro.tolist() == [0, 0, 0, -1, 0]


def test_px_is_the_motion_of_the_aligned_face(write):
    settings = {**SETTINGS, "tensor": {"scale": "none"}}
    features = mepipe.load(write(table=rows(), settings=settings))
    assert features.px == pytest.approx(np.hypot(features.x[:, 0], features.x[:, 1]).max((1, 2)))
    one = features.select(clip=str(features.clip[2]))
    assert one.px.tolist() == [features.px[2]]


def test_the_table_and_a_selection_have_them(features):
    table = features.table
    assert table["micro"].tolist() == features.micro.tolist()
    assert table["seconds"][0] == 1.8
    assert len(features.select(micro=0)) == (features.micro == 0).sum()
    with pytest.raises(UsageError, match="no clip has micro = 2"):
        features.select(micro=2)


def test_features_without_a_face_have_no_size(write):
    features = mepipe.load(write())
    assert np.isnan(features.px).all()
    assert features.micro.tolist() == [1] * len(features)
