"""mepipe works from an installed wheel, in a folder that is not its checkout."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built without network and unpacked into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
            "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(site, program, cwd):
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={
            **{k: v for k, v in os.environ.items() if k != "MEPIPE_CACHE"},
            "PYTHONPATH": str(site),
            "XDG_CACHE_HOME": str(cwd / "user-cache"),
        },
    )


def test_the_wheel_holds_landmarks_types_and_licence(installed):
    assert (installed / "mepipe" / "py.typed").is_file()
    for name in ("template.json", "regions.json", "models.json"):
        assert (installed / "mepipe" / "_landmarks" / name).read_bytes() == (
            ROOT / "landmarks" / name
        ).read_bytes()
    weights = sorted((ROOT / "mepipe" / "weights").iterdir())
    assert weights
    for path in weights:
        packed = installed / "mepipe" / "weights" / path.name
        assert packed.read_bytes() == path.read_bytes()
    assert list(installed.glob("mepipe-*.dist-info/licenses/LICENSE"))
    assert not (installed / "tests").exists()


def test_the_wheel_says_what_it_needs(installed):
    (metadata,) = installed.glob("mepipe-*.dist-info/METADATA")
    told = Parser().parsestr(metadata.read_text(encoding="utf-8"))
    needed = [Requirement(line) for line in told.get_all("Requires-Dist")]
    base = {one.name for one in needed if one.marker is None}
    assert {"numpy", "h5py", "click"} <= base
    assert not {"torch", "safetensors", "scikit-learn", "scikit-image"} & base
    assert {"train", "sample", "dask", "elan", "all", "dev"} <= set(told.get_all("Provides-Extra"))
    assert "Typing :: Typed" in told.get_all("Classifier")
    # A plain index resolves it: no address and no pinned build stands in it.
    assert not [one for one in needed if one.url or "==" in str(one.specifier)]


def test_the_oldest_libraries_are_those_that_the_project_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    more = [*extras["sample"], *(one for one in extras["train"] if one.startswith("scikit"))]
    text = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    oldest = dict(re.findall(r"^([\w-]+)==([\d.]+)$", text, re.MULTILINE))
    bounds = {one.name: one for one in map(Requirement, [*project["dependencies"], *more])}
    assert oldest.keys() == bounds.keys()
    for name, requirement in bounds.items():
        (bound,) = requirement.specifier
        assert bound.operator == ">="
        # Wheels have a number more than the bound, and the first that there is of it counts.
        assert (oldest[name] + ".").startswith(bound.version.removesuffix(".0") + "."), name
    newest = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    for name in bounds:
        assert f"\n{name}==" in newest, name


def test_the_container_copies_what_is_there_and_sends_nothing_else():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    assert copied
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in sent, name
    assert "*" in sent
    # What the wheel is made of is among it.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    made_of = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]}
    assert made_of | {"pyproject.toml", *project["project"]["license-files"]} <= set(copied)
    users = [line for line in lines if line.startswith(("USER ", "ENTRYPOINT "))]
    assert users == ["USER mepipe", 'ENTRYPOINT ["mepipe"]']


@pytest.fixture
def torch_build():
    spec = importlib.util.spec_from_file_location("torch_build", ROOT / "tools" / "torch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("build", "linux", "gpu", "cpu_index", "index"),
    [
        ("auto", True, False, True, True),
        ("auto", True, False, False, False),
        ("auto", True, True, True, False),
        ("auto", False, False, True, False),
        ("any", True, False, True, False),
    ],
)
def test_torch_is_taken_from_where_its_build_fits(torch_build, build, linux, gpu, cpu_index, index):
    options = torch_build.choose(build, linux=linux, gpu=gpu, cpu_index=cpu_index)
    assert options == (["--extra-index-url", torch_build.CPU_INDEX] if index else [])
    from mepipe.extras import CPU_INDEX

    assert torch_build.CPU_INDEX == CPU_INDEX


@pytest.mark.parametrize(
    ("gpu", "others", "code", "installs"),
    [
        (False, ["sympy"], 0, True),
        (False, ["nvidia-cublas", "sympy"], 1, False),
        (True, ["nvidia-cublas"], 0, True),
    ],
)
def test_a_build_for_gpus_is_never_taken_unasked(
    torch_build, monkeypatch, capsys, gpu, others, code, installs
):
    report = json.dumps({"install": [{"metadata": {"name": one}} for one in ["torch", *others]]})
    calls = []

    def pip(command, **how):
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=report)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(torch_build, "has_gpu", lambda: gpu)
    monkeypatch.setattr(torch_build, "answers", lambda index: False)
    monkeypatch.setattr(torch_build.subprocess, "run", pip)
    assert torch_build.main(["--constraints", "c.txt"]) == code
    assert any("--dry-run" not in call for call in calls) == installs
    if code:
        told = capsys.readouterr().err
        assert torch_build.CPU_INDEX in told
        assert "make TORCH=any" in told
        assert torch_build.main(["--constraints", "c.txt", "--build", "any"]) == 0


def test_an_index_that_cannot_be_reached_does_not_answer(torch_build):
    assert not torch_build.answers("http://127.0.0.1:1/whl")
    assert not torch_build.answers("no address")


def test_an_installed_mepipe_finds_its_data_and_the_users_cache(installed, tmp_path):
    answer = run(
        installed,
        "import mepipe, mepipe.assets as a\n"
        "from mepipe.cache.location import cache_root\n"
        "print(mepipe.__file__)\nprint(a.landmarks_dir())\nprint(cache_root())\n"
        "print(len(a.regions()), a.template().points.shape)",
        tmp_path,
    )
    assert answer.returncode == 0, answer.stderr
    where, landmarks, cache, _ = answer.stdout.splitlines()
    assert Path(where).is_relative_to(installed)
    assert Path(landmarks) == installed / "mepipe" / "_landmarks"
    assert Path(cache) == tmp_path / "user-cache" / "mepipe"


@pytest.mark.slow
def test_an_installed_mepipe_runs(installed, tmp_path, small_clips):
    answer = run(
        installed,
        "import sys; from mepipe.cli import main\n"
        f"sys.argv = ['mepipe', 'run', {str(small_clips)!r}, '--until', 'pack', '--jobs', '1', "
        "'--set', 'flow.size=64']; main()",
        tmp_path,
    )
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "mepipe-out" / "features.h5").is_file()


@pytest.fixture
def small_clips(sample):
    shutil.rmtree(sample / "s02")
    shutil.rmtree(sample / "s01" / "c02")
    labels = (sample / "labels.csv").read_text().splitlines()
    (sample / "labels.csv").write_text("\n".join(labels[:2]) + "\n")
    return sample


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_demo_ends_with_what_is_next():
    plan = subprocess.run(
        ["make", "--no-print-directory", "-n", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "open demo/out/report.html" in plan.stdout.splitlines()[-1]
