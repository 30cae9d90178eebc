from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mepipe.evaluation import metrics
from mepipe.evaluation.comparison import (
    answers,
    compare,
    holm,
    mcnemar,
    paired_bootstrap,
)
from mepipe.evaluation.comparison_tables import (
    comparison_json,
    comparison_latex,
    comparison_markdown,
    comparison_tables,
)
from mepipe.evaluation.results import Predictions, subject_confusions
from mepipe.features.splits import LabelledClips


def test_identical_predictions(predict):
    one = predict()
    (pair,) = compare({"a": one, "b": one}, resamples=500)
    for difference in (pair.uf1, pair.uar):
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
        assert (difference.p, difference.p_holm) == (1, 1)
        assert difference.verdict == difference.after_holm == "not distinguishable"
    assert (pair.mcnemar.only_model, pair.mcnemar.only_reference, pair.mcnemar.p) == (0, 0, 1)
    assert pair.subjects == (0, 0, 8)


def test_the_bootstrap_is_the_loop_over_drawn_subjects(predict):
    one, two = predict(0.8, seed=1), predict(0.5, seeds=(4, 5), seed=2)
    resamples = 199
    got = paired_bootstrap(
        subject_confusions(one), subject_confusions(two), resamples=resamples, seed=7
    )
    groups = np.array(one.clips.group)
    names = sorted(set(groups))
    times = np.random.default_rng(7).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=resamples
    )

    def figure(predictions, drawn, measure):
        rows = np.concatenate([np.flatnonzero(groups == name) for name in drawn])
        y = predictions.clips.y[rows]
        return np.mean(
            [measure(metrics.confusion(y, one[rows], 3)) for one in predictions.predicted]
        )

    for measure, difference in zip((metrics.uf1, metrics.uar), got, strict=True):
        slow = sorted(
            figure(one, drawn, measure) - figure(two, drawn, measure)
            for drawn in (np.repeat(names, row) for row in times)
        )
        # Of 199 the 5th from either end: (199 + 1) / 40.
        assert difference.low == pytest.approx(slow[4], abs=1e-12)
        assert difference.high == pytest.approx(slow[-5], abs=1e-12)
        beside = min(sum(d <= 1e-12 for d in slow), sum(d >= -1e-12 for d in slow))
        assert difference.p == pytest.approx(min(1, 2 * (1 + beside) / 200))
        assert difference.value == pytest.approx(
            figure(one, names, measure) - figure(two, names, measure)
        )


def test_swapping_the_models_changes_the_signs_exactly(predict):
    a, b = predict(0.75, seed=1), predict(0.6, seed=2)
    (one,), (two,) = compare({"a": a, "b": b}), compare({"b": b, "a": a})
    assert (one.model, one.reference) == ("b", "a")
    for mine, theirs in ((one.uf1, two.uf1), (one.uar, two.uar)):
        assert (mine.value, mine.low, mine.high) == (-theirs.value, -theirs.high, -theirs.low)
        assert mine.p == theirs.p
    assert one.mcnemar.only_model == two.mcnemar.only_reference
    assert one.mcnemar.p == two.mcnemar.p
    assert one.subjects == (two.subjects[1], two.subjects[0], two.subjects[2])


@given(st.integers(0, 10_000), st.floats(0.3, 0.95), st.integers(39, 400))
def test_p_and_interval_agree_and_p_is_never_0(seed, right, resamples):
    rng = np.random.default_rng(seed)

    def matrices(share):
        y = rng.integers(0, 3, (8, 6))
        predicted = np.where(rng.random((8, 6)) < share, y, (y + 1) % 3)
        pairs = zip(y, predicted, strict=True)
        return np.stack([metrics.confusion(*pair, 3) for pair in pairs])[:, None]

    for one in paired_bootstrap(matrices(right), matrices(0.6), resamples=resamples):
        assert 0 < one.p <= 1
        assert one.low <= one.high
        assert (one.verdict != "not distinguishable") == (one.p <= 0.05)


