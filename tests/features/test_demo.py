"""The made-up features of examples."""

import numpy as np
import pytest

from mepipe.errors import UsageError
from mepipe.features import demo_features


def test_the_same_arguments_give_the_same_file(tmp_path):
    for name in ("a.h5", "b.h5"):
        demo_features(tmp_path / name, subjects=3, size=8)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_clip_of_each_class_and_person(tmp_path):
    made = demo_features(tmp_path / "f.h5", subjects=4)
    assert made.clip.tolist() == sorted(made.clip.tolist())
    assert np.bincount(made.y).tolist() == [4, 4, 4]
    assert len(set(made.group.tolist())) == 4
    assert set(made.dataset.tolist()) == {"demo-a", "demo-b"}
    assert "imported" in made.settings  # no model of it is offered for videos


def test_no_file_is_replaced(tmp_path):
    (tmp_path / "f.h5").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        demo_features(tmp_path / "f.h5")
    assert (tmp_path / "f.h5").read_text() == "mine"
