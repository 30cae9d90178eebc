"""The examples in docstrings run in a folder that has what their reader has made: a sample."""

import shutil

import pytest
from _pytest.doctest import DoctestItem


@pytest.fixture(scope="session")
def example_sample(tmp_path_factory):
    """What `mepipe sample sample --subjects 1 --clips 3` writes."""
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    from mepipe.sample import write

    folder = tmp_path_factory.mktemp("examples")
    write(folder / "sample", subjects=1, clips=3)
    return folder / "sample"


@pytest.fixture(autouse=True)
def example_folder(request, tmp_path, monkeypatch):
    """Run an example in a folder of its own, with a cache of its own."""
    if not isinstance(request.node, DoctestItem):
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "cache"))
    if '"sample' in request.node.dtest.docstring:
        shutil.copytree(request.getfixturevalue("example_sample"), tmp_path / "sample")
