"""Files that show faces are for their owner, and an export never removes what another wrote."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from mepipe.cache import disk
from mepipe.cache.keys import object_key
from mepipe.cache.manifest import Manifest
from mepipe.cache.new_folder import filling
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import open_store
from mepipe.errors import SystemProblemError, UsageError

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_faces_are_for_the_owner_and_the_rest_follows_the_umask(tmp_path, umask):
    for private, asked in ((False, 0o666), (True, 0o600)):
        disk.write_atomic(tmp_path / "whole", b"", private=private)
        assert mode(tmp_path / "whole") == asked & ~umask
        disk.write_new(tmp_path / f"one-{private}", b"", private=private)
        assert mode(tmp_path / f"one-{private}") == asked & ~umask
        manifest = Manifest(tmp_path / "out")
        manifest.write("report.html", "key", b"page", private=private)
        assert mode(tmp_path / "out" / "report.html") == asked & ~umask


@posix
def test_a_group_shares_a_folder_that_passes_on_its_group(tmp_path, umask):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    disk.write_atomic(shared / "faces", b"", private=True)
    assert mode(shared / "faces") == 0o660 & ~umask


def stored(**arrays):
    parts = {"frames": [sorted(arrays)]}
    return StoredObject("flow", 2, object_key("flow", 2, parts), parts, {}, arrays)


@posix
def test_objects_with_faces_are_private_and_others_are_not(tmp_path, umask):
    store = open_store(tmp_path)
    uv = np.zeros((2, 4, 4), np.float32)
    plain = store.path(store.write(stored(uv=uv)))
    faces = store.path(store.write(stored(uv=uv, faces=np.zeros((2, 4, 4), np.uint8))))
    assert mode(plain) == 0o666 & ~umask
    assert mode(faces) == 0o600 & ~umask
    # As it is moved, it stays private.
    faces.write_bytes(b"damaged")
    assert store.quarantine(faces)
    assert mode(store.quarantine_folder / faces.name) == 0o600 & ~umask


def test_of_two_exports_into_one_folder_none_removes_what_the_other_wrote(tmp_path):
    """The second looked before the first had begun, or was done."""
    out = tmp_path / "out"

    def second():
        with filling(out) as late:
            (late / "table.csv").write_text("second")
            # Meanwhile the first, which saw an empty folder too, finishes.
            (out / "table.csv").write_text("first")
            (out / "pictures").mkdir()
            (out / "pictures" / "a.png").write_text("first")

    with pytest.raises(UsageError, match="something else writes"):
        second()
    assert (out / "table.csv").read_text() == "first"
    assert (out / "pictures" / "a.png").read_text() == "first"
    assert sorted(path.name for path in out.iterdir()) == ["pictures", "table.csv"]


def test_an_export_that_begins_beside_another_gives_way(tmp_path, monkeypatch):
    out = tmp_path / "out"
    with filling(out) as first:
        # It looks as if the folder were empty: the other begins only after that.
        first_look = [[]]
        true = os.listdir
        monkeypatch.setattr(
            os, "listdir", lambda folder: first_look.pop() if first_look else true(folder)
        )
        with pytest.raises(UsageError, match="something else writes"), filling(out):
            pytest.fail("two write to one folder")
        monkeypatch.undo()
        (first / "table.csv").write_text("first")
    assert [path.name for path in out.iterdir()] == ["table.csv"]


def test_a_failing_move_removes_only_what_was_moved(tmp_path, monkeypatch):
    out = tmp_path / "out"
    true = Path.rename

    def rename(path, target):
        if path.name == "b":
            # Another writes here at this very moment, and this move fails.
            (out / "a").unlink()
            (out / "a").write_text("of another")
            raise OSError(5, "no luck")
        return true(path, target)

    monkeypatch.setattr(Path, "rename", rename)

    def fill():
        with filling(out) as part:
            (part / "a").write_text("ours")
            (part / "b").write_text("ours")

    with pytest.raises(SystemProblemError, match="no luck"):
        fill()
    assert [path.name for path in out.iterdir()] == ["a"]
    assert (out / "a").read_text() == "of another"


def test_links_are_not_followed_when_an_unfinished_folder_is_removed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "mine").write_text("")

    def fill():
        with filling(tmp_path / "out") as part:
            (part / "inner").mkdir()
            (part / "inner" / "link").symlink_to(kept, target_is_directory=True)
            (part / "link").symlink_to(kept, target_is_directory=True)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fill()
    assert (kept / "mine").exists()
    assert not list(tmp_path.glob("out/*"))
