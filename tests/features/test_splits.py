import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.errors import UsageError
from mepipe.features.splits import (
    Fold,
    LabelledClips,
    assert_disjoint,
    leave_one_subject_out,
    usable,
)

CLASSES = ("negative", "positive", "surprise")


def clips(rows, classes=CLASSES):
    names, groups, y = zip(*rows, strict=True)
    return LabelledClips(names, ("set",) * len(names), groups, np.array(y), classes)


FOUR = [("a/2", "a", 1), ("b/1", "b", 0), ("a/1", "a", 0), ("c/1", "c", 2)]


def test_folds_leave_one_person_out_sorted():
    folds = leave_one_subject_out(usable(clips(FOUR))[0])
    assert folds == (
        Fold("a", ("b/1", "c/1"), ("a/1", "a/2")),
        Fold("b", ("a/1", "a/2", "c/1"), ("b/1",)),
        Fold("c", ("a/1", "a/2", "b/1"), ("c/1",)),
    )


def test_clips_without_class_or_person_are_left_out_and_reported():
    table = clips([*FOUR, ("d/1", "d", -1), ("loose", "", 1), ("loose2", "", -1)])
    kept, left = usable(table)
    assert kept.clip == ("a/1", "a/2", "b/1", "c/1")
    assert kept.y.tolist() == [0, 1, 0, 2]
    assert left.unlabelled == ("d/1", "loose2")
    assert left.unknown_person == ("loose",)
    assert all("loose" not in fold.train for fold in leave_one_subject_out(kept))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a/1", "a", 0), ("a/2", "a", 1)], r"two subjects, not 1 \(a\)"),
        ([("a/1", "a", 1), ("b/1", "b", 1)], "two classes, and all 2 are positive"),
        ([("a/1", "a", 0), ("a/1", "b", 1)], "a/1 occurs twice"),
        ([("a/1", "a", 0), ("b/1", "b", 3)], r"b/1 has y = 3, but the classes are 0 to 2"),
        ([("a/1", "a", -2), ("b/1", "b", 1)], "a/1 has y = -2"),
        ([("a/1", "", 0)], "a class and a known subject"),
    ],
)
def test_what_cannot_be_split_is_an_error_with_a_remedy(rows, words):
    with pytest.raises(UsageError, match=words) as error:
        leave_one_subject_out(usable(clips(rows))[0])
    assert error.value.remedy


def test_a_person_on_both_sides_is_never_let_through():
    table = usable(clips(FOUR))[0]
    leak = [Fold("a", ("a/1", "b/1", "c/1"), ("a/2",)), Fold("rest", (), ("a/1", "b/1", "c/1"))]
    with pytest.raises(AssertionError, match="both sides"):
        assert_disjoint(leak, table)
    with pytest.raises(AssertionError, match="exactly once"):
        assert_disjoint([Fold("a", ("b/1",), ("a/1",))], table)


def test_columns_of_one_length():
    with pytest.raises(ValueError, match="one entry a clip"):
        LabelledClips(("a",), (), ("a",), np.array([0]), CLASSES)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 2)), min_size=6, max_size=40)
    .filter(lambda rows: len({p for p, y in rows if y >= 0}) > 1)
    .filter(lambda rows: len({y for _, y in rows if y >= 0}) > 1),
    st.randoms(use_true_random=False),
)
def test_any_table_is_split_disjoint_and_whatever_its_order(rows, random):
    table = [(f"p{person}/{n}", f"p{person}", y) for n, (person, y) in enumerate(rows)]
    kept, left = usable(clips(table))
    folds = leave_one_subject_out(kept)
    assert len(kept) + len(left.unlabelled) == len(rows)
    for fold in folds:
        assert {clip.split("/")[0] for clip in fold.test} == {fold.name}
        assert fold.name not in {clip.split("/")[0] for clip in fold.train}
        assert len(fold.train) + len(fold.test) == len(kept)
    random.shuffle(table)
    assert leave_one_subject_out(usable(clips(table))[0]) == folds
