"""Files in the current folder that have the name of a module do no harm."""

import json
import os
import subprocess
import sys

import pytest

STANDARD = ("signal", "random", "types", "json", "statistics", "queue", "copy", "subprocess")
PACKAGES = ("numpy", "torch", "cv2", "sklearn", "joblib", "h5py")


@pytest.fixture
def features(write_features, tmp_path_factory):
    return write_features(tmp_path_factory.mktemp("features") / "features.h5")


@pytest.fixture
def command(tmp_path):
    """As the installed command runs: its own folder is first on the path, not the current one."""

    def call(*arguments):
        program = [sys.executable, "-W", "error", "-P", "-c"]
        return subprocess.run(
            [*program, "from mepipe.cli import main; main()", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "MEPIPE_CACHE": str(tmp_path / "cache")},
        )

    return call


def hide(folder, names):
    for name in names:
        (folder / f"{name}.py").write_text("x = 1\n")


NETS = (
    "from torch import nn\n"
    "def make(channels, size, classes):\n"
    "    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))\n"
)


@pytest.mark.slow
def test_workers_import_nothing_from_the_current_folder(command, features, tmp_path):
    hide(tmp_path, (*STANDARD, *PACKAGES))
    done = command("evaluate", features, "--model", "tree", "--jobs", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["computed"] > 1
    assert "Traceback" not in done.stderr
    assert "resource_tracker" not in done.stderr


@pytest.mark.slow
def test_a_model_of_the_users_own_beside_such_files(command, features, tmp_path):
    hide(tmp_path, (*STANDARD, *PACKAGES))
    (tmp_path / "scipy").mkdir()
    (tmp_path / "my_nets.py").write_text(NETS)
    options = ("--seeds", "1", "--jobs", "2", "--set", "train.epochs=1", "--json")
    done = command("evaluate", features, "--model", "my_nets:make", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["computed"] > 1


@pytest.mark.slow
def test_a_model_of_the_users_own_goes_before_a_package_of_that_name(command, features, tmp_path):
    (tmp_path / "colorama.py").write_text(NETS)
    options = ("--seeds", "1", "--jobs", "2", "--set", "train.epochs=1", "--json")
    done = command("evaluate", features, "--model", "colorama:make", *options)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["types", "numpy"])
def test_a_model_in_a_file_that_is_hidden_is_named(command, features, tmp_path, name):
    (tmp_path / f"{name}.py").write_text(NETS)
    done = command("evaluate", features, "--model", f"{name}:make")
    assert done.returncode == 2
    assert f"{name}.py is hidden by the module {name}" in done.stderr
    assert "Rename" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_run_beside_such_files(command, cli_sample, tmp_path):
    hide(tmp_path, (*STANDARD, *PACKAGES))
    done = command("run", cli_sample, "--until", "face", "--jobs", "2", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
