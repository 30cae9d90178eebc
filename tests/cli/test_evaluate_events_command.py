"""``mepipe evaluate-events``."""

import json

import pytest
from click.testing import CliRunner
from test_cli import loaded

from mepipe.cli import main

HEADER = "recording,onset,offset,fps\n"


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        result = CliRunner().invoke(main, ["evaluate-events", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def files(tmp_path):
    (tmp_path / "truth.csv").write_text(HEADER + "a,10,19,30\na,60,119,30\nb,10,19,30\n")
    (tmp_path / "found.csv").write_text(HEADER + "a,12,21,30\n[x],1,9,30\n")


def test_the_table_and_the_notes(call, files):
    answer = call("truth.csv", "found.csv")
    for words in ("│ all", "│ macro", "│ micro", "0.400", "3 true and 2 predicted events"):
        assert words in answer.stdout
    assert "has recordings that truth.csv has not ([x])" in answer.stderr
    assert "has no row for b" in answer.stderr


def test_json_is_one_object_and_the_files_say_the_same(call, files, tmp_path):
    answer = call("truth.csv", "found.csv", "--json", "--out", "score")
    content = json.loads(answer.stdout)
    assert content["schema"] == 1
    assert content["all"] == {
        "tp": 1, "fp": 1, "fn": 2,
        "precision": 0.5, "recall": pytest.approx(1 / 3), "f1": pytest.approx(0.4),
    }  # fmt: skip
    assert content["macro"]["precision"] is None
    assert content["micro"]["fn"] == 1
    assert content == json.loads((tmp_path / "score/spotting.json").read_text())
    again = call("truth.csv", "found.csv", "--json", "--out", "score")
    assert again.stdout == answer.stdout


def test_every_option(call, tmp_path):
    (tmp_path / "t.csv").write_text("recording,onset,offset,emotion\na,0,9,joy\na,10,19,Happy\n")
    (tmp_path / "p.csv").write_text("recording,onset,offset,emotion\na,0,19,happy\n")
    options = ("--fps", 30, "--json", "--resamples", 10)
    content = json.loads(call("t.csv", "p.csv", *options, "--rule", "strs-script").stdout)
    assert (content["rule"], content["all"]["tp"]) == ("strs-script", 2)
    content = json.loads(call("t.csv", "p.csv", *options, "--classes", "Happy,").stdout)
    assert content["recognition"]["classes"] == ["happiness"]
    assert json.loads(call("t.csv", "p.csv", *options, "--iou", 0.6).stdout)["all"]["tp"] == 0
    assert call("t.csv", "p.csv", "--fps", 30, "--numbers").stdout


def test_wrong_input_is_one_line_and_exit_code_2(call, files, tmp_path):
    (tmp_path / "bad.csv").write_text(HEADER + "a,19,10,30\n")
    (tmp_path / "other.csv").write_text(HEADER + "z,10,19,30\n")
    for arguments, words in (
        (("truth.csv", "bad.csv"), "bad.csv, line 2, column offset"),
        (("truth.csv", "other.csv"), "no recording is in both files"),
        (("truth.csv", "none.csv", "--json"), "there is no file or folder none.csv"),
        (("truth.csv", "found.csv", "--fps", 25), "Leave the rate out"),
    ):
        answer = call(*arguments, code=2)
        assert answer.stdout == ""
        assert words in answer.stderr
        assert answer.stderr.count("\n") == 1
    assert "Invalid value for '--rule'" in call("a", "b", "--rule", "best", code=2).output


def test_its_help_loads_nothing_heavy(mepipe):
    answer = mepipe("evaluate-events", "--help", code=loaded("numpy", "pandas", "scipy", "h5py"))
    assert answer.returncode == 0
    assert "LOADED []" in answer.stdout
