import json

import numpy as np
import pytest
from click.testing import CliRunner

from mepipe.cli import main

QUICK = ("--set=train.epochs=1", "--set=model.kernels=[2,3]", "--set=model.width=4", "--jobs=1")


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        result = CliRunner().invoke(main, [str(one) for one in arguments])
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def features(write_features, tmp_path):
    return write_features(tmp_path / "features.h5")


def test_evaluate_prints_figures_and_writes_them(call, features, tmp_path):
    shown = call("evaluate", features, "--model", "svm", "--seeds", 2).stdout
    for words in (
        "UF1 [95 %]", "(largest class)", "leave one subject out (6 subjects)", "2 seed",
        "(chance, 95 %)", "with shuffled labels", "of 6 subjects it would be far too narrow",
    ):  # fmt: skip
        assert words in shown
    assert "interval over resampled subjects" not in shown
    out = tmp_path / "mepipe-eval" / "svm-loso"
    content = json.loads((out / "results.json").read_text())
    assert len(content["per_seed"]) == 2
    assert {"predictions.csv", "confusion.png"} < {path.name for path in out.iterdir()}
    again = json.loads(call("evaluate", features, "--model", "svm", "--seeds", 2, "--json").stdout)
    assert (again["computed"], again["reused"]) == (0, 12)
    assert again["schema"] == 1
    assert again["uf1"] == content["uf1"]


def test_every_option_of_the_issue_goes_together(call, features, tmp_path):
    (tmp_path / "mepipe.toml").write_text('[train.choices]\n"model.max_depth" = [1, 3]\n')
    shown = call(
        "evaluate", features, "--model", "sklearn.tree:DecisionTreeClassifier", "--tune",
        "--protocol", "kfold", "--k", 2, "--seeds", 1, "--select", "dataset=a,b",
        "--device", "cpu", "--config", "mepipe.toml", "--jobs", 1,
    ).stdout  # fmt: skip
    assert "chosen in" in shown
    out = tmp_path / "mepipe-eval" / "sklearn_tree_DecisionTreeClassifier-kfold-tuned"
    assert (out / "results.json").exists()


def test_what_evaluate_writes_compare_reads(call, features, tmp_path):
    for model in ("svm", "tree"):
        call("evaluate", features, "--model", model, "--seeds", 1)
    told = json.loads(
        call("compare", "mepipe-eval/svm-loso", "mepipe-eval/tree-loso", "--json").stdout
    )
    figures = [one["uf1"] for one in told["models"]]
    assert all(one["chance"]["uf1"]["p95"] > 0.3 for one in told["models"])
    kept = [
        json.loads((tmp_path / "mepipe-eval" / f"{model}-loso" / "results.json").read_text())
        for model in ("svm", "tree")
    ]
    assert figures == [one["uf1"] for one in kept]


def test_train_says_what_it_wrote_and_takes_figures(call, features, tmp_path):
    call("evaluate", features, *QUICK, "--seeds", 1)
    done = call("train", features, *QUICK[:-1], "--results", "mepipe-eval/spp-loso")
    assert "epochs of network 1 of 2: " in done.stderr
    shown = done.stdout
    assert "trained spp on 18 clips of 6 subjects (negative 6, positive 6, surprise 6)" in shown
    assert "no results" not in shown
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["figures"]["protocol"] == "loso"
    assert (tmp_path / "model.safetensors").exists()
    assert "no results" in call("train", features, *QUICK[:-1], "--out", "b.safetensors").stdout


@pytest.mark.slow
def test_ablate_prints_rows_and_writes_a_picture(call, features, tmp_path):
    # Ten folds need ten people; the small sample has six.
    assert "6 folds of persons" in call("ablate", features, *QUICK, "--json").stdout
    shown = call("ablate", features, *QUICK, "--full", "--seeds", 1, "--json").stdout
    content = json.loads(shown)
    assert content["rows"][0]["study"] == "baseline"
    assert content["chance"]["uf1"].keys() == {"median", "p95"}
    assert content["rows"][1]["p"] is None  # six subjects are too few for a test
    assert content["ci_note"] in (tmp_path / "mepipe-ablation" / "ablation.md").read_text()
    assert {"ablation.md", "ablation.png", "ablation.json"} < {
        path.name for path in (tmp_path / "mepipe-ablation").iterdir()
    }
    assert "varies only the SPP network" in call("ablate", features, "--model=svm", code=2).stderr


