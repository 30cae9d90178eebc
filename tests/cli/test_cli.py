import json

import pytest
from click.testing import CliRunner
from quick import QUICK

from mepipe import __version__
from mepipe.cli import main

STEPS = {"face", "spot", "flow", "tensor", "pack", "classify"}
RUN_KEYS = {
    "schema", "clips", "usable", "computed", "reused", "failed", "features", "results",
    "seconds", "elapsed_s", "recordings", "movements", "worth_a_look", "out_of_range",
}  # fmt: skip


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def loaded(*modules):
    """Program text: the command line, then which of these modules were imported."""
    return (
        "import sys\n"
        "from mepipe.cli import main\n"
        "try:\n    main()\nfinally:\n"
        f"    print('LOADED', [m for m in {modules!r} if m in sys.modules])"
    )


def test_help_is_light(mepipe):
    answer = mepipe("--help", code=loaded("torch", "numba", "cv2", "h5py", "numpy", "dlib"))
    assert answer.returncode == 0
    assert "LOADED []" in answer.stdout
    assert "mepipe run" in answer.stdout


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "check",
        "report",
        "compare",
        "export",
        "import-features",
        "config",
        "doctor",
        "sample",
    ],
)
def test_every_command_shows_an_example(command):
    answer = invoke(command, "--help")
    assert answer.exit_code == 0
    assert "Example" in answer.output
    assert f"mepipe {command}" in answer.output


def test_version():
    assert __version__ in invoke("--version").output


def test_a_misspelt_command():
    answer = invoke("rnu", "x")
    assert answer.exit_code == 2
    assert "Did you mean 'run'?" in answer.output


@pytest.mark.parametrize("name", ["explain", "status", "verify", "gc", "path"])
def test_a_part_of_the_cache_command_is_found_by_its_own_name(name):
    answer = invoke(name, "s01/c01")
    assert answer.exit_code == 2
    assert f"Did you mean 'cache {name}'?" in answer.output


def test_config_prints_what_is_resolved():
    answer = invoke("config", "--set", "tensor.size=56")
    assert answer.exit_code == 0
    assert "size = 56" in answer.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "tensor.siz=3"], "Did you mean tensor.size?"),
        (["--set", "tensor.size=big"], "tensor.size"),
        (["--config", "none.toml"], "none.toml"),
        (["--until", "flwo"], "flwo"),
        (["--set", "labels.classes=megc4"], "megc4"),
    ],
)
def test_usage_errors_exit_with_2(cli_sample, tmp_path, arguments, message):
    answer = invoke("run", cli_sample, "--cache", tmp_path, "--out", tmp_path, *arguments)
    assert answer.exit_code == 2
    assert message in answer.output


def test_a_folder_that_is_no_dataset_says_what_was_looked_for(tmp_path):
    (tmp_path / "data").mkdir()
    answer = invoke("run", tmp_path / "data", "--cache", tmp_path / "c", "--out", tmp_path / "o")
    assert answer.exit_code == 2
    assert "CASME2_RAW_selected" in answer.output
    assert ".mp4" in answer.output


def test_a_dataset_that_is_not_there(tmp_path):
    answer = invoke("run", tmp_path / "none", "--cache", tmp_path / "c")
    assert answer.exit_code == 2
    assert "none" in answer.output


def test_two_datasets_of_one_name(cli_sample, tmp_path):
    answer = invoke("run", f"a={cli_sample}", f"a={cli_sample}", "--cache", tmp_path / "c")
    assert answer.exit_code == 2


