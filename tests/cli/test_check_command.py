import json
import shutil

import pytest
from click.testing import CliRunner
from test_cli import loaded

from mepipe.cli import main

KEYS = {
    "schema", "dataset", "clips", "usable", "subjects", "labels", "fps", "problems", "faces",
    "recordings", "worth_a_look",
}  # fmt: skip


@pytest.fixture
def sample(cli_sample, tmp_path):
    return shutil.copytree(cli_sample, tmp_path / "sample")


@pytest.fixture
def check(tmp_path):
    def call(*arguments):
        command = ["check", *map(str, arguments), "--cache", str(tmp_path / "cache")]
        return CliRunner().invoke(main, command)

    return call


def test_a_sound_dataset_in_words_and_json(check, sample):
    answer = check(sample)
    assert answer.exit_code == 0, answer.output
    for part in (
        "9, 9 readable; faces not looked for (--frames looks for them)",
        "subjects  3",
        "fps       200",
        "0 frame(s)",
        "synthetic",
    ):
        assert part in answer.output
    report = json.loads(check(sample, "--json").stdout)
    assert set(report) == KEYS
    assert (report["schema"], report["dataset"]) == (1, "sample")
    assert (report["clips"], report["usable"], report["subjects"]) == (9, 9, 3)
    assert sum(report["labels"].values()) == 9
    assert report["fps"] == 200
    assert {frozenset(p) for p in report["problems"]} == {
        frozenset({"clip", "problem", "handling"})
    }


def test_clips_without_a_word_are_unlabelled_not_outside(check, sample):
    (sample / "labels.csv").write_text("subject,clip,emotion\ns01,c01,others\ns01,c02,fear\n")
    assert "; outside: 1; unlabelled: 7\n" in check(sample).output
    (sample / "labels.csv").unlink()
    answer = check(sample).output
    assert "classes   " in answer
    assert "outside" not in answer
    assert "unlabelled: 9\n" in answer


def test_the_exit_code_says_how_much_is_usable(check, sample):
    for path in (sample / "s01" / "c01").iterdir():
        path.write_bytes(b"")
    answer = check(sample, "--json")
    assert answer.exit_code == 3
    report = json.loads(answer.stdout)
    assert report["usable"] == 8
    (problem,) = [p for p in report["problems"] if p["clip"]]
    assert problem["clip"] == "sample/s01/c01"
    for path in sample.rglob("*.jpg"):
        path.write_bytes(b"")
    assert check(sample).exit_code == 4


def test_what_is_not_recognised(check, sample, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        ([tmp_path / "empty"], "no dataset was recognised"),
        ([sample, "--as", "casme2"], "CASME II"),
        ([sample, "--as", "casm2"], "did you mean 'casme2'?"),
        ([sample, "--select", "megc"], "did you mean 'megc2019'?"),
        ([sample, "--corrections", tmp_path / "none.csv"], "none.csv"),
        ([sample, "--set", "data.repiar=drop"], "Did you mean data.repair?"),
    ):
        answer = check(*arguments)
        assert answer.exit_code == 2, answer.output
        assert words in answer.output


def test_a_reader_can_be_named(check, sample):
    answer = check(sample, "--as", "folder")
    assert answer.exit_code == 0
    assert "read as folder" in answer.output
    assert "Only for checks" in " ".join(check("--help").output.split())


def test_corrections_are_written_once_and_used(check, sample, tmp_path):
    for path in (sample / "s01" / "c01").iterdir():
        path.write_bytes(b"")
    file = tmp_path / "corrections.csv"
    assert check(sample, "--write-corrections", file).exit_code == 3
    header, row = file.read_text().splitlines()
    assert header == "clip,onset,apex,offset,emotion,movement,face_box,exclude,why,who,when"
    assert row.startswith("sample/s01/c01,,,,,,,")
    again = check(sample, "--write-corrections", file)
    assert again.exit_code == 2
    assert "exists already" in again.output
    file.write_text(f"{header}\nsample/s01/c01,,,,,,,yes,lost\n")
    answer = check(sample, "--corrections", file)
    assert answer.exit_code == 0
    assert "8, 8 readable" in answer.output
    assert "leaves it out (lost)" in answer.output


def test_corrections_that_cannot_be_written(mepipe, cli_sample, tmp_path):
    (tmp_path / "file").write_text("")
    answer = mepipe("check", cli_sample, "--write-corrections", "file/corrections.csv")
    # Told before the work, as a wrong argument.
    assert answer.returncode == 2
    assert "there is no folder file" in answer.stderr
    assert answer.stdout == ""


def test_a_check_is_light(mepipe, cli_sample):
    code = loaded("torch", "dlib", "cv2", "pandas", "matplotlib", "h5py", "joblib")
    answer = mepipe("check", cli_sample, code=code)
    assert answer.returncode == 0, answer.stderr
    assert "LOADED []" in answer.stdout


def test_run_takes_the_same_corrections_and_selection(mepipe, cli_sample, tmp_path):
    (tmp_path / "c.csv").write_text("clip,exclude\nsample/s01/c01,yes\n")
    answer = mepipe("run", cli_sample, "--corrections", "c.csv", "--dry-run", "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["clips"] == 8
    answer = mepipe("run", cli_sample, "--select", "megc2019")
    assert answer.returncode == 2
    assert "no clip of sample belongs to megc2019" in answer.stderr
