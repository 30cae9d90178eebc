"""A run opened again from its output folder, whose datasets may have changed since."""

import shutil

from mepipe.cache.store import Store
from mepipe.execution.context import Context
from mepipe.pipeline.past_outputs import opened_again, past_outputs


def test_a_dataset_that_is_gone_or_not_valid_any_more_is_told_and_hides_no_other(
    toy_run, toy_data, tmp_path
):
    data = [toy_data(3, name=name) for name in ("left", "right", "gone")]
    toy_run(*data).execute()
    table = data[0] / "labels.csv"
    table.write_text(table.read_text().replace(",2,4,", ",2.5,4,", 1))
    shutil.rmtree(data[2])

    context = Context(Store(tmp_path / "cache"))
    run = past_outputs(context.cache, tmp_path / "out")
    datasets, gone = run.datasets()
    found, invalid = opened_again(datasets, run.config(tmp_path / "out"), context)
    assert [clip.clip.dataset for inputs in found for clip in inputs.clips] == ["right"] * 3
    assert [problem.partition(":")[0] for problem in gone] == ["gone"]
    (problem,) = invalid
    assert problem.startswith("left: ")
    assert "is not a frame number" in problem
    assert "labels.time=seconds" in problem  # what to do
