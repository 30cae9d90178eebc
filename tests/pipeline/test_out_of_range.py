"""A run names the movements that are longer or larger than a micro-expression."""

import csv

import numpy as np
import pytest


def edited(data, change):
    path = data / "labels.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return data


def slow(rows):
    rows[1]["fps"] = "8"  # five frames from onset to offset: 0.625 s
    rows[2]["offset"] = ""


def test_a_long_movement_is_named_in_the_result_the_notes_and_the_features(toy_run, toy_data):
    data = edited(toy_data(3), slow)
    result = toy_run(data, settings=["spot.fallback=middle"]).execute()
    ((clip, extent),) = result.out_of_range.items()
    assert clip.endswith("s01/c0000")
    assert extent.seconds == 0.625
    with (result.features.parent / "notes.csv").open() as file:
        notes = list(csv.DictReader(file))
    (told,) = [row["note"] for row in notes if row["clip"] == clip]
    assert told.startswith("0.62 s")
    assert "not a micro-expression; the classes do not apply (a micro-expression has" in told
    features = result.load()
    assert features.micro[features.clip == clip].tolist() == [0]
    # Known without computing, too.
    again = toy_run(data, settings=["spot.fallback=middle"]).execute()
    assert again.out_of_range == result.out_of_range


@pytest.mark.parametrize("until", ["spot", "tensor"])
def test_without_features_the_length_still_tells(toy_run, toy_data, until):
    result = toy_run(edited(toy_data(3), slow), until=until).execute()
    assert [clip[-9:] for clip in result.out_of_range] == ["s01/c0000"]


def test_a_large_movement_is_read_from_its_tensor(toy_run, toy_data):
    from mepipe.stages import STAGES, Result

    tensor = STAGES[-1]
    usual = tensor.compute

    def large(clip, config, upstream):
        x = usual(clip, config, upstream).arrays["x"]
        x = np.zeros_like(x)
        x[0, 0, 0] = 0.96  # of the bent scale: more than 4 % of the eyes' distance
        return Result({"limited": [0.01, 0.0, 0.0]}, {"x": x})

    object.__setattr__(tensor, "compute", large)
    result = toy_run(toy_data(2)).execute()
    assert len(result.out_of_range) == 2
    assert {round(one.seconds, 3) for one in result.out_of_range.values()} == {0.025}
    features = result.load()
    assert features.px.tolist() == [one.px for one in result.out_of_range.values()]
    assert features.micro.tolist() == [0, 0]