@pytest.mark.slow
def test_a_run_from_clips_to_results_and_a_warm_one(mepipe, cli_sample, tmp_path):
    cold = mepipe("run", cli_sample, "--jobs", 2, "--json", *QUICK)
    assert cold.returncode == 0, cold.stderr
    report = json.loads(cold.stdout)
    assert set(report) == RUN_KEYS
    assert set(report["computed"]) == set(report["reused"]) == set(report["seconds"]) == STEPS
    assert (report["schema"], report["clips"], report["usable"]) == (1, 9, 9)
    assert report["computed"]["classify"] == 3
    assert 0 <= report["results"]["uf1"] <= 1
    out = tmp_path / "mepipe-out"
    assert {path.name for path in out.iterdir()} == {
        "features.h5", "results.json", "predictions.csv", "confusion.png", "failures.csv",
        "notes.csv", "worth-a-look.csv", "manifest.json", "report.html",
    }  # fmt: skip
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.iterdir()}

    warm = mepipe(
        "run",
        cli_sample,
        *QUICK,
        code=loaded("torch", "numba", "dlib", "matplotlib", "cv2", "jinja2"),
    )
    assert warm.returncode == 0, warm.stderr
    assert "Nothing to compute" in warm.stdout
    assert "UF1" in warm.stdout
    assert "largest class" in warm.stdout
    assert "LOADED []" in warm.stdout
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in out.iterdir()} == before
    assert "report      mepipe-out/report.html" in warm.stdout

    anew = mepipe("report", "mepipe-out", "--no-faces")
    assert anew.returncode == 0, anew.stderr
    assert anew.stdout == "report      mepipe-out/report.html\n"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count('<article class="card"') == 9
    assert 'alt="Aligned face' not in page

    (tmp_path / "mepipe-out" / "results.json").unlink()
    again = json.loads(mepipe("run", cli_sample, "--json", *QUICK).stdout)
    assert again["computed"]["classify"] == 0, "finished folds are kept"
    assert again["reused"]["classify"] == 3
    assert again["results"]["per_seed"] == report["results"]["per_seed"]


def test_a_dry_run_computes_nothing(mepipe, cli_sample, tmp_path):
    answer = json.loads(mepipe("run", cli_sample, "--dry-run", "--json").stdout)
    assert set(answer) == RUN_KEYS | {"plan", "waiting", "waiting_s", "corrections"}
    assert (answer["clips"], answer["usable"], answer["features"]) == (9, 0, None)
    plan = answer["plan"]
    assert [row["stage"] for row in plan][:4] == ["face", "spot", "flow", "tensor"]
    assert plan[0]["compute"] == 9
    assert plan[3]["at_most"] == 9
    assert plan[3]["reasons"] == {"waits for face": 9}
    assert not (tmp_path / "mepipe-out").exists()
    assert not list((tmp_path / "cache" / "objects").rglob("*.h5"))
    assert "new" in mepipe("run", cli_sample, "--dry-run").stdout


@pytest.mark.slow
def test_failed_clips_are_said_and_exit_with_3(mepipe, cli_sample, tmp_path):
    import shutil

    data = shutil.copytree(cli_sample, tmp_path / "data")
    for path in (data / "s01" / "c01").iterdir():
        path.write_bytes(b"")
    answer = mepipe("run", data, "--until", "face", "--json")
    assert answer.returncode == 3
    report = json.loads(answer.stdout)
    (failure,) = report["failed"]
    assert set(failure) == {"clip", "stage", "error", "message", "remedy"}
    assert failure["clip"] == "data/s01/c01"
    assert (report["clips"], report["usable"]) == (9, 8)
    (tmp_path / "mepipe-out" / "features.h5").touch()
    text = mepipe("run", data, "--until", "face")
    assert text.returncode == 3
    assert "features.h5 was written by an earlier run, not by this one" in text.stdout
    assert "data/s01/c01 (face)" in text.stdout
    assert "data/s01/c01,face," in (tmp_path / "mepipe-out" / "failures.csv").read_text()


def test_nothing_usable_exits_with_4(mepipe, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "v.mp4").write_bytes(b"no video")
    answer = mepipe("run", tmp_path / "data", "--json")
    assert answer.returncode == 4
    assert json.loads(answer.stdout)["usable"] == 0


def test_a_cache_that_cannot_be_written_exits_with_6(mepipe, cli_sample, tmp_path):
    (tmp_path / "file").write_text("")
    answer = mepipe("run", cli_sample, "--cache", tmp_path / "file" / "cache")
    assert answer.returncode == 6
    assert "file" in answer.stderr
    assert "--cache" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
def test_a_run_that_ends_early_says_in_json_what_was_done(mepipe, cli_sample, tmp_path):
    (tmp_path / "out" / "features.h5").mkdir(parents=True)
    answer = mepipe("run", cli_sample, "--out", tmp_path / "out", "--json", *QUICK)
    assert answer.returncode == 6, answer.stderr
    assert "Traceback" not in answer.stderr
    report = json.loads(answer.stdout)
    assert set(report) == RUN_KEYS | {"error"}
    assert report["usable"] == report["computed"]["tensor"] == 9
    assert "features.h5" in report["error"]["message"]
    assert "move the folder" in report["error"]["remedy"]


