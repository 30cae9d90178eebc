from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.errors import UsageError
from mepipe.features.protocols import folds_of, protocol_notes
from mepipe.features.splits import LabelledClips, select_clips, usable
from mepipe.schema import PROTOCOLS

CLASSES = ("negative", "positive", "surprise")


def clips_of(rows, classes=CLASSES):
    """Clips from (dataset, person, y)."""
    clip = tuple(f"{d}/{p}/{n:03d}" for n, (d, p, _) in enumerate(rows))
    made = LabelledClips(
        clip,
        tuple(d for d, _, _ in rows),
        tuple(f"{d}/{p}" for d, p, _ in rows),
        np.array([y for _, _, y in rows]),
        classes,
    )
    return usable(made)[0]


COMPOSITE = clips_of([(d, f"p{n % 4}", n % 3) for d in "abc" for n in range(12)])


@settings(deadline=None)  # the first example imports scikit-learn
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("pqrst"), st.integers(0, 2)),
        min_size=2,
        max_size=30,
    ),
    st.sampled_from(sorted(PROTOCOLS)),
    st.integers(2, 4),
)
def test_every_clip_is_tested_once_and_nobody_is_on_both_sides(rows, protocol, k):
    clips = clips_of(rows)
    try:
        folds = folds_of(clips, protocol, k=k)
    except UsageError:
        return  # what cannot be split is for the tests below
    person = dict(zip(clips.clip, clips.group, strict=True))
    assert sorted(clip for fold in folds for clip in fold.test) == sorted(clips.clip)
    for fold in folds:
        assert not {person[c] for c in fold.train} & {person[c] for c in fold.test}
        assert set(fold.train) | set(fold.test) == set(clips.clip)
    assert len({fold.name for fold in folds}) == len(folds)
    assert folds == folds_of(clips, protocol, k=k)


def test_loso_leaves_out_one_person_and_cross_dataset_one_dataset():
    assert [fold.name for fold in folds_of(COMPOSITE, "loso")] == sorted(set(COMPOSITE.group))
    folds = folds_of(COMPOSITE, "cross-dataset")
    assert [fold.name for fold in folds] == ["a", "b", "c"]
    assert {clip[0] for clip in folds[1].test} == {"b"}


def test_kfold_keeps_the_share_of_each_class():
    rows = [("a", f"p{n % 20:02d}", 0 if n % 20 < 10 else n % 3) for n in range(400)]
    clips = clips_of(rows)
    label = dict(zip(clips.clip, clips.y, strict=True))
    whole = Counter(clips.y.tolist())
    for fold in folds_of(clips, "kfold", k=5):
        own = Counter(label[clip] for clip in fold.test)
        for y, count in whole.items():
            assert own[y] / len(fold.test) == pytest.approx(count / len(clips), abs=0.12)


def test_megc2019_is_loso_on_three_classes_and_says_what_is_missing():
    assert folds_of(COMPOSITE, "megc2019") == folds_of(COMPOSITE, "loso")
    (note,) = protocol_notes(COMPOSITE, "megc2019")
    assert "442 clips of 68 subjects" in note
    assert "36 of 12" in note
    assert protocol_notes(COMPOSITE, "loso") == ()
    with pytest.raises(UsageError, match=r"megc3"):
        folds_of(clips_of([("a", "p", 0), ("a", "q", 1)], ("sad", "happy")), "megc2019")


@pytest.mark.parametrize(
    ("rows", "protocol", "words"),
    [
        ([("a", "p", 0), ("a", "p", 1)], "kfold", "two subjects"),
        ([("a", "p", 0), ("a", "q", 0)], "cross-dataset", "two classes"),
        ([("a", "p", 0), ("a", "q", 1)], "cross-dataset", "all clips are of a"),
        ([("a", "p", 0), ("a", "q", 1)], "kfold", "clips are of 2 subjects"),
        ([("a", "p", 0), ("a", "q", 1)], "leave-two-out", "no protocol"),
    ],
)
def test_what_a_protocol_cannot_split_is_an_error(rows, protocol, words):
    with pytest.raises(UsageError, match=words) as error:
        folds_of(clips_of(rows), protocol)
    assert error.value.remedy


def test_one_person_in_two_datasets_cannot_be_left_out_with_one():
    made = LabelledClips(
        ("x", "y", "z"), ("a", "b", "b"), ("p", "p", "q"), np.array([0, 1, 2]), CLASSES
    )
    with pytest.raises(UsageError, match="p is in a and in b"):
        folds_of(made, "cross-dataset")


COLUMNS = {"dataset": COMPOSITE.dataset, "group": COMPOSITE.group, "y": COMPOSITE.y.tolist()}


def test_select_takes_clips_for_which_every_condition_holds():
    some = select_clips(COMPOSITE, COLUMNS, ("dataset=a, c", "y=2"))
    assert set(some.dataset) == {"a", "c"}
    assert set(some.y.tolist()) == {2}
    assert len(some) == 8
    assert select_clips(COMPOSITE, COLUMNS, ()).clip == COMPOSITE.clip


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("dataset", "not of the form"),
        ("colour=red", "no column colour"),
        ("dataset=a,smic", "no clip has dataset = smic"),
        ("dataset=", "no clip has dataset = "),
    ],
)
def test_a_condition_that_means_nothing_says_what_there_is(condition, words):
    with pytest.raises(UsageError, match=words) as error:
        select_clips(COMPOSITE, COLUMNS, (condition,))
    assert "dataset" in error.value.remedy or "a, b, c" in error.value.remedy


def test_conditions_that_leave_nothing_are_an_error():
    with pytest.raises(UsageError, match="no clip is left"):
        select_clips(COMPOSITE, COLUMNS, ("dataset=a", "group=b/p0"))
