"""Files that mepipe did not write stay, whatever a record or an output folder says."""

import gzip
import json
import os
import time

import pytest

from mepipe.cache.keys import sha256_text
from mepipe.cache.manifest import Manifest
from mepipe.cache.records import read_record, read_table, run_ids
from mepipe.errors import UsageError
from mepipe.pipeline.cache_admin import collect_garbage, verify
from mepipe.pipeline.past_runs import PastRun

NAMES = ("features.h5", "failures.csv", "notes.csv", "manifest.json", "report.html")


@pytest.mark.parametrize("file", NAMES)
@pytest.mark.parametrize("content", ["mine", '{"name": "my web app", "icons": []}'])
def test_a_run_replaces_no_file_that_it_did_not_write(toy_run, toy_data, tmp_path, file, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / file).write_text(content)
    planned = toy_run(toy_data(2), settings=["report.enabled=true"])
    with pytest.raises(UsageError, match=f"{file} was not written by mepipe"):
        planned.outputs.plan(planned.plan())
    with pytest.raises(UsageError, match=f"{file} was not written by mepipe"):
        planned.execute()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [file]
    assert (tmp_path / "out" / file).read_text() == content


@pytest.mark.parametrize("file", ["results.json", "predictions.csv", "confusion.png"])
def test_a_run_without_results_leaves_such_files(toy_run, toy_data, tmp_path, file):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / file).write_text("mine")
    toy_run(toy_data(2), until="pack").execute()
    assert (tmp_path / "out" / file).read_text() == "mine"


def test_a_run_that_was_killed_while_it_wrote_knows_its_files(toy_run, toy_data, tmp_path):
    data = toy_data(2)
    toy_run(data).execute()
    before = (tmp_path / "out" / "features.h5").read_bytes()
    # As after a kill between the file and its entry.
    manifest = tmp_path / "out" / "manifest.json"
    entries = json.loads(manifest.read_text())
    entries["features.h5"] = {"key": "", "sha256": "", "stat": None}
    manifest.write_text(json.dumps(entries))
    toy_run(data).execute()
    assert (tmp_path / "out" / "features.h5").read_bytes() == before


def test_partial_files_of_other_programs_stay_in_the_output_folder(toy_run, toy_data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    then = time.time() - 7 * 24 * 3600
    for name in ("movie.part", ".movie.0123456789abcdef.part", ".notes.csv.0123456789abcdef.part"):
        (out / name).write_text("x")
        os.utime(out / name, (then, then))
    toy_run(toy_data(2)).execute()
    left = {path.name for path in out.iterdir() if path.name.endswith(".part")}
    assert left == {"movie.part", ".movie.0123456789abcdef.part"}


def test_dropping_leaves_what_is_not_claimed(tmp_path):
    (tmp_path / "results.json").write_text("mine")
    Manifest(tmp_path).drop("results.json")
    assert (tmp_path / "results.json").read_text() == "mine"


PATHS = ("../" * 20 + "home/x/", "..", "a/b", "/etc/passwd", "A" * 64, "g" * 64, "")


def plant(cache, change):
    """Change the newest run's table of clips, under a right digest, and name it in the record."""
    run_id = run_ids(cache)[0]
    record = read_record(cache, run_id)
    table = read_table(cache, record["clips"])
    change(table["stages"])
    text = json.dumps(table)
    record["clips"] = sha256_text(text)
    packed = gzip.compress(text.encode(), mtime=0)
    (cache / "tables" / f"{record['clips']}.json.gz").write_bytes(packed)
    (cache / "runs" / f"{run_id}.json.gz").write_bytes(gzip.compress(json.dumps(record).encode()))
    return run_id


@pytest.mark.parametrize("column", ["keys", "objects"])
@pytest.mark.parametrize("path", PATHS)
def test_a_digest_in_a_record_that_is_a_path_names_nothing(
    toy_run, toy_data, tmp_path, column, path
):
    done = toy_run(toy_data(1))
    done.execute()
    victim = tmp_path / "home" / "x" / "thesis.tex"
    victim.parent.mkdir(parents=True)
    victim.write_text("mine")

    def change(stages):
        stages["face"][column] = (path * 64)[:64] if path else "not a digest"

    run_id = plant(done.context.store.root, change)
    verify(done.context.store, fix=True, run_id=run_id)
    collect_garbage(done.context.store, keep_days=0, dry_run=False)
    assert victim.read_text() == "mine"
    record = read_record(done.context.store.root, run_id)
    assert list(PastRun(done.context.store.root, record).objects()) == []
    assert toy_run(tmp_path / "toy").execute().usable == 1


@pytest.mark.parametrize("stage", ["..", "../../home", "face/..", "new", ""])
def test_a_stage_in_a_record_that_is_none_names_nothing(toy_run, toy_data, tmp_path, stage):
    done = toy_run(toy_data(1))
    done.execute()
    run_id = plant(
        done.context.store.root, lambda stages: stages.update({stage: stages.pop("face")})
    )
    record = read_record(done.context.store.root, run_id)
    assert list(PastRun(done.context.store.root, record).objects()) == []
    verify(done.context.store, fix=True, run_id=run_id)
    assert toy_run(tmp_path / "toy").execute().usable == 1


def test_a_table_whose_name_is_a_path_is_none(tmp_path):
    text = "{}"
    (tmp_path / "tables").mkdir()
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(text.encode()))
    assert read_table(tmp_path, "../x") is None
