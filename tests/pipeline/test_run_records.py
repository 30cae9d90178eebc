"""Which earlier runs explain a plan."""

from mepipe.pipeline.past_runs import _RECORDS


def test_runs_over_other_datasets_do_not_hide_what_changed_in_this_one(toy_run, toy_data, tmp_path):
    data = toy_data(2)
    toy_run(data).execute()
    for number in range(_RECORDS + 1):
        other = data.rename(tmp_path / f"other{number}")
        toy_run(other, settings=[f"tensor.size={8 + number}"]).execute()
        other.rename(data)
    flow = next(
        c for c in toy_run(data, settings=["tensor.size=20"]).plan().counts if c.stage == "tensor"
    )
    assert list(flow.reasons) == ["setting tensor.size changed from 28 to 20"]