def test_a_sample_under_a_file_exits_with_6(mepipe, tmp_path):
    (tmp_path / "file").write_text("")
    answer = mepipe("sample", "file/sample")
    assert answer.returncode == 6
    assert "Traceback" not in answer.stderr
    assert "file/sample" in answer.stderr


def test_broken_videos_make_no_noise_of_their_own(mepipe, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "v.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(300))
    answer = mepipe("run", "data")
    assert answer.returncode == 4
    assert "v.mp4" in answer.stdout
    (line,) = answer.stderr.splitlines()
    assert line.startswith("videos: 1/1 (")


@pytest.mark.slow
def test_doctor_names_a_cache_that_cannot_be(mepipe, tmp_path):
    (tmp_path / "file").write_text("")
    answer = mepipe("doctor", "--cache", "file/cache")
    assert answer.returncode == 2
    assert "file is a file" in answer.stdout


@pytest.mark.slow
def test_labels_of_one_class_end_at_the_features(mepipe, cli_sample, tmp_path):
    answer = mepipe(
        "run", cli_sample, "--set=labels.classes=one.toml", *QUICK,
        env={"MEPIPE_CACHE": str(cli_sample.parent / "cache")},
    )  # fmt: skip
    assert answer.returncode == 2
    (tmp_path / "one.toml").write_text('[words]\nhappiness = "joy"\n')
    answer = mepipe("run", cli_sample, "--set=labels.classes=one.toml", *QUICK)
    assert answer.returncode == 0, answer.stderr
    assert "No classifier results" in answer.stdout
    assert not (tmp_path / "mepipe-out" / "results.json").exists()


def test_a_device_that_is_not_there(mepipe, cli_sample):
    answer = mepipe("run", cli_sample, "--device", "mps", *QUICK)
    assert answer.returncode == 2
    assert "mps" in answer.stderr


@pytest.mark.slow
def test_real_videos_as_they_are(mepipe, shared_data):
    videos = shared_data / "videos"
    cold = mepipe("run", videos, "--until", "tensor", "--json")
    assert cold.returncode == 3, cold.stderr
    report = json.loads(cold.stdout)
    assert report["usable"] == 3
    (failure,) = report["failed"]
    assert failure["clip"] == "videos/no_face"
    assert "no face" in failure["message"]
    warm = mepipe("run", videos, "--until", "tensor", "--json")
    assert warm.returncode == 3
    again = json.loads(warm.stdout)
    assert set(again["computed"].values()) == {0}
    assert again["failed"] == report["failed"]


@pytest.mark.slow
def test_one_video_file_is_a_dataset(mepipe, shared_data):
    answer = mepipe("run", shared_data / "videos" / "single_face.mp4", "--until", "face", "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["clips"] == 1


def test_doctor_finds_no_problem_here(mepipe):
    answer = mepipe("doctor")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for word in ("dlib-bin", "sha256", "licence", "devices", "GB free"):
        assert word in answer.stdout


@pytest.mark.parametrize(
    ("installed", "words"),
    [
        ({"opencv-python", "opencv-contrib-python-headless"}, ["overwrite", "opencv-python"]),
        ({"opencv-python-headless"}, ["no TV-L1", "opencv-contrib-python-headless"]),
        ({"opencv-contrib-python-headless", "dlib", "dlib-bin"}, ["dlib and dlib-bin"]),
    ],
)
def test_doctor_names_conflicts(installed, words):
    from mepipe.cli.doctor import conflicts

    (problem,) = conflicts(installed)
    for word in (*words, "pip"):
        assert word in problem
    assert conflicts({"opencv-contrib-python-headless", "dlib-bin"}) == []


CHECK_KEYS = {
    "schema", "dataset", "clips", "usable", "subjects", "labels", "fps", "problems", "faces",
    "recordings",
    "worth_a_look",
}  # fmt: skip


def test_check_prints_its_keys_whatever_happens(mepipe, cli_sample, tmp_path):
    (tmp_path / "file").write_text("")
    answer = mepipe("check", cli_sample, "--cache", "file/cache", "--json")
    assert answer.returncode == 6
    assert set(json.loads(answer.stdout)) == CHECK_KEYS | {"error"}
    answer = mepipe("check", cli_sample, "--write-corrections", "none/c.csv", "--json")
    assert answer.returncode == 2
    assert "there is no folder none" in answer.stderr
    answer = mepipe("check", cli_sample, "--write-corrections", "c.csv", "--json")
    assert answer.returncode == 0, answer.stderr
    assert set(json.loads(answer.stdout)) == CHECK_KEYS
