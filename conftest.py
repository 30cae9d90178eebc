"""What tests and the examples in docstrings share: samples, made once for all processes."""

import os
import re
import shutil

import pytest
from _pytest.doctest import DoctestItem
from filelock import FileLock


@pytest.fixture(scope="session")
def made_sample(tmp_path_factory):
    """Make a synthetic sample once, whichever process of the tests asks first; never change it."""
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    from mepipe.sample import write

    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent

    def make(subjects, clips, seed=0):
        folder = place / f"sample-{subjects}-{clips}-{seed}" / "sample"
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.parent / "lock"):
            write(folder, subjects=subjects, clips=clips, seed=seed)
        return folder

    return make


@pytest.fixture(autouse=True)
def example_folder(request, tmp_path, monkeypatch):
    """Run an example in a folder of its own: with a cache, and the sample if it names one."""
    if not isinstance(request.node, DoctestItem):
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "cache"))
    if re.search(r'["=]sample["/]', request.node.dtest.docstring):
        shutil.copytree(request.getfixturevalue("made_sample")(1, 3), tmp_path / "sample")