def test_a_model_that_is_always_right_is_better(predict):
    models = {"poor": predict(0.4), "perfect": predict(1.0, seed=1), "twin": predict(0.4)}
    perfect, twin = compare(models, resamples=999)
    assert perfect.uf1.verdict == perfect.uar.after_holm == "better"
    assert perfect.uf1.p == pytest.approx(2 / 1000)
    # Two pairs in the table: the smaller p counts twice.
    assert perfect.uf1.p_holm == pytest.approx(4 / 1000)
    assert perfect.mcnemar.only_reference == 0
    assert perfect.subjects == (8, 0, 0)
    assert twin.uf1.verdict == "not distinguishable"
    assert len(compare(models, all_pairs=True, resamples=99)) == 3
    (worse,) = compare({"perfect": models["perfect"], "poor": models["poor"]}, resamples=99)
    assert worse.uf1.verdict == "worse"


def test_with_few_subjects_only_the_difference_is_given(predict):
    models = {"poor": predict(0.4, subjects=7), "perfect": predict(1.0, seed=1, subjects=7)}
    (pair,) = compare(models, resamples=199)
    for one in (pair.uf1, pair.uar):
        assert one.value > 0
        assert (one.low, one.high, one.p, one.p_holm) == (None,) * 4
        assert one.verdict == one.after_holm == "not tested"
    content = comparison_json(models, (pair,))
    assert content["pairs"][0]["uf1"]["ci"] is None
    assert "7 subjects" in content["ci_note"]
    text = comparison_markdown(content)
    assert f"| {pair.uf1.value:+.3f} |  |  | not tested |" in text
    assert "no 95 % interval is given: of 7 subjects" in text
    assert comparison_latex(content).splitlines()[2].startswith("perfect & 1.000 & 1.000 &")


def test_what_chance_reaches_stands_beside_the_models(predict):
    models = {"poor": predict(0.4), "perfect": predict(1.0, seed=1), "unknown": predict(0.5)}
    level = {"median": 0.33, "p95": 0.51}
    known = {"model": "nearest class mean", "permutations": 500}
    chance = {
        name: {**known, **{figure: {**level, "above": name == "perfect"} for figure in figures}}
        for name, figures in (("poor", ("uf1", "uar")), ("perfect", ("uf1", "uar")))
    }
    content = comparison_json(models, compare(models, resamples=99), chance)
    text = comparison_markdown(content)
    assert text.count("not above chance") == 1
    for name in ("poor", "perfect"):
        assert f"Note: {name}, chance (labels shuffled): UF1 median 0.330, 95 % 0.510;" in text
    del models["unknown"]  # the others have the same level: it is said once
    content = comparison_json(models, compare(models, resamples=99), chance)
    assert comparison_markdown(content).count("Note: chance (labels shuffled): UF1 median") == 1
    assert "poor is not above chance: UF1 0." in text


def test_what_holm_takes_away_is_said():
    from mepipe.evaluation.comparison import Difference

    one = Difference(0.1, 0.01, 0.2, 0.04, 0.08)
    assert (one.verdict, one.after_holm) == ("better", "not distinguishable")
    assert replace(one, p_holm=0.05).after_holm == "better"


def test_holm_on_a_worked_example():
    # Smallest first: .005 x 4, .01 x 3, .03 x 2, and .04 x 1 is not below .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.9]) == (1.0, 1.0)
    assert holm([0.02]) == (0.02,)
    assert holm([]) == ()


def made(y, predicted):
    count = len(y)
    ids = tuple(f"c{n:03d}" for n in range(count))
    clips = LabelledClips(
        ids, ("d",) * count, tuple(f"p{n % 4}" for n in range(count)), np.array(y), ("n", "p")
    )
    probabilities = np.stack([np.eye(2, dtype=np.float32)[one] for one in predicted])
    return Predictions(clips, tuple(range(len(predicted))), probabilities)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5))
def test_mcnemar_is_the_exact_binomial_test_on_discordant_clips(more, fewer, both):
    y = [0] * (more + fewer + both)
    got = mcnemar(
        made(y, [[0] * more + [1] * fewer + [0] * both]),
        made(y, [[1] * more + [0] * fewer + [0] * both]),
    )
    assert (got.only_model, got.only_reference) == (more, fewer)
    expected = binomtest(more, more + fewer, 0.5).pvalue if more + fewer else 1.0
    assert got.p == pytest.approx(expected)


