from mepipe.cache.records import new_run_id, read_records, write_record


def test_records_come_back_newest_first(tmp_path):
    write_record(tmp_path, "20250101T000000Z-aa", {"n": 1})
    write_record(tmp_path, "20260101T000000Z-aa", {"n": 2})
    assert [record["n"] for record in read_records(tmp_path)] == [2, 1]


def test_a_record_is_replaced(tmp_path):
    write_record(tmp_path, "r", {"finished": False})
    write_record(tmp_path, "r", {"finished": True})
    assert [record["finished"] for record in read_records(tmp_path)] == [True]


def test_damaged_and_foreign_records_are_passed_over(tmp_path):
    write_record(tmp_path, "good", {"n": 1})
    (tmp_path / "runs" / "z.json.gz").write_bytes(b"damaged")
    (tmp_path / "runs" / "note.txt").write_text("mine")
    assert [record["n"] for record in read_records(tmp_path)] == [1]


def test_without_a_cache_there_are_none(tmp_path):
    assert list(read_records(tmp_path / "none")) == []


def test_ids_differ():
    assert len({new_run_id() for _ in range(50)}) == 50


def test_long_lists_are_kept_as_digests():
    from mepipe.cache.records import compact

    frames = [f"{number:064d}" for number in range(300)]
    short = compact({"frames": frames, "marks": {"onset": 3}, "pair": ["a", "b"]})
    assert short["marks"] == {"onset": 3}
    assert short["pair"] == ["a", "b"]
    assert short["frames"]["items"] == 300
    assert short["frames"] == compact({"frames": tuple(frames)})["frames"]
    assert short["frames"] != compact({"frames": [*frames[:-1], "x"]})["frames"]
