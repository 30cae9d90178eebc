"""mepipe works from an installed wheel, in a folder that is not its checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
def small_clips(tmp_path):
    pytest.importorskip("skimage")
    from mepipe.sample import write

    write(tmp_path / "clips", subjects=1, clips=1)
    return tmp_path / "clips"


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
