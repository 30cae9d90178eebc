"""The door of the package: what it offers, what it costs, and what its functions return."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mepipe

HEAVY = ("numpy", "cv2", "torch", "numba", "dlib", "h5py", "pandas", "pydantic", "matplotlib")
NAMES = [name for name in mepipe.__all__ if name != "__version__"]


def fresh(code):
    """Run a line in a new interpreter, with warnings as errors; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_mepipe_imports_nothing_heavy_and_none_of_its_rooms():
    code = (
        "import sys, mepipe; "
        f"print(*[n for n in {HEAVY} if n in sys.modules], "
        "*[n for n in sys.modules if n.startswith('mepipe.')])"
    )
    assert fresh(code) == ""


def test_tab_completion_shows_the_door_and_nothing_else():
    code = "import mepipe, mepipe.flow, mepipe.cache.store; mepipe.load; print(*dir(mepipe))"
    assert fresh(code).split() == sorted(mepipe.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_has_a_docstring(name):
    found = getattr(mepipe, name)
    assert inspect.getdoc(found)
    if inspect.isfunction(found):
        for section in ("Parameters", "Raises", ">>>"):
            assert section in inspect.getdoc(found), f"{name} has no {section}"


def test_the_stub_names_what_the_door_offers():
    stub = Path(mepipe.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    named = set(re.findall(r"^from .* import .* as (\w+)$", stub, re.MULTILINE))
    assert named == set(NAMES)


def test_run_is_the_function_whichever_is_imported_first():
    for code in (
        "import mepipe.run; import mepipe; print(mepipe.run.__name__)",
        "import mepipe; mepipe.run; from mepipe.run import Run; print(mepipe.run.__name__)",
    ):
        assert fresh(code) == "run"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'utils'"):
        mepipe.utils  # noqa: B018


def test_a_run_from_python_says_what_a_command_does(toy, toy_data, tmp_path):
    data = toy_data(3)
    said = []
    how = {
        "out": tmp_path / "study",
        "cache": tmp_path / "store",
        "jobs": 1,
        "settings": ["flow.engine=opencv", "report.enabled=false"],
        "until": "pack",
        "progress": lambda *what: said.append(what),
    }
    result = mepipe.run(data, **how)
    assert (result.clips, result.usable, result.failures) == (3, 3, [])
    assert result.features == tmp_path / "study" / "features.h5"
    assert set(result.paths) == {"features", "failures", "notes", "worth_a_look"}
    assert all(path.is_file() for path in result.paths.values())
    assert result.load().x.shape[0] == 3
    assert said[0] == ("clips", 0, 3)
    assert said[-1] == ("clips", 3, 3)
    # What was read before is taken as it is, and nothing is computed twice.
    again = mepipe.run(mepipe.read_dataset(data), **how)
    assert sum(again.computed.values()) == 0


def test_a_run_without_features_says_so_when_they_are_asked_for(toy, toy_data, tmp_path):
    result = mepipe.run(toy_data(1), out=tmp_path / "o", cache=tmp_path / "c", until="face", jobs=1)
    with pytest.raises(mepipe.errors.NothingUsableError, match="made no features"):
        result.load()


def test_progress_goes_to_the_logger_and_nothing_is_printed(toy, toy_data, tmp_path, caplog, capfd):
    with caplog.at_level("INFO", logger="mepipe"):
        mepipe.run(
            toy_data(2), out=tmp_path / "o", cache=tmp_path / "c", until="pack", jobs=1,
            settings=["flow.engine=opencv"],
        )  # fmt: skip
    assert "clips: 2 of 2" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_a_config_can_be_an_object_a_file_or_changes(toy_data, toy, tmp_path):
    config = mepipe.Config()
    (tmp_path / "mepipe.toml").write_text("[tensor]\nsize = 14\n")
    for given, settings, size in (
        (config, ["tensor.size=14"], 14),
        (tmp_path / "mepipe.toml", [], 14),
        (config, [], 28),
    ):
        from mepipe.config.load import as_config

        assert as_config(given, settings).tensor.size == size
    with pytest.raises(mepipe.errors.UsageError, match="tensor"):
        as_config(config, ["tensor.size=-1"])
    with pytest.raises(mepipe.errors.UsageError, match="tensr"):
        as_config(config, ["tensr.size=1"])


def test_one_clip_from_an_array_has_the_bits_of_a_run(sample, run, tmp_path):
    import cv2

    folder = sample / "s01" / "c01"
    files = sorted(folder.glob("*.jpg"))
    settings = ["flow.size=64", "flow.scales=3", "flow.outer_iterations=2"]
    found = mepipe.extract((cv2.imread(str(file)) for file in files), fps=200, settings=settings)
    assert found.movement
    assert found.onset < found.apex <= found.offset
    assert 0 < found.confidence <= 1
    assert found.flow.shape == (2, 64, 64)
    assert found.strain.shape == (64, 64)
    assert found.faces.shape == (2, 64, 64)
    assert found.landmarks.shape == (68, 2)
    (sample / "labels.csv").write_text("subject,clip,fps\ns01,c01,200\n")
    result = run(sample, settings=settings)
    features = result.load()
    row = list(features.clip).index("sample/s01/c01")
    np.testing.assert_array_equal(found.tensor, features.x[row])


def test_what_extract_cannot_do_is_an_error_with_a_way_out():
    noise = np.random.default_rng(0).integers(0, 255, (6, 120, 160), dtype=np.uint8)
    with pytest.raises(mepipe.errors.BadDataError) as caught:
        mepipe.extract(noise, fps=100)
    assert caught.value.remedy
    with pytest.raises(mepipe.errors.UsageError, match="not a valid rate"):
        mepipe.extract(noise, fps=-1)
    with pytest.raises(mepipe.errors.UsageError, match="no video or folder"):
        mepipe.extract("nowhere")