def test_ablate_varies_only_what_is_asked_for(call, features):
    asked = ("ablate", features, *QUICK, "--only", "kernels", "--only", "modes", "--k", 3, "--json")
    content = json.loads(call(*asked).stdout)
    assert {row["study"] for row in content["rows"]} == {"baseline", "kernels", "mode"}
    assert content["protocol"].startswith("3 folds of persons")
    for wrong, words in (
        (("--k", 7), "there are only 6 persons"),
        (("--full", "--k", 3), "--full leaves one subject out"),
        (("--only", "kernel"), "kernels"),
    ):
        assert words in call("ablate", features, *wrong, code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "sppp"), "Did you mean 'spp'"),
        (("--model", "no_such_package:net"), "no module no_such_package"),
        (("--model", "sklearn.svm:LinearSVX"), "Did you mean 'LinearSV"),
        (("--model", "svm", "--set", "model.options={D=1}"), "takes no option 'D'"),
        (("--select", "dataset=c"), "There are a, b"),
        (("--model", "sklearn.svm:SVC", "--tune"), "train.choices"),
        (("--tune", "--set", "train.choices={learning_rat=[1]}"), "learning_rat is not a training"),
        (("--tune", "--set", 'train.choices={"model.C"=[1]}'), "spp takes no C"),
        (("--tune", "--set", "train.choices={epochs=['x']}"), "epochs = 'x'"),
        (("--tune", "--set", "train.choices={epochs=[]}"), "no value for epochs"),
        (("--model", "ststnet", "--set", 'model.options={name="svm"}'), "name is not an option"),
        (("--protocol", "kfold", "--k", "30"), "Give 2 to 6 folds"),
        (("--set", "model.kernels=[9]"), "does not fit"),
        (("--device", "mps", *QUICK), "the device mps is not there"),
    ],
)
def test_wrong_options_name_the_way_out(call, features, arguments, words):
    error = call("evaluate", features, *arguments, code=2).stderr
    assert words in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_model_in_the_current_folder_is_found_by_every_worker(mepipe, features, tmp_path):
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n"
        "def make(channels, size, classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))\n"
    )
    options = ("--seeds", "1", "--jobs", "2", "--set", "train.epochs=1", "--json")
    done = mepipe("evaluate", features, "--model", "my_nets:make", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["computed"] == 6


def test_a_file_of_another_kind_is_refused(call, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(3))
    for command in ("evaluate", "train", "ablate"):
        assert "not a features file" in call(command, tmp_path / "x.npy", code=2).stderr
        assert "there is no file" in call(command, tmp_path / "none.h5", code=2).stderr
        told = call(command, tmp_path, code=2).stderr
        assert f"{tmp_path} is a folder. Give the file: {tmp_path / 'features.h5'}" in told


def test_nan_in_features_names_the_clip(call, write_features, tmp_path):
    def spoil(x, rows):
        x[0, 0, 0, 0] = np.nan

    path = write_features(tmp_path / "nan.h5", change=spoil)
    error = call("evaluate", path, "--model", "svm", "--jobs", 1, code=3).stderr
    assert "features of a/p0/c0 hold NaN" in error


def test_a_trained_model_is_measured_without_training(call, write_features, pretrained, tmp_path):
    features = write_features(tmp_path / "f.h5", size=28)
    shown = call("evaluate", features, "--model", "pretrained").stdout
    for words in (
        "pretrained, nothing is trained on these clips (6 subjects), computed from the counts",
        "pretrained: trained on made movements only, on no real clip",
        "nothing was trained",
    ):
        assert words in shown
    out = tmp_path / "mepipe-eval" / "pretrained"
    told = json.loads(call("evaluate", features, "--model", pretrained, "--json").stdout)
    assert told["uf1"] == json.loads((out / "results.json").read_text())["uf1"]
    assert told["out"] == str(tmp_path.joinpath("mepipe-eval", "spp").relative_to(tmp_path))
    assert (
        "have no meaning"
        in call("evaluate", features, "--model", "pretrained", "--seeds", 2, code=2).stderr
    )


def test_training_starts_from_the_weights_that_from_names(
    call, write_features, pretrained, tmp_path
):
    features = write_features(tmp_path / "f.h5", size=28)
    options = ("--set=train.epochs=1", "--from", "pretrained")
    shown = call("train", features, *options, "--out", "m.safetensors").stdout
    assert "started from the weights of pretrained" in shown
    assert json.loads((tmp_path / "m.json").read_text())["from"]["kind"] == "synthetic"
    told = call(
        "evaluate",
        features,
        *options,
        "--seeds",
        1,
        "--protocol",
        "kfold",
        "--k",
        2,
        "--jobs",
        1,
    ).stdout
    assert "every training started from the weights of pretrained" in told
    # Not the folder of the same evaluation from random weights.
    assert (tmp_path / "mepipe-eval" / "spp-kfold-from-pretrained" / "results.json").exists()
    wide = ("--set=model.width=16", "--from", "pretrained")
    assert "model.width was 8" in call("train", features, *wide, code=2).stderr


@pytest.fixture
def with_units(write_features, tmp_path):
    def change(x, rows):
        for row in rows:
            row["au_units"] = ("4", "12", "")[row["y"]]

    return write_features(tmp_path / "units.h5", people=10, change=change)


def test_units_are_evaluated_and_never_taken_for_classes(call, with_units, tmp_path):
    options = ("--model", "svm", "--seeds", 1, "--protocol", "cross-dataset", "--jobs", 1)
    shown = call("evaluate", with_units, *options, "--units").stdout
    for words in ("mean", "AU4", "AU12", "TP", "leave one dataset out (20 clips, 10 subjects)"):
        assert words in shown
    assert "10 clip(s) without action units in the sheet" in shown
    assert "with 10 subjects a 95 % interval is too narrow" in shown
    out = tmp_path / "mepipe-eval" / "svm-cross-dataset-units"
    assert not (out / "confusion.png").exists()
    assert {"results.json", "predictions.csv"} <= {path.name for path in out.iterdir()}
    told = json.loads(call("evaluate", with_units, *options, "--units", "12", "--json").stdout)
    assert (told["schema"], told["kind"], told["units"]) == (1, "action-units", [12])
    # In a group of options, the value belongs to --units.
    assert (
        "names no action units"
        in call("evaluate", *options, with_units, "--units=x", code=2).output
    )
    call("evaluate", with_units, "--model", "tree", *options[2:])
    refused = call("compare", out, out.with_name("tree-cross-dataset"), code=2).output
    assert "results of action units" in refused
    refused = call("train", with_units, *QUICK[:-1], "--results", out, code=2).output
    assert "results of action units" in refused
