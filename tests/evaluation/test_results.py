import csv
import io
import json

import numpy as np
import pytest
from made_features import CLASSES

from mepipe.evaluation.folds import FoldPrediction
from mepipe.evaluation.results import join, predictions_csv, results, screen_table
from mepipe.features.splits import LabelledClips, LeftOut

CLIPS = LabelledClips(
    clip=("a/p/1", "a/p/2", "a/q/1", "b/r/1", "b/r/2", "b/s/1"),
    dataset=("a", "a", "a", "b", "b", "b"),
    group=("a/p", "a/p", "a/q", "b/r", "b/r", "b/s"),
    y=np.array([0, 1, 2, 0, 0, 2]),
    classes=CLASSES,
)
ANSWERS = {0: [0, 1, 2, 0, 2, 2], 1: [0, 0, 2, 0, 0, 2]}


def predictions_of(answers=ANSWERS, backwards=False):
    out = []
    for seed, predicted in answers.items():
        for group in sorted(set(CLIPS.group)):
            rows = [n for n, g in enumerate(CLIPS.group) if g == group]
            rows = rows[::-1] if backwards else rows
            p = np.full((len(rows), 3), 0.2, np.float32)
            p[np.arange(len(rows)), [predicted[n] for n in rows]] = 0.6
            out.append(FoldPrediction(group, seed, tuple(CLIPS.clip[n] for n in rows), p))
    return out[::-1] if backwards else out


def content(**options):
    options = {"model": "spp", "protocol": "loso", "elapsed_s": 1.23456, **options}
    return results(join(CLIPS, predictions_of()), **options)


def test_figures():
    got = content(left_out=LeftOut(unlabelled=("x",), unknown_person=("y", "z")))
    # Seed 0: one negative taken for a surprise. Seed 1: the positive for a negative.
    zero = {"uf1": (4 / 5 + 1 + 4 / 5) / 3, "uar": (2 / 3 + 1 + 1) / 3, "accuracy": 5 / 6}
    one = {"uf1": (6 / 7 + 0 + 1) / 3, "uar": (1 + 0 + 1) / 3, "accuracy": 5 / 6}
    assert got["per_seed"][0] == pytest.approx({"seed": 0, **zero})
    assert got["per_seed"][1] == pytest.approx({"seed": 1, **one})
    for key in ("uf1", "uar", "accuracy"):
        assert got[key] == pytest.approx((zero[key] + one[key]) / 2)
    assert got["confusion"] == [[5, 0, 1], [1, 1, 0], [0, 0, 4]]
    assert got["per_class"]["negative"] == pytest.approx(
        {"clips": 3, "f1": (4 / 5 + 6 / 7) / 2, "recall": 5 / 6, "precision": (1 + 3 / 4) / 2}
    )
    assert got["per_class"]["positive"]["precision"] == pytest.approx(0.5)
    assert got["floors"] == {
        "largest class": pytest.approx({"uf1": 2 / 9, "uar": 1 / 3, "accuracy": 0.5})
    }
    assert got["left_out"] == {"unlabelled": 1, "unknown_person": 2}
    # Four persons are too few for an interval.
    assert got["ci"] == {"uf1": None, "uar": None}
    assert "of 4 subjects it would be far too narrow" in got["ci_note"]


def test_the_interval_is_given_of_eight_persons_and_without_a_note_of_twenty():
    for people, note in ((7, "no 95 % interval"), (8, "too narrow"), (19, "too narrow"), (20, "")):
        ids = tuple(f"d/p{n // 3:02d}/{n}" for n in range(3 * people))
        groups = tuple(clip.rpartition("/")[0] for clip in ids)
        y = np.arange(3 * people) % 3
        clips = LabelledClips(ids, ("d",) * len(ids), groups, y, CLASSES)
        right = np.random.default_rng(people).random(len(ids)) < 0.7
        p = np.eye(3, dtype=np.float32)[np.where(right, y, (y + 1) % 3)]
        got = results(
            join(clips, [FoldPrediction("all", 0, ids, p)]),
            model="spp", protocol="loso", elapsed_s=0,
        )  # fmt: skip
        table = screen_table(got)
        assert (got["ci"]["uf1"] is None) == (people < 8)
        if people >= 8:
            low, high = got["ci"]["uf1"]
            assert 0 <= low < got["uf1"] < high <= 1
        assert ("[" in table.rows[0][2]) == (people >= 8)
        if note:
            assert note in got["ci_note"]
            assert table.notes == (got["ci_note"],)
        else:
            assert got["ci_note"] is None
            assert table.notes == ()


