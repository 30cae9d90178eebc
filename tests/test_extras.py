"""What mepipe can do without: named with the line that installs it, before any work."""

import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import mepipe
from mepipe.errors import UsageError
from mepipe.extras import BASE, CPU_INDEX, EXTRAS, install_line, missing, require, require_library

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements):
    return {re.match(r"[\w-]+", one)[0] for one in requirements}


@pytest.fixture
def without(monkeypatch):
    """Take the libraries of an extra away: not installed, as far as Python can tell."""

    def take(extra):
        for module in EXTRAS[extra].libraries:
            monkeypatch.setitem(sys.modules, module, None)

    return take


@pytest.fixture
def features(write_features, tmp_path):
    return write_features(tmp_path / "features.h5")


def invoke(*arguments):
    from mepipe.cli import main

    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_the_project_file_and_the_code_name_the_same_libraries():
    assert names(PROJECT["dependencies"]) == set(BASE.values())
    extras = dict(PROJECT["optional-dependencies"])
    dev, (everything,) = extras.pop("dev"), extras.pop("all")
    for name, requirements in extras.items():
        assert names(requirements) <= set(EXTRAS[name].libraries.values()), name
    assert "torch" not in names(PROJECT["dependencies"])
    # Developers have all of it.
    assert set(re.findall(r"\w+", everything)) - {"mepipe"} == set(extras) == set(EXTRAS)
    assert "mepipe[all]" in dev


def test_every_module_that_is_named_exists():
    assert missing(BASE) == []
    for extra in EXTRAS.values():
        assert missing(extra.libraries) == []


def test_the_line_for_torch_fits_the_machine(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert install_line("train") == f"pip install 'mepipe[train]' --extra-index-url {CPU_INDEX}"
    assert install_line("dask") == "pip install 'mepipe[dask]'"
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    assert install_line("train") == "pip install 'mepipe[train]'"
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert install_line("train") == "pip install 'mepipe[train]'"


def test_what_is_missing_is_named_and_what_is_there_is_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(UsageError) as caught:
        require("train", "training", otherwise="Or rest.")
    assert caught.value.message == "training needs scikit-learn, which is not installed"
    assert caught.value.remedy.endswith(". Or rest")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="torch and scikit-learn, which are not installed"):
        require("train", "training")
    with pytest.raises(
        UsageError, match=r"kfold needs scikit-learn, which is not .* scikit-learn$"
    ):
        require_library("sklearn", "kfold")


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "features.h5"),
        ("evaluate", "features.h5", "--units"),
        ("evaluate", "features.h5", "--model", "pretrained"),
        ("train", "features.h5"),
        ("train", "--synthetic"),
        ("ablate", "features.h5"),
        ("predict", "clip.mp4"),
        ("bench", "device", "--small"),
        ("bench", "features"),
        ("bench", "features", "--maps"),
        ("bench", "feed"),
        ("bench", "predict"),
    ],
    ids=" ".join,
)
def test_a_command_that_needs_torch_says_so_and_does_nothing(
    command, without, features, tmp_path, monkeypatch
):
    without("train")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    before = sorted(tmp_path.rglob("*"))
    answer = invoke(*command)
    assert answer.exit_code == 2, answer.output
    assert "not installed" in answer.output
    assert "pip install 'mepipe[train]'" in answer.output
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_would_train_is_refused_before_work_and_one_to_the_features_is_not(
    without, toy_run, toy_data, tmp_path
):
    without("train")
    data = toy_data(6)
    with pytest.raises(UsageError) as caught:
        toy_run(data, until="classify")
    assert "pip install 'mepipe[train]'" in caught.value.remedy
    assert "--until pack" in caught.value.remedy
    assert not (tmp_path / "out").exists()
    result = toy_run(data, until="pack").execute()
    assert result.usable == 6


