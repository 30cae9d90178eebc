"""What `mepipe.datasets` offers, and the old places of it that documents named."""

import importlib
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import mepipe.datasets
from mepipe.datasets import registry

ROOT = Path(mepipe.datasets.__file__).parents[2]


@pytest.mark.parametrize("name", mepipe.datasets.__all__)
def test_door_offers_every_name_it_lists(name):
    assert getattr(mepipe.datasets, name).__name__ == name
    assert name in dir(mepipe.datasets)


def test_door_refuses_a_name_it_does_not_have():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mepipe.datasets.nothing


def test_door_imports_no_module_until_a_name_is_asked_for():
    code = (
        "import sys, mepipe.datasets\n"
        "print(*[name for name in sys.modules if name.startswith('mepipe.datasets.')])\n"
        "mepipe.datasets.Clip\n"
        "print('mepipe.datasets.clip' in sys.modules, 'mepipe.datasets.registry' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["", "True False"]


@pytest.mark.parametrize("old", ["model", "annotation", "further_sets"])
def test_old_import_paths_give_the_same_objects(old):
    module = importlib.import_module(f"mepipe.datasets.{old}")
    for name in module.__all__:
        value = getattr(module, name)
        assert getattr(importlib.import_module(value.__module__), value.__name__) is value


def test_entry_points_of_an_older_installation_do_not_count_as_a_second_reader(monkeypatch):
    old = EntryPoint("casme", "mepipe.datasets.further_sets:read_casme", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [old])
    (casme,) = [entry for entry in registry.readers() if entry.name == "casme"]
    assert casme.value == "mepipe.datasets.casme:read"
    assert callable(old.load())
