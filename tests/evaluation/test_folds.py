import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from made_features import MODEL, TRAINING, features, made_features, reordered

from mepipe.errors import BadDataError, UsageError
from mepipe.evaluation.folds import fold_jobs, run_fold, training_seed
from mepipe.evaluation.results import join
from mepipe.features.splits import LabelledClips


def jobs_of(made, seeds=(0,), **options):
    options = {"model": MODEL, "training": TRAINING, **options}
    return fold_jobs(LabelledClips.of(made), seeds=seeds, **options)


def evaluate(made, **options):
    """Return {(clip, seed): probabilities as bytes}."""
    jobs, kept, _ = jobs_of(made, **options)
    done = [run_fold(job, made) for job in jobs]
    table = join(kept, done)
    return {
        (clip, seed): table.probabilities[run, row].tobytes()
        for run, seed in enumerate(table.seeds)
        for row, clip in enumerate(kept.clip)
    }


@pytest.fixture(scope="module")
def made():
    return made_features(3)


@pytest.fixture(scope="module")
def undisturbed(made):
    return evaluate(made)


def held_out(made, predictions, group):
    clips = set(made.clip[made.group == group])
    return {key: value for key, value in predictions.items() if key[0] in clips}


def test_permuting_the_held_out_labels_leaves_its_predictions_bit_identical(made, undisturbed):
    y = made.y.copy()
    test = made.group == "set/s01"
    y[test] = np.roll(y[test], 1)
    changed = SimpleNamespace(**{**vars(made), "y": y})
    after = evaluate(changed)
    assert held_out(made, after, "set/s01") == held_out(made, undisturbed, "set/s01")
    # They are training labels of the other folds, so the test can fail.
    assert held_out(made, after, "set/s00") != held_out(made, undisturbed, "set/s00")


def test_changing_a_held_out_clip_changes_no_other_prediction_of_its_fold(made, undisturbed):
    x = made.x.copy()
    x[made.clip == "set/s01/c2"] *= 3
    after = held_out(made, evaluate(SimpleNamespace(**{**vars(made), "x": x})), "set/s01")
    before = held_out(made, undisturbed, "set/s01")
    changed = {key[0] for key in before if before[key] != after[key]}
    assert changed == {"set/s01/c2"}


def test_shuffling_the_rows_of_the_file_changes_nothing(made, undisturbed):
    for order in (slice(None, None, -1), np.random.default_rng(0).permutation(len(made.y))):
        assert evaluate(reordered(made, order)) == undisturbed


def test_folds_and_seeds_do_not_depend_on_each_other(made, undisturbed):
    jobs, _, _ = jobs_of(made, seeds=(1, 0))
    last = [job for job in jobs if job.seed == 0][-1]
    alone = run_fold(pickle.loads(pickle.dumps(last)), made)
    assert alone.fold == "set/s02"
    for clip, value in zip(alone.clip, alone.probabilities, strict=True):
        assert value.tobytes() == undisturbed[clip, 0]


def test_jobs_name_what_decides_them_and_are_small():
    made = made_features(12, size=4)
    jobs, kept, _ = jobs_of(made, seeds=range(5, 8))
    assert len(jobs) == 36
    assert {job.seed for job in jobs} == {5, 6, 7}
    assert len({training_seed(job.seed, job.fold) for job in jobs}) == 36
    assert all(len(pickle.dumps(job)) < 5000 for job in jobs)
    assert jobs[0].identity()["training"] == TRAINING
    assert jobs[0].identity() != jobs[1].identity()
    assert sorted(jobs[0].train + jobs[0].test) == list(kept.clip)


def test_the_seed_of_a_training_is_pinned():
    assert training_seed(0, "casme2/sub01") == 2681626064280794440


def test_unlabelled_and_unknown_people_take_no_part(made, undisturbed):
    more = features(
        np.concatenate([made.x, made.x[:2] + 1]),
        [*made.y, -1, 0],
        [*made.clip, "set/s00/a", "loose"],
        [*made.group, "set/s00", ""],
    )
    _, kept, left = jobs_of(more)
    assert left.unlabelled == ("set/s00/a",)
    assert left.unknown_person == ("loose",)
    assert len(kept) == len(made.y)
    assert evaluate(more) == undisturbed


def test_features_that_are_not_finite_name_the_clip(made):
    for bad in (np.nan, np.inf):
        x = made.x.copy()
        x[4, 1, 3, 3] = bad
        jobs, _, _ = jobs_of(made)
        for job in jobs:
            with pytest.raises(BadDataError, match="features of set/s01/c1 hold NaN") as error:
                run_fold(job, SimpleNamespace(**{**vars(made), "x": x}))
            assert error.value.remedy


def test_a_job_for_other_features_is_refused(made):
    jobs, _, _ = jobs_of(made)
    with pytest.raises(UsageError, match="no clip set/s00/c0"):
        run_fold(jobs[0], reordered(made, slice(1, None)))


def test_two_clips_of_two_people_run_to_the_end():
    made = reordered(made_features(2), [0, 4])
    assert made.y.tolist() == [0, 1]
    jobs, kept, _ = jobs_of(made)
    table = join(kept, [run_fold(job, made) for job in jobs])
    # Each fold has seen one class only, so that is all it can answer.
    assert table.predicted.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [([0, 1, 2], "two subjects"), ([0, 3], "two classes"), ([0, 0, 3, 4], "occurs twice")],
)
def test_what_cannot_be_evaluated_is_an_error(rows, words):
    with pytest.raises(UsageError, match=words):
        jobs_of(reordered(made_features(2), rows))


def test_recentring_is_part_of_a_job():
    made = made_features(2)
    moved = SimpleNamespace(**{**vars(made), "x": made.x.copy()})
    moved.x[:, 1] += np.float32(0.25)
    with_median = next(job for job in jobs_of(made, recentre=True)[0] if job.fold == "set/s00")
    one = run_fold(with_median, made).probabilities
    two = run_fold(with_median, moved).probabilities
    assert two == pytest.approx(one, abs=1e-3)
