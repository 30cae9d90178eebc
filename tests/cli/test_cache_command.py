"""``mepipe cache`` from the command line."""

import json

import pytest
from quick import QUICK


@pytest.fixture(scope="module")
def filled(pristine_sample, tmp_path_factory):
    """A cache after a run, for commands that only read."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("filled")
    program = "from mepipe.cli import main; main()"
    subprocess.run(
        [
            sys.executable, "-c", program, "run", str(pristine_sample), "--until", "tensor",
            "--jobs", "1", "--cache", str(folder / "cache"), "--out", str(folder / "out"), *QUICK,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder / "cache"


def test_path(mepipe, tmp_path):
    assert mepipe("cache", "path").stdout.strip() == str(tmp_path / "cache")
    answer = json.loads(mepipe("cache", "path", "--cache", "x", "--json").stdout)
    assert answer == {"schema": 1, "path": str(tmp_path / "x")}


def test_status(mepipe, filled):
    done = mepipe("cache", "status", "--cache", filled)
    assert done.returncode == 0, done.stderr
    assert "tensor" in done.stdout
    assert "16 objects" in done.stdout
    answer = json.loads(mepipe("cache", "status", "--cache", filled, "--json").stdout)
    assert answer["schema"] == 1
    assert [one["objects"] for one in answer["objects"]] == [4, 4, 4, 4]
    assert set(answer) == {"schema", "path", "objects", "missing", "quarantined", "runs"}
    (run_id,) = answer["runs"]
    answer = json.loads(
        mepipe("cache", "status", "--cache", filled, "--json", "--run", run_id[:8]).stdout
    )
    assert sum(one["objects"] for one in answer["objects"]) == 16
    missing = mepipe("cache", "status", "--cache", filled, "--run", "none")
    assert missing.returncode == 2
    assert run_id in missing.stderr


def test_explain(mepipe, filled):
    done = mepipe("cache", "explain", "s01/c01", "--cache", filled, *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" hit ") == 4
    options = (*QUICK, "--set", "tensor.size=14", "--json")
    answer = json.loads(mepipe("cache", "explain", "s01/c01", "--cache", filled, *options).stdout)
    assert answer["clip"] == "sample/s01/c01"
    assert [one["state"] for one in answer["stages"]] == ["hit", "hit", "hit", "miss"]
    assert answer["stages"][3]["why"] == "setting tensor.size changed from 28 to 14"
    unknown = mepipe("cache", "explain", "nobody", "--cache", filled)
    assert unknown.returncode == 2
    assert "nobody" in unknown.stderr


@pytest.mark.slow
def test_verify_and_gc(mepipe, filled, tmp_path):
    import shutil

    cache = shutil.copytree(filled, tmp_path / "cache")
    whole = mepipe("cache", "verify")
    assert whole.returncode == 0
    assert "objects: 16/16 (" in whole.stderr
    victim = next((cache / "objects" / "flow").rglob("*.h5"))
    victim.write_bytes(victim.read_bytes()[:-5])
    found = mepipe("cache", "verify", "--json")
    assert found.returncode == 5
    answer = json.loads(found.stdout)
    assert [one["file"] for one in answer["damaged"]] == [str(victim)]
    assert victim.exists()
    fixed = mepipe("cache", "verify", "--fix")
    assert fixed.returncode == 5
    assert "1 damaged" in fixed.stdout
    assert not victim.exists()
    assert mepipe("cache", "verify").returncode == 0
    swept = json.loads(mepipe("cache", "gc", "--keep-days", "0", "--dry-run", "--json").stdout)
    assert swept["dry_run"]
    assert swept["kept"] == 15
    assert swept["removed"]["quarantine"] == 1
    done = mepipe("cache", "gc", "--keep-days", "0")
    assert done.returncode == 0, done.stderr
    assert "15 objects stay" in done.stdout
    assert not list((cache / "quarantine").iterdir())


def test_an_empty_cache_is_no_error(mepipe):
    for command in ("status", "verify", "gc"):
        done = mepipe("cache", command)
        assert done.returncode == 0, done.stderr
