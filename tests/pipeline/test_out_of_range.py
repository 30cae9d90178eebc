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


@pytest.fixture
def large(toy):
    """Make the toys' movements larger than a micro-expression."""
    from mepipe.stages import STAGES, Result

    tensor = STAGES[-1]
    usual = tensor.compute

    def large(clip, config, upstream):
        x = usual(clip, config, upstream).arrays["x"]
        x = np.zeros_like(x)
        x[0, 0, 0] = 0.96  # of the bent scale: more than 4 % of the eyes' distance
        return Result({"limited": [0.01, 0.0, 0.0]}, {"x": x})

    object.__setattr__(tensor, "compute", large)


@pytest.fixture
def opened(monkeypatch):
    """The objects that are opened from now on."""
    from mepipe.cache.store import Store

    names, read = [], Store.read
    monkeypatch.setattr(
        Store, "read", lambda self, name, *more: names.append(name) or read(self, name, *more)
    )
    return names


def test_a_large_movement_is_read_from_its_tensor(toy_run, toy_data, large):
    result = toy_run(toy_data(2)).execute()
    assert len(result.out_of_range) == 2
    assert {round(one.seconds, 3) for one in result.out_of_range.values()} == {0.025}
    features = result.load()
    assert features.px.tolist() == [one.px for one in result.out_of_range.values()]
    assert features.micro.tolist() == [0, 0]


@pytest.mark.parametrize("scale", ["fixed", "none"])
def test_a_warm_run_opens_no_tensor_of_a_large_movement(toy_run, toy_data, large, opened, scale):
    data, settings = toy_data(3), [f"tensor.scale={scale}"]
    first = toy_run(data, settings=settings).execute()
    assert len(first.out_of_range) == (3 if scale == "fixed" else 0)
    for _ in range(2):
        opened.clear()
        again = toy_run(data, settings=settings).execute()
        assert opened == []
        assert again.out_of_range == first.out_of_range


@pytest.mark.parametrize("what", ["of an older mepipe", "without its table", "edited"])
def test_where_no_record_says_how_large_a_movement_is_its_tensor_is_opened(
    toy_run, toy_data, large, opened, tmp_path, what
):
    from mepipe.cache.records import read_records, table_path, write_record, write_table

    data, cache = toy_data(2), tmp_path / "cache"
    first = toy_run(data).execute()
    (record,) = read_records(cache)
    name = record["px"]
    if what == "of an older mepipe":
        del record["px"]
    elif what == "edited":
        record["px"] = write_table(cache, {"a": 1, **dict.fromkeys("bc", float("nan"))})
    else:
        table_path(cache, name).unlink()
    write_record(cache, record["id"], record)
    opened.clear()
    again = toy_run(data).execute()
    assert [one.stage for one in opened] == ["tensor", "tensor"]
    assert again.out_of_range == first.out_of_range
    # It is recorded now.
    assert next(read_records(cache))["px"] == name


def test_a_movement_of_unknown_size_is_known_as_such(toy_run, toy_data, opened):
    data = edited(toy_data(3), slow)
    settings = ["spot.fallback=middle", "tensor.scale=clip"]
    for warm in (False, True):
        opened.clear()
        ((_, extent),) = toy_run(data, settings=settings).execute().out_of_range.items()
        assert (extent.seconds, extent.px) == (0.625, None)
        assert not warm or opened == []


def test_tables_of_sizes_are_kept_as_long_as_their_records(toy_run, toy_data, large, tmp_path):
    from mepipe.cache.records import read_records, read_table
    from mepipe.cache.store import Store
    from mepipe.pipeline.cache_admin import collect_garbage

    toy_run(toy_data(2)).execute()
    (record,) = read_records(tmp_path / "cache")
    collect_garbage(Store(tmp_path / "cache"), keep_days=0, dry_run=False)
    assert len(read_table(tmp_path / "cache", record["px"])) == 2
