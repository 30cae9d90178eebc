"""A run says first what it found, what it will do and how to stop before the training."""

import pytest
from click.testing import CliRunner

from mepipe.cli import main
from mepipe.evaluation.training_time import training_seconds

# The toy tensors have 8 x 8 cells.
FEW = (
    "--set",
    "model.kernels=[2]",
    "--set",
    "train.epochs=1",
    "--set",
    "train.seeds=2",
    "--jobs",
    "1",
)


@pytest.fixture
def call(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "cache"))

    def invoke(*arguments):
        engine = ("--set", "flow.engine=opencv", "--set", "report.enabled=false")
        done = CliRunner().invoke(main, ["run", *map(str, arguments), *engine, *FEW])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    return invoke


def line(lines, start):
    (found,) = [one for one in lines if one.startswith(start)]
    return found


def test_what_was_found_and_what_follows_is_said_before_the_work(call, toy_data):
    lines = call(toy_data(6))
    assert lines[0] == "found       6 clips of 6 subjects, frames per second: 200"
    assert lines[1] == "to compute  at most face 6, spot 6, flow 6, tensor 6"
    assert lines[2].startswith("training    follows: spp, 12 folds (subjects x 2 seeds), about ")
    assert lines[2].endswith("on 1 core. To stop before it: --until pack")


def test_nothing_to_compute_is_nothing_to_announce(call, toy_data):
    data = toy_data(6)
    call(data)
    lines = call(data)
    assert not [one for one in lines if one.startswith(("to compute", "training"))]


def test_a_run_that_trains_nothing_says_why_or_says_nothing(call, toy_data):
    assert not [one for one in call(toy_data(3), "--until", "pack") if one.startswith("training")]
    alone = call(toy_data(1, name="one"), "--out", "one-out")
    assert line(alone, "training    none: it needs labelled clips of two subjects")


def test_results_of_other_features_are_announced_and_kept(call, toy_data, tmp_path):
    data = toy_data(6)
    call(data)
    results = (tmp_path / "mepipe-out" / "results.json").read_bytes()
    change = ("--set", "tensor.scale=clip")
    lines = call(data, "--until", "pack", *change)
    said, kept = [one for one in lines if one.startswith("earlier")]
    assert said.startswith("earlier     results.json, predictions.csv, confusion.png in mepipe-out")
    assert "Another --out keeps them" in said
    assert kept == "earlier     mepipe-out/earlier: results of an earlier run, of other features"
    assert (tmp_path / "mepipe-out" / "earlier" / "results.json").read_bytes() == results
    assert not (tmp_path / "mepipe-out" / "results.json").exists()
    call(data, *change)
    assert (tmp_path / "mepipe-out" / "results.json").exists()
    assert not (tmp_path / "mepipe-out" / "earlier").exists()


def test_a_plan_says_what_waits_and_for_what(call, toy_data):
    lines = call(toy_data(6), "--dry-run")
    text = "\n".join(lines)
    assert "6 (after face)" in text
    assert "at most" not in text
    assert "is known when the step before is done" in text


def test_a_time_is_given_for_networks_only_and_grows_with_the_work():
    assert training_seconds("svm", 10, 100, 50, 2) is None
    assert training_seconds("my_nets:make", 10, 100, 50, 2) is None
    few = training_seconds("spp", 10, 100, 50, 2)
    assert few < training_seconds("spp", 20, 100, 50, 2)
    assert few < training_seconds("spp", 10, 200, 50, 2)
    assert few > training_seconds("spp", 10, 100, 50, 4)
