"""The examples in the docstrings run, each in a folder that has what its reader has made."""

import doctest
import importlib
import re
import shutil
import warnings
from pathlib import Path

import pytest

import mepipe

PACKAGE = Path(mepipe.__file__).parent

SOURCES = sorted(
    path for path in PACKAGE.rglob("*.py") if ">>>" in path.read_text(encoding="utf-8")
)


def dotted(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


def test_there_are_examples_in_every_room_for_notebooks():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in SOURCES}
    assert {"face", "flow", "spotting", "datasets", "viz", "evaluation", "run.py"} <= rooms


def cost(path):
    """Examples that run a pipeline or train take seconds."""
    long = re.search(r'>>> .*(["=]sample["/]|\btrain\(|\bevaluate\()', path.read_text("utf-8"))
    return pytest.param(dotted(path), marks=[pytest.mark.slow] if long else [])


@pytest.mark.parametrize("name", [cost(path) for path in SOURCES])
def test_the_examples_of_a_module_run(name, made_sample, tmp_path, monkeypatch):
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "cache"))
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    examples = [one for one in found if one.examples]
    assert examples
    for number, one in enumerate(examples):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        if re.search(r'["=]sample["/]', one.docstring):
            shutil.copytree(made_sample(1, 3), folder / "sample")
        said = []
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            failed, _ = doctest.DocTestRunner().run(one, out=said.append)
        assert not failed, "".join(said)
