"""Compiled code is read only from a folder that nobody else can write to."""

import os

import pytest

from mepipe.flow.kernels.own_folder import own_folder, refusals, whose_else

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The three places: beside the sources, the user's cache, and the temporary folder."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "user" / name))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    beside = tmp_path / "package" / "__pycache__"
    beside.mkdir(parents=True, mode=0o755)
    user = tmp_path / "user" / "mepipe" / "kernels"
    return beside, user, tmp_path / "tmp" / f"mepipe-kernels-{os.geteuid()}"


def test_it_is_beside_the_sources_and_for_its_owner_only(places):
    beside, *_ = places
    folder = own_folder(beside, "1-ab")
    assert folder == beside / "1-ab"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert refusals(beside, "1-ab") == []


def test_where_others_can_write_another_folder_is_used_and_it_is_said(places):
    beside, user, last = places
    beside.chmod(0o777)
    assert own_folder(beside, "1-ab") == user / "1-ab"
    assert refusals(beside, "1-ab") == [f"{beside} can be written by others"]
    # A folder that somebody planted there, with an index in it.
    (user / "1-ab").chmod(0o777)
    assert own_folder(beside, "1-ab") == last / "1-ab"
    assert len(refusals(beside, "1-ab")) == 2
    # The name in the temporary folder is known to all: it may be there before.
    last.chmod(0o777)
    folder = own_folder(beside, "1-ab")
    assert folder.parent not in {beside, user, last}
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_and_the_folder_of_another_user_are_not_taken(places, tmp_path, monkeypatch):
    beside, user, _ = places
    (tmp_path / "elsewhere").mkdir()
    (beside / "1-ab").symlink_to(tmp_path / "elsewhere")
    assert "is a link" in whose_else(beside / "1-ab", beside)
    assert own_folder(beside, "1-ab") == user / "1-ab"
    number = os.geteuid()
    (beside / "2-ab").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: number + 1)
    if number:  # the folders of root are trusted: it may change anything
        assert "another user" in whose_else(beside / "2-ab", beside)
    else:
        os.chown(beside / "2-ab", 4711, -1)
        assert "another user" in whose_else(beside / "2-ab", beside)


def test_without_a_home_no_folder_named_tilde_is_made(places, tmp_path, monkeypatch):
    beside, _, last = places
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"~/.cache/{name}")
    monkeypatch.chdir(tmp_path)
    beside.chmod(0o777)
    assert own_folder(beside, "1-ab") == last / "1-ab"
    assert not (tmp_path / "~").exists()


def test_what_is_refused_is_said_before_compiling(places, monkeypatch, caplog):
    from mepipe.execution import compiling
    from mepipe.execution.progress import NoProgress
    from mepipe.flow import engine, kernels

    beside, user, _ = places
    beside.chmod(0o777)
    monkeypatch.setattr(kernels, "_wanted", lambda: (beside, "1-ab"))
    monkeypatch.setattr(engine, "compile_all", lambda: None)
    kernels.cache_folder.cache_clear()
    try:
        compiling.compile_engine(NoProgress())
    finally:
        kernels.cache_folder.cache_clear()
    (said,) = [one.getMessage() for one in caplog.records]
    assert str(beside) in said
    assert str(user) in said
