"""What was measured of a recording is kept: a chunk at a time, whatever happens."""

import os
import time

import numpy as np
import pytest

from mepipe.cache.store import open_store
from mepipe.config import load_config
from mepipe.execution.progress import NoProgress
from mepipe.pipeline.cache_admin import collect_garbage, status, verify
from mepipe.recordings import chunks, stored
from mepipe.recordings.spot import open_sources, prepared_source, search, spot

pytestmark = [pytest.mark.usefixtures("short_chunks"), pytest.mark.slow]


class Interrupted(Exception):
    """In the place of Ctrl-C."""


@pytest.fixture
def looks(monkeypatch):
    """The positions of all frames that are measured; raises at ``looks.stop``."""

    class Looks(list):
        stop = None

    seen, real = Looks(), chunks.Follower.look

    def look(self, position, time_ms, image):
        if position == seen.stop:
            raise Interrupted
        seen.append(position)
        real(self, position, time_ms, image)

    monkeypatch.setattr(chunks.Follower, "look", look)
    return seen


@pytest.fixture(scope="module")
def full_cache(made_recording, tmp_path_factory):
    """A cache in which the recording was searched, and what was found."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CORE_MS", 4000.0)
        patch.setattr(chunks, "BESIDE_MS", 1000.0)
        found = spot(made_recording.path, cache=folder)
    return folder, found


@pytest.fixture
def cache(full_cache, tmp_path):
    """A copy of it, to be changed."""
    import shutil

    return shutil.copytree(full_cache[0], tmp_path / "cache")


def objects(cache):
    return sorted((cache / "objects" / stored.STAGE).rglob("*.h5"))


def same(one, other):
    """Two searches found the same, to the bit."""
    assert len(one.recordings) == len(other.recordings)
    for a, b in zip(one.recordings, other.recordings, strict=True):
        assert (a.name, a.cuts, a.fps) == (b.name, b.cuts, b.fps)
        np.testing.assert_array_equal(a.curve, b.curve)
        np.testing.assert_array_equal(a.times_ms, b.times_ms)
        assert len(a.events) == len(b.events)
        for x, y in zip(a.events, b.events, strict=True):
            for name in ("kind", "face", "onset", "apex", "offset", "strength", "px", "regions"):
                assert getattr(x, name) == getattr(y, name)
    return True


def test_what_happens_in_the_recording_is_found(full_cache, made_recording):
    (found,) = full_cache[1].recordings
    true = made_recording.plan.movements
    assert found.name == "talk"
    assert [one.kind for one in found.movements] == [one.kind for one in true]
    for one, other in zip(found.movements, true, strict=True):
        assert abs(one.onset - other.onset) <= 2
        assert abs(one.offset - other.offset) <= 3
    blinks = [one.onset for one in made_recording.plan.others if one.kind == "blink"]
    assert len([one for one in found.events if one.kind == "blink"]) == len(blinks)
    assert found.cuts == ()
    assert found.seen == 1
    assert len(objects(full_cache[0])) == 3


def test_a_second_search_measures_nothing_and_finds_the_same(
    cache, full_cache, made_recording, looks
):
    before = objects(cache)
    assert same(spot(made_recording.path, cache=cache), full_cache[1])
    assert looks == []
    assert objects(cache) == before


def test_another_threshold_measures_nothing(cache, full_cache, made_recording, looks):
    found = spot(made_recording.path, cache=cache, settings=["recordings.threshold=8"])
    assert looks == []
    strengths = {one.onset: one.strength for one in full_cache[1].recordings[0].movements}
    kept = [one.onset for one in found.recordings[0].movements]
    assert kept == [onset for onset, strength in strengths.items() if strength >= 8]
    assert 0 < len(kept) < len(strengths)


@pytest.mark.slow
def test_without_a_cache_the_bits_are_the_same(full_cache, made_recording):
    config = load_config(None, [])
    (source,) = open_sources([made_recording.path])
    found = search(prepared_source(source, config), config, None, NoProgress())
    (kept,) = full_cache[1].recordings
    np.testing.assert_array_equal(found.curve, kept.curve)
    for one, other in zip(found.events, kept.events, strict=True):
        assert (one.onset, one.offset, one.strength) == (other.onset, other.offset, other.strength)


@pytest.mark.slow
def test_a_search_that_was_interrupted_goes_on(tmp_path, full_cache, made_recording, looks):
    cache = tmp_path / "cache"
    looks.stop = 160
    with pytest.raises(Interrupted):
        spot(made_recording.path, cache=cache)
    kept = objects(cache)
    assert len(kept) == 1
    looks.stop = None
    looks.clear()
    assert same(spot(made_recording.path, cache=cache), full_cache[1])
    # Of the first chunk only what the second sees, too.
    second = chunks.chunks_of(np.arange(275) * 40.0)[1]
    assert min(looks) == second.first > 0
    assert [path.name for path in kept] == [p.name for p in objects(cache) if p in kept]
    assert len(objects(cache)) == 3


@pytest.mark.parametrize("harm", ["cut short", "other bytes", "gone"])
def test_a_chunk_that_is_damaged_is_measured_again(harm, cache, full_cache, made_recording, looks):
    whole = objects(cache)
    data = whole[1].read_bytes()
    if harm == "gone":
        whole[1].unlink()
    else:
        whole[1].write_bytes(data[:-9] if harm == "cut short" else data[:-9] + b"123456789")
    assert same(spot(made_recording.path, cache=cache), full_cache[1])
    assert 0 < len(set(looks)) < 275
    assert objects(cache) == whole
    assert whole[1].read_bytes() == data


@pytest.mark.slow
def test_a_chunk_of_another_size_or_rate_is_another(cache, made_recording, looks):
    spot(made_recording.path, cache=cache, settings=["spot.size=128"])
    assert len(set(looks)) == 275
    looks.clear()
    spot(made_recording.path, cache=cache, fps=50, settings=["recordings.threshold=3"])
    assert len(set(looks)) == 275


def test_a_recording_that_moved_or_has_another_name_is_known(
    cache, made_recording, tmp_path, looks
):
    other = tmp_path / "moved.mp4"
    other.write_bytes(made_recording.path.read_bytes())
    (found,) = spot(other, cache=cache).recordings
    assert found.name == "moved"
    assert looks == []


def test_status_and_verify_know_chunks(cache):
    store = open_store(cache)
    (usage,) = status(store).usage
    assert (usage.stage, usage.objects) == (stored.STAGE, 3)
    assert usage.stale == usage.unreferenced == 0
    assert verify(store, fix=False) == (3, [])
    path = objects(cache)[0]
    path.write_bytes(path.read_bytes()[:-1])
    checked, damaged = verify(store, fix=True)
    assert checked == 3
    assert [one.file for one in damaged] == [path]
    assert len(objects(cache)) == 2


def test_garbage_is_what_was_not_used_for_long(cache, made_recording):
    store, whole = open_store(cache), objects(cache)
    then = time.time() - 90 * 24 * 3600
    for path in whole:
        os.utime(path, (then, then))
    assert collect_garbage(store, keep_days=30, dry_run=True).files[stored.STAGE] == 3
    spot(made_recording.path, cache=cache)  # used again, so young
    assert collect_garbage(store, keep_days=30, dry_run=False).files[stored.STAGE] == 0
    os.utime(whole[0], (then, then))
    assert collect_garbage(store, keep_days=30, dry_run=False).files[stored.STAGE] == 1
    assert objects(cache) == whole[1:]
