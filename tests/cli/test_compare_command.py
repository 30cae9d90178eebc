import json

import numpy as np
import pytest
from click.testing import CliRunner
from test_cli import loaded

import mepipe as package
from mepipe.cli import main


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def folders(predict, keep, tmp_path):
    return [
        keep(tmp_path / "svm", predict(0.4)),
        keep(tmp_path / "spp", predict(0.97, seed=1)),
        keep(tmp_path / "other", predict(0.4, seeds=(7,), seed=2)),
    ]


def test_the_table_on_the_screen(folders):
    svm, spp, other = folders
    answer = invoke("compare", svm, f"[bold]SPP={spp}", other, "--resamples", 999)
    assert answer.exit_code == 0, answer.output
    for words in ("[bold]SPP - svm", "other - svm", "better", "per class", "8 subjects", "Holm"):
        assert words in answer.output
    assert answer.output.count("│ McNemar │") == 2


def test_json_and_files_say_the_same(folders, tmp_path):
    out = tmp_path / "new" / "out"
    options = ("--all-pairs", "--json", "--resamples", 199)
    answer = invoke("compare", *folders, "--out", out, *options)
    assert answer.exit_code == 0, answer.output
    content = json.loads(answer.stdout)
    assert content == json.loads((out / "comparison.json").read_text())
    assert content["schema"] == 1
    assert [(p["model"], p["reference"]) for p in content["pairs"]] == [
        ("spp", "svm"), ("other", "svm"), ("other", "spp"),
    ]  # fmt: skip
    assert content["pairs"][0]["uf1"]["verdict"] == "better"
    assert content["pairs"][2]["uf1"]["verdict"] == "worse"
    assert "| spp - svm | UF1 | +" in (out / "comparison.md").read_text()
    assert (out / "comparison.tex").read_text().count(r"\\") == 3
    assert invoke("compare", *folders, *options).stdout == answer.stdout


def test_other_clips(folders, predict, keep, tmp_path):
    small = keep(tmp_path / "small", predict(subjects=6))
    answer = invoke("compare", folders[0], small)
    assert answer.exit_code == 2
    assert "36 in common, 12 only in" in answer.output
    answer = invoke("compare", folders[0], small, "--common", "--json", "--resamples", 99)
    content = json.loads(answer.stdout)
    assert (content["clips"], content["left_out"]) == (36, {"svm": 12, "small": 0})
    answer = invoke("compare", folders[0], small, "--common", "--resamples", 99)
    assert "12 clip(s) of svm that others lack were left out" in answer.output


def test_common_clips_are_offered_only_where_there_are_some(folders, predict, keep, tmp_path):
    small = keep(tmp_path / "small", predict(subjects=6))
    assert "--common" in invoke("compare", folders[0], small).output
    table = small / "predictions.csv"
    table.write_text(table.read_text().replace("a/", "x/").replace("b/", "y/"))
    answer = invoke("compare", folders[0], small)
    assert "0 in common" in answer.output
    assert "--common" not in answer.output


def test_wrong_arguments(folders, tmp_path):
    svm, spp, _ = folders
    for arguments, words in (
        ([svm], "one folder cannot be compared"),
        ([svm, svm], "two folders have the name svm"),
        ([svm, f"={spp}"], "is not a valid name"),
        ([svm, tmp_path / "none"], "there is no"),
        ([svm, spp, "--resamples", "3"], "39"),
    ):
        answer = invoke("compare", *arguments)
        assert answer.exit_code == 2, answer.output
        assert words in answer.output
    (tmp_path / "file").write_text("")
    assert invoke("compare", svm, spp, "--out", tmp_path / "file").exit_code == 6


def test_a_folder_with_an_equals_sign_and_one_twice(folders, tmp_path):
    folders[1].rename(tmp_path / "lr=0.1")
    answer = invoke("compare", folders[0], tmp_path / "lr=0.1", f"again={folders[0]}", "--json")
    content = json.loads(answer.stdout)
    assert [model["name"] for model in content["models"]] == ["svm", "lr=0.1", "again"]
    assert content["pairs"][1]["uf1"]["p"] == 1


def test_a_comparison_is_light(mepipe, folders):
    code = loaded("torch", "dlib", "cv2", "pandas", "matplotlib", "numba", "sklearn")
    answer = mepipe("compare", *folders, "--resamples", 99, code=code)
    assert answer.returncode == 0, answer.stderr
    assert "LOADED []" in answer.stdout


@pytest.fixture
def npz(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3)).astype(np.uint8)
    x[:, 0, 0], x[:, 5, 5] = 0, 255
    columns = {"subject": list("1122"), "dataset": ["lab"] * 4, "clip": list("abab")}
    np.savez(tmp_path / "p.npz", x=x, y=np.array([0, 1, 2, 0]), **columns)
    return tmp_path / "p.npz"


def test_published_features_are_imported(npz, tmp_path):
    out = tmp_path / "f.h5"
    answer = invoke("import-features", npz, "--out", out, "--classes", "a, b, c")
    assert answer.exit_code == 0, answer.output
    for words in ("lab 4", "a 2, b 1, c 1", "6x6, scale minmax (recognised in the data)", str(out)):
        assert words in answer.output
    assert package.load(out).classes == ("a", "b", "c")
    content = json.loads(invoke("import-features", npz, "--out", out, "--json").stdout)
    assert (content["clips"], content["subjects"], content["scale"]) == (4, 2, "minmax")


def test_imports_that_fail(npz, tmp_path):
    out = tmp_path / "f.h5"
    assert invoke("import-features", tmp_path / "none.npz", "--out", out).exit_code == 2
    assert invoke("import-features", npz, "--out", npz).exit_code == 2
    assert invoke("import-features", npz, "--out", out, "--scale", "z").exit_code == 2
    answer = invoke("import-features", npz, "--out", out, "--classes", "a,b", "--json")
    assert answer.exit_code == 3
    assert "y[2] (lab/2/a) is 2" in json.loads(answer.stdout)["error"]["message"]
    (tmp_path / "file").write_text("")
    assert invoke("import-features", npz, "--out", tmp_path / "file" / "f.h5").exit_code == 6
    assert not out.exists()
