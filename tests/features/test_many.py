"""Several files as one, selections, splits, and feeding torch."""

import os
import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_rows import PEOPLE, rows

import mepipe
from mepipe.errors import DamageError, UsageError


@pytest.fixture
def both(write):
    here = rows([one for one in PEOPLE if one[0] < "b"])
    there = rows([one for one in PEOPLE if one[0] > "b"])
    return write("a.h5", here, seed=1), write("b.h5", there, seed=2)


def test_several_files_are_one_after_the_other(both):
    a, b = map(mepipe.load, both)
    joined = mepipe.load(*both)
    assert len(joined) == len(a) + len(b)
    np.testing.assert_array_equal(joined.x, np.concatenate([a.x, b.x]))
    assert joined.clip.tolist() == a.clip.tolist() + b.clip.tolist()
    np.testing.assert_array_equal(joined.read("x", [5, 0, 4]), joined.x[[5, 0, 4]])
    with pytest.raises(UsageError, match="no file of their own"):
        _ = joined.path


def test_files_that_were_made_differently_are_refused_and_the_difference_is_named(write):
    a = write("a.h5", settings={"flow": {"preset": "opencv"}, "data": {"fps": 1}})
    b = write("b.h5", settings={"flow": {"preset": "subtle"}, "data": {"fps": 2}})
    with pytest.raises(UsageError, match=r"flow\.preset: opencv and subtle\. Make") as caught:
        mepipe.load(a, b)
    assert str(a) in caught.value.message
    c = write("c.h5", shape=(3, 5, 5))
    with pytest.raises(UsageError, match=r"shape of x: \(3, 4, 4\) and \(3, 5, 5\)"):
        mepipe.load(write("d.h5"), c)
    with pytest.raises(UsageError, match="classes: negative, positive, surprise and a, b, c"):
        mepipe.load(write("d.h5"), write("e.h5", classes=("a", "b", "c")))


def test_one_clip_in_two_files_is_refused(write):
    with pytest.raises(UsageError, match="a/s1/c0 is in"):
        mepipe.load(write("a.h5"), write("b.h5"))


@pytest.mark.parametrize("call", [{}, {"cache": "x"}])
def test_neither_files_nor_a_run(call):
    with pytest.raises(UsageError, match="either files or a run"):
        mepipe.load(**call)


def test_clips_are_selected_by_columns(write):
    features = mepipe.load(write())
    found = features.select(dataset="a", label=["negative", "surprise"])
    assert found.clip.tolist() == ["a/s1/c0", "a/s2/c2", "a/s2/c3"]
    np.testing.assert_array_equal(found.x, features.x[[0, 2, 3]])
    assert found.select(y=2).clip.tolist() == ["a/s2/c3"]
    np.testing.assert_array_equal(found.select(y=2).x, features.x[[3]])
    assert found.table["clip"].tolist() == found.clip.tolist()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"colour": 1}, "no column colour"),
        ({"dataset": "casme9"}, "dataset = casme9"),
        ({"dataset": "b", "label": "surprise"}, "nothing is left"),
    ],
)
def test_a_selection_that_leaves_nothing_is_told(write, columns, message):
    with pytest.raises(UsageError, match=message):
        mepipe.load(write()).select(**columns)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from("pqrst"), st.integers(-1, 2)), min_size=4, max_size=30))
def test_no_person_is_on_both_sides_and_every_labelled_clip_is_tested_once(write, people):
    people = [(f"d/{person}", y) for person, y in people]
    labelled = {(group, y) for group, y in people if y >= 0}
    features = mepipe.load(write(table=rows(people)))
    if len({group for group, _ in labelled}) < 2 or len({y for _, y in labelled}) < 2:
        with pytest.raises(UsageError):
            features.loso()
        return
    tested = []
    for train, test in features.loso():
        assert not set(features.group[train]) & set(features.group[test])
        assert (features.y[train] >= 0).all()
        tested += test.tolist()
    assert sorted(tested) == np.flatnonzero(features.y >= 0).tolist()


def test_the_splits_are_scikit_learns_cv(write):
    from sklearn.dummy import DummyClassifier
    from sklearn.model_selection import cross_val_predict

    features = mepipe.load(write()).labelled()
    assert len(features) == 6
    x = features.x.reshape(len(features), -1)
    found = cross_val_predict(DummyClassifier(), x, features.y, cv=features.splits("megc2019"))
    assert found.shape == (6,)
    with pytest.raises(UsageError, match="no protocol"):
        features.splits("none")


def test_action_units_are_columns(write):
    cells = ["R12B;L14?", "4;7", "", "12", "", "", ""]
    table = [{**row, "au_units": cell} for row, cell in zip(rows(), cells, strict=True)]
    found = mepipe.load(write(table=table)).action_units
    assert list(found) == ["AU4", "AU7", "AU12", "AU14"]
    np.testing.assert_array_equal(found["AU12"][:4], [1, 0, np.nan, 1])
    np.testing.assert_array_equal(found["AU14"][:4], [1, 0, np.nan, 0])


def test_torch_gives_the_selected_clips_transformed(write):
    from torch.utils.data import DataLoader

    features = mepipe.load(write()).select(dataset="b")
    dataset = features.torch(lambda x: x * 2)
    assert len(dataset) == 3
    np.testing.assert_array_equal(dataset[1][0], features.x[1] * 2)
    for workers in (0, 2):
        loader = DataLoader(features.torch(), batch_size=2, num_workers=workers)
        x = np.concatenate([batch.numpy() for batch, _ in loader])
        np.testing.assert_array_equal(x, features.x)
    with pytest.raises(UsageError, match="no 'sequence'") as caught:
        features.torch(of=("x", "sequence"))
    assert "flow.targets" in caught.value.remedy


def test_a_copy_in_another_process_opens_for_itself(write):
    features = mepipe.load(write())
    assert features.x.shape
    copied = pickle.loads(pickle.dumps(features))
    np.testing.assert_array_equal(copied.read("x", [1]), features.x[[1]])


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_a_file_that_is_open_here_can_be_read(write, mode):
    path = write()
    with h5py.File(path, mode):
        assert len(mepipe.load(path).x) == 7


def test_a_file_that_another_process_has_open_can_be_read(write):
    path = write()
    program = f"import h5py; f = h5py.File({str(path)!r}, 'r+'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        assert len(mepipe.load(path).x) == 7
        other.communicate("\n")


def test_rows_that_were_changed_are_noticed_by_torch(write):
    path = write()
    stamp = path.stat().st_mtime_ns
    with h5py.File(path, "r+") as file:
        file["x"][2, 0, 0, 0] = 99
    os.utime(path, ns=(stamp, stamp))
    dataset = mepipe.load(path).torch()
    assert dataset[1][0].shape == (3, 4, 4)
    with pytest.raises(DamageError, match="a/s2/c2 does not match"):
        _ = dataset[2]


def test_a_file_that_was_replaced_meanwhile_is_not_mixed_with_the_old_one(write):
    path = write()
    features = mepipe.load(path)
    write(table=rows(PEOPLE[:3]))
    with pytest.raises(DamageError, match="changed after it was opened"):
        _ = features.x
    path.unlink()
    with pytest.raises(DamageError, match="is gone"):
        features.read("x", [0])
