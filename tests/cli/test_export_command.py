import errno
import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

import mepipe
from mepipe.cache import disk
from mepipe.cli import main


@pytest.fixture
def features(write_features, tmp_path):
    return write_features(tmp_path / "features.h5", size=28)


def call(*arguments, code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result


def test_a_tree_goes_out_and_comes_back(features, tmp_path):
    shown = call("export", features, "--to", "ststnet", "--out", tmp_path / "out")
    assert "109, in " in shown.stdout
    assert "export ststnet: 18/18" in shown.stderr
    call("import-features", tmp_path / "out", "--out", tmp_path / "back.h5")
    assert mepipe.load(tmp_path / "back.h5").clip.tolist() == mepipe.load(features).clip.tolist()


def test_json_and_a_selection(features, tmp_path):
    shown = call(
        "export", features, "--to", "npz", "--out", tmp_path / "out", "--select", "dataset=a",
        "--json",
    ).stdout  # fmt: skip
    content = json.loads(shown)
    assert (content["schema"], content["clips"], content["files"]) == (1, 9, 1)
    with np.load(tmp_path / "out" / "features.npz") as read:
        assert set(read["dataset"]) == {"a"}


def test_wrong_use(features, tmp_path):
    out = tmp_path / "out"
    assert (
        "'xls' is not one of" in call("export", features, "--to=xls", "--out", out, code=2).stderr
    )
    assert "there is no file" in call("export", "no.h5", "--to=npz", "--out", out, code=2).stderr
    assert "no faces" in call("export", features, "--to=htnet", "--out", out, code=2).stderr
    assert not out.exists()
    out.mkdir()
    (out / ".mine").write_text("")
    error = call("export", features, "--to=npz", "--out", out, code=2).stderr
    assert "is not empty: it holds .mine" in error
    (tmp_path / "file").write_text("")
    call("export", features, "--to=npz", "--out", tmp_path / "file" / "x", code=6)


def test_features_that_are_cut_off(features, tmp_path):
    features.write_bytes(features.read_bytes()[:-500])
    call("export", features, "--to", "npz", "--out", tmp_path / "out", code=5)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("target", ["npz", "csv", "png", "ststnet"])
@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC])
def test_a_destination_that_cannot_be_written(features, tmp_path, monkeypatch, target, number):
    """Wherever a write fails: one line, exit 6, and nothing that looks like an export."""
    out, real = tmp_path / "out", disk.call
    state = {"count": 0, "failing": 1}

    def failing_call(operation, *args, **kwargs):
        name = getattr(operation, "__name__", "")
        if operation in {os.open, os.write} or name in {"mkdir", "rename"}:
            state["count"] += 1
            if state["count"] == state["failing"]:
                raise OSError(number, os.strerror(number))
        return real(operation, *args, **kwargs)

    monkeypatch.setattr(disk, "call", failing_call)
    arguments = ["export", str(features), "--to", target, "--out", str(out), "--json"]
    while True:
        state["count"] = 0
        result = CliRunner().invoke(main, arguments)
        if state["count"] < state["failing"]:
            break
        assert result.exit_code == 6, result.output
        assert "error" in json.loads(result.stdout)
        assert not out.exists()
        state["failing"] = state["failing"] + 1 if state["failing"] < 4 else state["failing"] * 2
    assert result.exit_code == 0
    assert state["failing"] > 4


@pytest.mark.parametrize("failing", [1, 2])
def test_a_last_step_that_fails_takes_all_back(features, tmp_path, monkeypatch, failing):
    out, real, seen = tmp_path / "out", disk.call, []

    def failing_call(operation, *args, **kwargs):
        if getattr(operation, "__name__", "") == "rename":
            seen.append(args)
            if len(seen) == failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(operation, *args, **kwargs)

    monkeypatch.setattr(disk, "call", failing_call)
    call("export", features, "--to", "ststnet", "--out", out, code=6)
    assert len(seen) == failing
    assert not out.exists()


def test_what_was_killed_looks_unfinished(mepipe, features, tmp_path):
    code = (
        "import os, signal\n"
        "from mepipe.io import ststnet\n"
        "ststnet.write_index = lambda *args: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from mepipe.cli import main\n"
        "main()\n"
    )
    arguments = ("export", features, "--to", "ststnet", "--out", tmp_path / "out")
    assert mepipe(*arguments, code=code).returncode == -9
    (left,) = (tmp_path / "out").iterdir()
    assert left.name.startswith(".unfinished")
    again = mepipe(*arguments)
    assert again.returncode == 2
    assert "it holds the unfinished .unfinished" in again.stderr


def test_an_interrupted_export_leaves_nothing(features, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("mepipe.io.ststnet.write_index", interrupt)
    out = tmp_path / "out"
    out.mkdir()
    call("export", features, "--to", "ststnet", "--out", out, code=130)
    assert list(out.iterdir()) == []