def test_a_run_without_labels_needs_no_torch(without, toy_run, toy_data):
    without("train")
    data = toy_data(3)
    (data / "labels.csv").write_text("subject,clip,onset,apex,offset,fps\ns00,c0000,2,4,7,200\n")
    assert toy_run(data, until="classify").execute().usable == 1


@pytest.mark.parametrize(
    ("extra", "use"),
    [
        ("sample", ("sample", "made")),
        ("dask", ("run", "toy", "--backend", "dask", "--scheduler", "tcp://127.0.0.1:1")),
        ("dask", ("bench", "cluster")),
        ("elan", ("spot", "clip.mp4", "--elan")),
    ],
)
def test_every_other_extra_is_named_too(extra, use, without, toy, toy_data, tmp_path, monkeypatch):
    toy_data(2)
    without(extra)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    answer = invoke(*use, *(("--until", "pack") if use[0] == "run" else ()))
    assert answer.exit_code == 2, answer.output
    assert f"pip install 'mepipe[{extra}]'" in answer.output
    assert not (tmp_path / "made").exists()


def test_features_name_what_they_need_beyond_numpy(without, features, monkeypatch):
    without("train")
    monkeypatch.setitem(sys.modules, "pandas", None)
    found = mepipe.load(features)
    assert len(found.loso()) == 6
    with pytest.raises(UsageError, match="pip install torch"):
        found.torch()
    with pytest.raises(UsageError, match="pip install scikit-learn"):
        found.splits("kfold", k=2)
    with pytest.raises(UsageError, match="pip install pandas"):
        _ = found.table


def test_doctor_lists_what_is_left_out_as_no_problem(without, tmp_path):
    without("train")
    answer = invoke("doctor", "--cache", tmp_path)
    assert answer.exit_code == 0, answer.output
    assert "train: no torch, no safetensors, no scikit-learn. To train, evaluate" in answer.output
    assert "pip install 'mepipe[train]'" in answer.output


def fresh(program, *, path):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{path}:{ROOT}", "PATH": ""},
    )


def test_a_library_that_is_installed_and_broken_shows_its_own_error(tmp_path):
    for module in ("skimage", "pympi", "distributed"):
        (tmp_path / f"{module}.py").write_text("raise ImportError('the wheel is cut short')\n")
    for use in (
        "from mepipe.sample.photos import astronaut; astronaut()",
        "from mepipe.recordings.elan import events_eaf; events_eaf(None)",
        "from mepipe.execution.cluster import cluster\n"
        "cluster('tcp://127.0.0.1:1', None, [], []).__enter__()",
    ):
        answer = fresh(use, path=tmp_path)
        assert "ImportError: the wheel is cut short" in answer.stderr, answer.stderr
        assert "not installed" not in answer.stderr


def test_nothing_of_the_base_imports_an_extra_at_the_top(tmp_path):
    # The networks are torch; they, and the dataset of a DataLoader, are imported where torch is.
    program = f"""
        import sys
        for name in {sorted(m for e in EXTRAS.values() for m in e.libraries)}:
            sys.modules[name] = None
        import pkgutil, importlib, mepipe
        needing = []
        for found in pkgutil.walk_packages(mepipe.__path__, "mepipe."):
            if found.name.endswith("__main__"):
                continue
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError:
                needing.append(found.name)
        print(*needing)
    """
    answer = fresh(program, path=tmp_path)
    assert answer.returncode == 0, answer.stderr
    networks = ("off_apexnet", "pooling", "spp", "stacked", "ststnet")
    assert set(answer.stdout.split()) == {
        "mepipe.features.torch_dataset", *(f"mepipe.networks.{name}" for name in networks)
    }  # fmt: skip


def test_the_command_says_what_a_bare_install_lacks(tmp_path):
    program = """
        import sys
        for name in ("click", "pydantic"):
            sys.modules[name] = None
        from mepipe.__main__ import main
        main()
    """
    answer = fresh(program, path=tmp_path)
    assert answer.returncode == 2
    assert "click, pydantic: not installed" in answer.stderr
    assert "mepipe.load" in answer.stderr
