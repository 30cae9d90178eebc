"""What chance reaches: its level is right without a signal, and is computed once."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mepipe.cache.store import open_store
from mepipe.cli.evaluate import print_results
from mepipe.errors import UsageError
from mepipe.evaluation import chance, chance_level, metrics
from mepipe.evaluation.api import evaluate
from mepipe.evaluation.chance import figures_by_chance, nearest_class_mean, shuffled_labels
from mepipe.evaluation.results_file import parsed_results
from mepipe.features import demo_features
from mepipe.features.protocols import folds_of
from mepipe.features.splits import LabelledClips
from mepipe.pipeline.cache_admin import status, verify


def people_of(random, persons, prior=(0.5, 0.3, 0.2), most=8):
    """Return classes and persons: clips of a person tend to have one class."""
    sizes = random.integers(2, most, persons)
    shares = random.dirichlet(np.array(prior) * 3, persons)
    y = np.concatenate(
        [random.choice(3, n, p=share) for n, share in zip(sizes, shares, strict=True)]
    )
    return y, np.repeat([f"p{n:02d}" for n in range(persons)], sizes)


def left_out(group):
    return [np.flatnonzero(group == person) for person in np.unique(group)]


def test_labels_stay_in_their_dataset():
    random = np.random.default_rng(0)
    y, group = people_of(random, 30)
    dataset = np.where(group < "p12", "a", "b")
    shuffled = shuffled_labels(y, dataset, group, permutations=40, seed=1)
    for name in "ab":
        here = dataset == name
        counted = np.array([np.bincount(row[here], minlength=3) for row in shuffled])
        assert (counted == np.bincount(y[here], minlength=3)).all()
    assert len({row.tobytes() for row in shuffled}) == 40
    assert np.array_equal(shuffled, shuffled_labels(y, dataset, group, permutations=40, seed=1))


def test_what_the_clips_of_a_person_have_in_common_stays():
    # Persons of one class each and equally many clips: whole persons change their classes.
    group = np.repeat([f"p{n:02d}" for n in range(20)], 5)
    y = np.repeat(np.arange(20) % 3, 5)
    shuffled = shuffled_labels(y, ["d"] * 100, group, permutations=20)
    assert all(len(set(row[rows])) == 1 for row in shuffled for rows in left_out(group))
    assert (shuffled != y).any(axis=1).all()
    # Of unequal numbers a list is cut in two at most places, not scattered.
    group, y = np.repeat(["p", "q", "r"], [6, 2, 4]), np.repeat([0, 1, 2], [6, 2, 4])
    for row in shuffled_labels(y, ["d"] * 12, group, permutations=20, seed=3):
        assert sum((np.diff(row[rows]) != 0).sum() for rows in left_out(group)) <= 2


def test_the_model_is_the_nearest_class_mean_of_the_other_folds():
    random = np.random.default_rng(1)
    y, group = people_of(random, 7)
    inputs = random.normal(0, 0.3, (len(y), 5))
    labels = np.stack([y, random.permutation(y)])
    got = nearest_class_mean(inputs, labels, left_out(group), classes=3)
    for answers, truth in zip(got, labels, strict=True):
        for clip in range(len(y)):
            far = []
            for label in range(3):
                known = inputs[(group != group[clip]) & (truth == label)]

                def kernel(one, other):
                    return np.exp(-((one[:, None] - other[None]) ** 2).sum(axis=2)).mean()

                here = inputs[clip : clip + 1]
                far.append(1 - 2 * kernel(here, known) + kernel(known, known))
            assert answers[clip] == np.argmin(far)


def test_what_is_tested_was_never_learned():
    random = np.random.default_rng(2)
    y, group = people_of(random, 9)
    inputs = random.normal(size=(len(y), 4))
    rows = group == "p03"
    other = np.where(rows, (y + 1) % 3, y)
    one, two = nearest_class_mean(inputs, np.stack([y, other]), left_out(group), classes=3)
    assert np.array_equal(one[rows], two[rows])
    assert not np.array_equal(one, two)


@pytest.mark.slow
def test_without_a_signal_about_one_in_twenty_lies_above():
    # Faces differ, and so do the persons' classes; but one says nothing of the other.
    random = np.random.default_rng(5)
    above, largest, runs = np.zeros(2), 0, 80
    for seed in range(runs):
        y, group = people_of(random, 16)
        person = np.unique(group, return_inverse=True)[1]
        x = random.normal(size=(len(y), 1, 4, 4)) + random.normal(size=(16, 1, 4, 4))[person]
        tests = left_out(group)
        level = figures_by_chance(
            x, y, ["d"] * len(y), group, tests, classes=3, permutations=100, seed=seed
        )
        answers = nearest_class_mean(chance._inputs(x), y[None], tests, classes=3)
        matrix = metrics.confusion(y, answers[0], 3)
        figures = np.array([metrics.uf1(matrix), metrics.uar(matrix)])
        above += figures > [np.percentile(level.uf1, 95), np.percentile(level.uar, 95)]
        largest += figures[0] > metrics.uf1(metrics.largest_class(matrix))
    assert (above / runs <= 0.125).all()  # 4 of 80 are expected, and more than 10 in one of 300
    assert largest / runs > 0.6  # always the largest class is no level of chance


def test_a_signal_lies_far_above():
    random = np.random.default_rng(6)
    y, group = people_of(random, 12)
    x = random.normal(0, 0.2, (len(y), 3, 30, 30))
    for label in range(3):
        x[y == label, label] += 1
    level = figures_by_chance(x, y, ["d"] * len(y), group, left_out(group), classes=3)
    assert np.percentile(level.uf1, 95) < 0.6
    assert np.median(level.uar) == pytest.approx(1 / 3, abs=0.05)
    right = nearest_class_mean(chance._inputs(x), y[None], left_out(group), classes=3)
    assert (right[0] == y).mean() > 0.95


@pytest.mark.parametrize("protocol", ["loso", "kfold", "cross-dataset"])
def test_parts_of_the_shuffles_at_a_time_are_the_same(protocol, monkeypatch):
    random = np.random.default_rng(7)
    y, group = people_of(random, 10)
    dataset = tuple(np.where(group < "p05", "a", "b").tolist())
    ids = tuple(f"{n:03d}" for n in range(len(y)))
    clips = LabelledClips(ids, dataset, tuple(group.tolist()), y, ("n", "p", "s"))
    tests = [np.array([int(clip) for clip in fold.test]) for fold in folds_of(clips, protocol, k=3)]
    x = random.normal(size=(len(y), 3, 6, 6))
    once = figures_by_chance(x, y, dataset, group, tests, classes=3, permutations=30)
    monkeypatch.setattr(chance, "_NUMBERS", 7 * len(y) * 3)
    monkeypatch.setattr(chance, "_ROWS", 4)
    parts = figures_by_chance(x, y, dataset, group, tests, classes=3, permutations=30)
    assert np.array_equal(once.uf1, parts.uf1)
    assert np.array_equal(once.uar, parts.uar)


@pytest.mark.parametrize(
    ("y", "group"),
    [
        ([0, 1], ["p", "q"]),
        ([0, 0, 1, 1], ["p", "p", "q", "q"]),
        ([0, 1, 1, 1, 1], ["p", "p", "q", "q", "r"]),
        ([2, 2, 2, 2, 1], ["p", "p", "q", "q", "q"]),
    ],
)
def test_two_persons_one_class_in_a_fold_and_a_class_that_nobody_shows(y, group):
    group, y = np.array(group), np.array(y)
    for x in (np.arange(len(y) * 4.0).reshape(-1, 1, 2, 2), np.zeros((len(y), 1, 2, 2))):
        level = figures_by_chance(
            x, y, ["d"] * len(y), group, left_out(group), classes=3, permutations=20
        )
        for values in (level.uf1, level.uar):
            assert ((values >= 0) & (values <= 1)).all()


@pytest.fixture
def run(tmp_path):
    features = demo_features(tmp_path / "features.h5", subjects=4)

    def call(model="svm", **options):
        return evaluate(
            features, model, cache=tmp_path / "cache", **{"seeds": 1, **options}
        )  # fmt: skip

    return call


def test_it_is_computed_once_for_features_and_folds(run, tmp_path, monkeypatch):
    first = run().content["chance"]
    assert first["permutations"] == 500
    assert 0 < first["uf1"]["median"] < first["uf1"]["p95"] <= 1
    store = open_store(tmp_path / "cache")
    (name,) = store.every(chance_level.STAGE)

    def never(*_, **__):
        raise AssertionError("computed again")

    with monkeypatch.context() as stopped:
        stopped.setattr(chance_level, "figures_by_chance", never)
        assert run().content["chance"] == first
        other = run("tree", seeds=2).content["chance"]  # another model: the level is the same
        assert {**other, "uf1": 0, "uar": 0} == {**first, "uf1": 0, "uar": 0}
        assert other["uf1"]["p95"] == first["uf1"]["p95"]
        with pytest.raises(AssertionError, match="computed again"):
            run(protocol="kfold", k=2)
    run(protocol="kfold", k=2)
    assert len(list(store.every(chance_level.STAGE))) == 2
    # Administration knows it: no run names it, and it is not unreferenced for that.
    (usage,) = (one for one in status(store).usage if one.stage == chance_level.STAGE)
    assert (usage.objects, usage.unreferenced) == (2, 0)
    path = store.path(name)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert [damage.file for damage in verify(store, fix=False)[1]] == [path]
    assert run().content["chance"] == first


def test_results_that_are_not_above_chance_say_so(run):
    content = run().content
    high = content["chance"]["uf1"]["p95"]
    level = chance.Shuffled(*(np.full(20, content["chance"][key]["p95"]) for key in ("uf1", "uar")))
    # As good as every shuffle is not above.
    poor = {**content, "uf1": high, "uar": None}
    poor["chance"] = chance_level.chance_content(level, poor)
    with (console := Console(width=80, highlight=False, soft_wrap=True)).capture() as shown:
        print_results(console, poor)
    assert f"not above chance: UF1 {high:.3f} (shuffled labels: 95 % {high:.3f})" in shown.get()
    for row, value in (("(chance)", high), ("(chance, 95 %)", high)):
        (line,) = (one for one in shown.get().splitlines() if f"│ {row}" in one)
        assert f"{value:.3f}" in line
    better = {**content, "uf1": high + 0.01, "uar": 1.0}
    better["chance"] = chance_level.chance_content(level, better)
    assert chance_level.not_above(better) == []
    assert better["chance"]["uf1"]["above"]


@pytest.mark.parametrize("change", [{"uf1": None}, {"uar": {"median": 0.3}}, {"uf1": "0.3"}])
def test_a_level_that_somebody_edited_is_refused(change):
    figures = {"uf1": 0.5, "uar": 0.5}
    content = chance_level.chance_content(
        chance.Shuffled(np.array([0.3]), np.array([0.3])), figures
    )

    def parsed(level):
        told = {"model": "svm", "protocol": "loso", "classes": ["a", "b"], "chance": level}
        return parsed_results(Path("results.json"), json.dumps(told).encode())

    assert parsed(content)["chance"] == content
    for odd in ({**content, **change}, [content]):
        with pytest.raises(UsageError, match=r"results\.json: chance"):
            parsed(odd)
    assert chance_level.level_alone(content)["uf1"] == {"median": 0.3, "p95": 0.3}