def test_a_dataset_without_a_class_leaves_it_out_and_names_it():
    per = content()["per_dataset"]
    assert per["a"]["absent_classes"] == []
    assert per["b"]["absent_classes"] == ["positive"]
    assert per["b"]["clips"] == 3
    assert per["b"]["uf1"] == pytest.approx(((2 / 3 + 2 / 3) / 2 + 1) / 2)
    assert per["b"]["uar"] == pytest.approx(((1 / 2 + 1) / 2 + 1) / 2)


def test_the_keys_of_results_json():
    got = content()
    named = ["uf1", "uar", "accuracy", "per_dataset", "per_class", "per_seed", "ci", "floors"]
    assert set(named) | {"model", "protocol", "elapsed_s", "schema"} <= set(got)
    assert got["schema"] == 1
    assert got["elapsed_s"] == 1.235
    assert json.loads(json.dumps(got, allow_nan=False)) == got


def test_a_class_that_nobody_shows_is_null_not_nan():
    clips = LabelledClips(
        CLIPS.clip[:4], ("a",) * 4, CLIPS.group[:4], np.array([0, 0, 2, 0]), CLASSES
    )
    some = [
        FoldPrediction(
            p.fold,
            p.seed,
            p.clip[:1] if p.fold == "b/r" else p.clip,
            p.probabilities[: 1 if p.fold == "b/r" else None],
        )
        for p in predictions_of()
        if p.fold != "b/s"
    ]
    got = results(join(clips, some), model="spp", protocol="loso", elapsed_s=0)
    assert got["per_class"]["positive"] == {
        "clips": 0,
        "f1": None,
        "recall": None,
        "precision": None,
    }
    assert got["per_dataset"]["a"]["absent_classes"] == ["positive"]
    json.dumps(got, allow_nan=False)


def test_predictions_are_joined_by_clip_whatever_their_order():
    one, two = join(CLIPS, predictions_of()), join(CLIPS, predictions_of(backwards=True))
    assert one.probabilities.tobytes() == two.probabilities.tobytes()
    assert one.predicted.tolist() == list(ANSWERS.values())
    assert predictions_csv(one) == predictions_csv(two)


def test_missing_and_repeated_predictions_are_never_let_through():
    done = predictions_of()
    with pytest.raises(ValueError, match="no prediction of a/p/1, seed 0"):
        join(CLIPS, done[1:])
    with pytest.raises(ValueError, match="a/p/1 was predicted twice, seed 0"):
        join(CLIPS, [*done, done[0]])


def test_predictions_csv():
    text = predictions_csv(join(CLIPS, predictions_of()))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 12
    assert rows[4] == {
        "clip": "b/r/2",
        "dataset": "b",
        "group": "b/r",
        "seed": "0",
        "y": "0",
        "label": "negative",
        "predicted": "2",
        "predicted_label": "surprise",
        "p_negative": "0.200000",
        "p_positive": "0.200000",
        "p_surprise": "0.600000",
    }
    assert "\r" not in text


def test_the_table_on_the_screen():
    table = screen_table(content(left_out=LeftOut(unknown_person=("y",))))
    assert [row[0] for row in table.rows] == ["all", "a", "b", "(largest class)"]
    assert all(len(row) == len(table.header) for row in table.rows)
    assert table.rows[0][2] == "0.743"
    assert table.rows[3] == ("(largest class)", "6", "0.222", "0.333", "0.500")
    assert "too narrow" in table.notes[0]
    assert table.notes[1:] == (
        "b: no clips of positive; its means leave that out",
        "1 clip(s) of an unknown person were left out",
    )


def test_the_composite_floor_is_the_published_one():
    y = np.repeat(np.arange(3), (250, 109, 83))
    ids = tuple(f"c/{n}" for n in range(442))
    clips = LabelledClips(ids, ("c",) * 442, tuple(f"p{n % 68}" for n in range(442)), y, CLASSES)
    constant = np.tile(np.array([0.5, 0.3, 0.2], np.float32), (442, 1))
    table = join(clips, [FoldPrediction("all", 0, ids, constant)])
    got = results(table, model="constant", protocol="loso", elapsed_s=0)
    assert got["uf1"] == pytest.approx(0.2408, abs=5e-5)
    assert got["uar"] == pytest.approx(0.3333, abs=5e-5)
    assert got["floors"]["largest class"]["uf1"] == pytest.approx(got["uf1"])
