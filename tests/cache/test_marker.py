"""What is taken for a cache, and that nothing outside it is touched."""

import os
import time

import pytest

from mepipe.cache import disk
from mepipe.cache.locks import claim, is_held
from mepipe.cache.marker import FOLDERS, MARKER, is_contained, require_cache
from mepipe.cache.records import write_record
from mepipe.cache.store import Store, open_store
from mepipe.errors import UsageError
from mepipe.pipeline.cache_admin import collect_garbage, verify

OLD = time.time() - 400 * 24 * 3600
HEX = "0123456789abcdef" * 4


def old(path, text="mine"):
    """Write a file that is older than anything gc keeps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (OLD, OLD))
    return path


def foreign_tree(folder):
    """Files of a user, some by accident under names that mepipe gives."""
    return [
        old(folder / name)
        for name in (
            "thesis.tex",
            f"{HEX}.json.gz",
            HEX,
            "20200101T000000Z-0123abcd",
            ".video.mp4.0123456789abcdef.part",
            "download.part",
            f"face/01/{HEX}.{HEX}.h5",
            "face/01/holiday.jpg",
        )
    ]


def untouched(files):
    return all(file.read_text() == "mine" for file in files)


def attempt(action):
    try:
        action()
    except UsageError as error:
        return error
    return None


ACTIONS = {
    "gc": lambda store: collect_garbage(store, keep_days=0, dry_run=False),
    "gc --dry-run": lambda store: collect_garbage(store, keep_days=0, dry_run=True),
    "verify --fix": lambda store: verify(store, fix=True),
    "open": lambda store: open_store(store.root),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_linked_folder_of_a_cache_is_refused_and_not_followed(tmp_path, folder, action):
    store = open_store(tmp_path / "cache")
    files = foreign_tree(tmp_path / "home")
    target = store.root / folder
    if target.exists():
        target.rmdir()
    target.symlink_to(tmp_path / "home")
    with pytest.raises(UsageError, match="is a link"):
        ACTIONS[action](store)
    assert untouched(files)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_something_else_is_refused(tmp_path, folder, action):
    """Its names alone do not make a cache: projects have a tmp/ and tables/ of their own."""
    files = [old(tmp_path / "project" / folder / name) for name in ("a.txt", "b.part")]
    with pytest.raises(UsageError, match="not a mepipe cache"):
        ACTIONS[action](Store(tmp_path / "project"))
    assert untouched(files)
    assert sorted(path.name for path in (tmp_path / "project").iterdir()) == [folder]


@pytest.mark.parametrize("action", ["gc", "gc --dry-run", "verify --fix", "open"])
@pytest.mark.parametrize("depth", ["face", "face/01"])
def test_links_deeper_in_a_cache_are_not_followed(tmp_path, depth, action):
    store = open_store(tmp_path / "cache")
    files = foreign_tree(tmp_path / "home")
    link = store.root / "objects" / depth
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "home" / depth)
    ACTIONS[action](store)
    assert untouched(files)


@pytest.mark.parametrize("folder", ["live", "locks", "quarantine", "runs", "tables", "tmp"])
def test_gc_leaves_what_has_no_name_of_mepipe(tmp_path, folder):
    store = open_store(tmp_path / "cache")
    files = [old(store.root / folder / name) for name in ("thesis.tex", "a.part", "x.json.gz")]
    kept = old(store.root / "notes.txt")
    collect_garbage(store, keep_days=0, dry_run=False)
    assert untouched([*files, kept])


def test_gc_does_not_follow_a_link_among_its_own_names(tmp_path):
    store = open_store(tmp_path / "cache")
    thesis = old(tmp_path / "thesis.tex")
    for folder, name in (
        ("live", "20200101T000000Z-0123abcd"),
        ("locks", HEX),
        ("tables", f"{HEX}.json.gz"),
        ("tmp", ".x.0123456789abcdef.part"),
    ):
        (store.root / folder).mkdir(exist_ok=True)
        (store.root / folder / name).symlink_to(thesis)
    collect_garbage(store, keep_days=0, dry_run=False)
    assert untouched([thesis])


def test_a_question_changes_nothing(tmp_path):
    path = old(tmp_path / "somebody's file")
    assert not is_held(path)
    assert path.read_text() == "mine"
    assert path.stat().st_mtime == pytest.approx(OLD)
    assert not is_held(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with claim(tmp_path / "lock", wait=True):
        assert is_held(tmp_path / "lock")
    os.mkfifo(tmp_path / "fifo")
    is_held(tmp_path / "fifo")


def test_a_lock_behind_a_link_is_not_taken(tmp_path):
    thesis = old(tmp_path / "thesis.tex")
    (tmp_path / "lock").symlink_to(thesis)
    with claim(tmp_path / "lock", wait=True) as free:
        assert free
    assert untouched([thesis])


def test_a_cache_made_before_there_were_markers_is_one(tmp_path):
    cache = tmp_path / "cache"
    write_record(cache, "20250101T000000Z-0123abcd", {})
    old(cache / "locks" / "note", "foreign things do not matter in a cache")
    require_cache(cache)
    open_store(cache)
    assert (cache / MARKER).read_text().startswith("mepipe cache 1")


def test_what_a_run_that_failed_at_once_leaves_is_a_cache(tmp_path):
    cache = tmp_path / "cache"
    for folder in FOLDERS:
        (cache / folder).mkdir(parents=True)
    (cache / "objects" / "face" / "01").mkdir(parents=True)
    (cache / "tmp" / ".a.h5.0123456789abcdef.part").write_bytes(b"")
    (cache / "live" / "20250101T000000Z-0123abcd").write_bytes(b"")
    require_cache(cache)


def test_a_new_cache_beside_other_files_is_made(tmp_path):
    """`--cache .` is careless, not dangerous."""
    files = [old(tmp_path / "here" / "thesis.tex"), old(tmp_path / "here" / "data" / "a.part")]
    store = open_store(tmp_path / "here")
    collect_garbage(store, keep_days=0, dry_run=False)
    assert untouched(files)


def test_a_marker_behind_a_link_proves_nothing(tmp_path):
    open_store(tmp_path / "cache")
    (tmp_path / "project" / "tmp").mkdir(parents=True)
    old(tmp_path / "project" / "tmp" / "a.txt")
    (tmp_path / "project" / MARKER).symlink_to(tmp_path / "cache" / MARKER)
    with pytest.raises(UsageError, match="not a mepipe cache"):
        require_cache(tmp_path / "project")


def test_gc_of_an_old_cache_marks_it_before_it_empties_it(tmp_path):
    cache = tmp_path / "cache"
    write_record(cache, "20200101T000000Z-0123abcd", {})
    old(cache / "notes" / "a.txt")
    old(cache / "locks" / "note")
    collect_garbage(Store(cache), keep_days=0, dry_run=True)
    assert not (cache / MARKER).exists()
    collect_garbage(Store(cache), keep_days=0, dry_run=False)
    require_cache(cache)


def test_gc_where_there_is_no_cache_makes_none(tmp_path):
    collect_garbage(Store(tmp_path / "none"), keep_days=0, dry_run=False)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("path", ["a/../../b", "..", ".", "../b"])
def test_a_path_that_leads_out_is_not_contained(tmp_path, path):
    assert not is_contained(tmp_path / path, tmp_path)


def test_only_partial_files_of_the_given_names_are_swept(tmp_path):
    ours = old(tmp_path / ".features.h5.0123456789abcdef.part")
    others = [
        old(tmp_path / name)
        for name in (
            "movie.part",
            ".movie.part",
            ".movie.mkv.0123456789abcdef.part",
            "features.h5.0123456789abcdef.part",
            ".features.h5.0123456789ABCDEF.part",
        )
    ]
    assert disk.sweep_stray(tmp_path, of={"features.h5"}) == 1
    assert not ours.exists()
    assert untouched(others)


def test_a_partial_file_that_cannot_be_removed_is_left(tmp_path, monkeypatch):
    """A shared cache is sticky: another user's file stays, and the run goes on."""
    old(tmp_path / ".a.0123456789abcdef.part")
    real = disk.call

    def denied(operation, *args, **kwargs):
        if getattr(operation, "__name__", "") == "unlink":
            raise PermissionError(1, "Operation not permitted")
        return real(operation, *args, **kwargs)

    monkeypatch.setattr(disk, "call", denied)
    assert disk.sweep_stray(tmp_path) == 0


def test_moving_aside_replaces_nothing(tmp_path):
    for text in ("one", "two"):
        (tmp_path / "a.txt").write_text(text)
        disk.move_aside(tmp_path / "a.txt", tmp_path / "aside", replace=False)
    assert sorted(path.read_text() for path in (tmp_path / "aside").iterdir()) == ["one", "two"]
