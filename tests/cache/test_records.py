from mepipe.cache.records import (
    new_run_id,
    read_records,
    read_table,
    write_record,
    write_table,
)


def test_records_come_back_newest_first(tmp_path):
    write_record(tmp_path, "20250101T000000Z-aa", {"n": 1})
    write_record(tmp_path, "20260101T000000Z-aa", {"n": 2})
    assert [record["n"] for record in read_records(tmp_path)] == [2, 1]


def test_a_record_is_replaced(tmp_path):
    write_record(tmp_path, "20250101T000000Z-aa", {"finished": False})
    write_record(tmp_path, "20250101T000000Z-aa", {"finished": True})
    assert [record["finished"] for record in read_records(tmp_path)] == [True]


def test_damaged_and_foreign_records_are_passed_over(tmp_path):
    write_record(tmp_path, "20250101T000000Z-aa", {"n": 1})
    (tmp_path / "runs" / "z.json.gz").write_bytes(b"damaged")
    (tmp_path / "runs" / "note.txt").write_text("mine")
    assert [record["n"] for record in read_records(tmp_path)] == [1]


def test_without_a_cache_there_are_none(tmp_path):
    assert list(read_records(tmp_path / "none")) == []


def test_new_run_ids_differ(tmp_path):
    assert len({new_run_id(tmp_path) for _ in range(50)}) == 50


def test_an_id_sorts_behind_all_others_even_if_the_clock_was_set_back(tmp_path):
    write_record(tmp_path, "20991231T235959Z-ffffffff", {"n": 1})
    write_record(tmp_path, "note", {"n": 0})
    later = new_run_id(tmp_path)
    assert later.startswith("21000101T000000Z-")
    write_record(tmp_path, later, {"n": 2})
    # What has no name of a run is none: `mepipe cache verify` tells it.
    assert [record["n"] for record in read_records(tmp_path)] == [2, 1]


def test_a_table_is_kept_once_and_only_whole(tmp_path):
    name = write_table(tmp_path, {"a": [1, "é"]})
    (path,) = (tmp_path / "tables").iterdir()
    before = path.stat().st_mtime_ns
    assert write_table(tmp_path, {"a": [1, "é"]}) == name
    assert path.stat().st_mtime_ns == before
    assert read_table(tmp_path, name) == {"a": [1, "é"]}
    data = path.read_bytes()
    for damaged in (data[:-3], b"", data[:20] + bytes([data[20] ^ 1]) + data[21:]):
        path.write_bytes(damaged)
        assert read_table(tmp_path, name) is None
    assert read_table(tmp_path, "0" * 64) is None


def test_long_lists_are_kept_as_digests():
    from mepipe.cache.records import compact

    frames = [f"{number:064d}" for number in range(300)]
    short = compact({"frames": frames, "marks": {"onset": 3}, "pair": ["a", "b"]})
    assert short["marks"] == {"onset": 3}
    assert short["pair"] == ["a", "b"]
    assert short["frames"]["items"] == 300
    assert short["frames"] == compact({"frames": tuple(frames)})["frames"]
    assert short["frames"] != compact({"frames": [*frames[:-1], "x"]})["frames"]