def test_several_seeds_answer_together():
    committee = made([0, 0], [[0, 1], [0, 1], [1, 0]])
    assert answers(committee).tolist() == [0, 1]
    sure = replace(committee, probabilities=committee.probabilities.copy())
    # Two hesitate, one is certain: the mean goes with the certain one.
    sure.probabilities[:, 1] = [[0.45, 0.55], [0.45, 0.55], [1.0, 0.0]]
    assert answers(sure).tolist() == [0, 0]


def test_other_clips_labels_or_counts_are_refused(predict):
    one, two = predict(), predict(seed=1)
    flipped = replace(two.clips, y=two.clips.y[::-1].copy())
    with pytest.raises(ValueError, match="other labels"):
        compare({"a": one, "b": replace(two, clips=flipped)})
    with pytest.raises(ValueError, match="two models"):
        compare({"a": one})
    with pytest.raises(ValueError, match="39 resamples"):
        compare({"a": one, "b": two}, resamples=38)
    alone = predict(subjects=1)
    with pytest.raises(ValueError, match="two subjects"):
        compare({"a": alone, "b": alone})


def test_the_tables_say_what_was_found(predict):
    models = {"a|b": predict(0.5), "[50%_x": predict(1.0, seed=3)}
    content = comparison_json(models, compare(models, resamples=199))
    reference, best = content["models"]
    assert best["uf1"] == best["per_class"]["positive"]["f1"] == 1
    assert best["per_dataset"]["b"] == {
        "clips": 24,
        "uf1": 1,
        "uar": 1,
        "accuracy": 1,
        "absent_classes": [],
    }
    assert best["per_subject"]["a/p0"] == {"clips": 6, "right": 6}
    assert reference["ci"]["uf1"][0] < reference["uf1"] < reference["ci"]["uf1"][1]
    tables = comparison_tables(content)
    for table in tables.values():
        assert all(len(row) == len(table.header) for row in table.rows)
    assert [row[-1] for row in tables["Differences"].rows] == ["better", "better", ""]
    assert tables["Models"].rows[1][2:] == ("1.000 [1.00, 1.00]", "1.000 [1.00, 1.00]", "1.000")
    assert len(tables["Clips right per subject"].rows) == 8
    text = comparison_markdown(content)
    widths = {line.count("|") - line.count("\\|") for line in text.split("\n") if line[:1] == "|"}
    assert "a\\|b" in text
    assert widths == {len(table.header) + 1 for table in tables.values()}
    comment, _, row = comparison_latex(content).splitlines()
    assert row.startswith(r"{[}50\%\_x & 1.000 [1.00, 1.00] & ")
    assert row.endswith(r"1.000 & 1.000 \\")
    # The comment names every column.
    assert comment.count("&") == row.count("&") == 6


@pytest.mark.parametrize(("model", "reference"), [(0, 1), (3, 12), (7, 7), (40, 61), (112, 3)])
def test_mcnemar_is_twice_the_smaller_binomial_tail(model, reference):
    discordant = model + reference
    tail = sum(comb(discordant, count) for count in range(min(model, reference) + 1))
    clips = LabelledClips(
        tuple(f"a/p{n % 2}/{n}" for n in range(discordant)),
        ("a",) * discordant,
        tuple(f"a/p{n % 2}" for n in range(discordant)),
        np.zeros(discordant, dtype=np.int64),
        ("negative", "positive"),
    )
    right = np.arange(discordant) < model
    one, other = (
        Predictions(clips, (0,), np.where(answers[:, None], [1, 0], [0, 1])[None].astype("f4"))
        for answers in (right, ~right)
    )
    test = mcnemar(one, other)
    assert (test.only_model, test.only_reference) == (model, reference)
    assert test.p == pytest.approx(min(1.0, 2 * tail / 2**discordant), rel=1e-12)
