"""Where machine code lies if nothing else can be written: in a folder of the user alone."""

import importlib
import os
import stat
import tempfile
from pathlib import Path

import pytest

from mepipe.flow import kernels


@pytest.fixture
def container(tmp_path, monkeypatch):
    """An installation and a home that cannot be written. Root may write all but what is denied."""
    real = os.access
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def access(path, mode):
        return real(path, mode) and Path(path).is_relative_to(temporary)

    module = importlib.import_module("mepipe.flow.kernels.own_folder")
    monkeypatch.setattr(module.os, "access", access)
    kernels.cache_folder.cache_clear()
    yield temporary
    kernels.cache_folder.cache_clear()


def test_a_temporary_folder_of_the_user_alone(container):
    found = kernels.cache_folder()
    assert found.is_relative_to(container)
    if hasattr(os, "getuid"):
        assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
        assert found.parent.name == f"mepipe-kernels-{os.getuid()}"
    kernels.cache_folder.cache_clear()
    assert kernels.cache_folder() == found, "the next process finds what this one compiled"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="there are no modes here")
@pytest.mark.parametrize("how", ["open to all", "a link", "a file"])
def test_a_folder_that_another_can_write_is_not_used(container, how):
    there = container / f"mepipe-kernels-{os.getuid()}"
    if how == "open to all":
        there.mkdir()
        there.chmod(0o777)
    elif how == "a link":
        (container / "other").mkdir(mode=0o700)
        there.symlink_to(container / "other")
    else:
        there.write_text("")
    found = kernels.cache_folder().parent
    assert found != there
    assert found.parent == container
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_the_usual_folder_is_not_in_temporary_files():
    assert "mepipe-kernels-" not in str(kernels.cache_folder())
