"""Chunks cover a recording, see beyond what they answer for, and read each frame once."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.recordings import chunks as module
from mepipe.recordings.chunks import (
    BESIDE_MS,
    CORE_MS,
    MOST_FRAMES,
    Chunk,
    Measured,
    chunks_of,
    cuts_of,
    measure,
)

gaps = st.lists(st.tuples(st.integers(0, 400), st.floats(1, 90_000)), max_size=3)


@settings(deadline=None, max_examples=120)
@given(
    count=st.integers(1, 9000), fps=st.sampled_from((5.0, 25.0, 30.0, 60.0, 200.0, 1000.0)),
    start=st.floats(0, 1e5), stretch=st.floats(0, 0.9), holes=gaps, seed=st.integers(0, 99),
)  # fmt: skip
def test_cores_are_the_recording_and_margins_are_whole(count, fps, start, stretch, holes, seed):
    rng = np.random.default_rng(seed)
    steps = rng.uniform(1 - stretch, 1 + stretch, count) * 1000 / fps
    for place, length in holes:
        steps[min(place, count - 1)] += length
    t = start + np.cumsum(steps)
    found = chunks_of(t)
    # Every frame has one chunk that answers for it.
    assert [p for one in found for p in range(one.core_first, one.core_stop)] == list(range(count))
    step = float(np.median(np.diff(t))) if count > 1 else 1.0
    short = min(1.0, MOST_FRAMES * step / (CORE_MS + 2 * BESIDE_MS))
    for one in found:
        assert 0 <= one.first <= one.core_first < one.core_stop <= one.stop <= count
        low, high = t[one.core_first] - short * BESIDE_MS, t[one.core_stop - 1] + short * BESIDE_MS
        assert one.first == 0 or t[one.first - 1] < low
        assert one.stop == count or t[one.stop] > high
        # A quarter more at most, in time, whatever is missing between.
        assert t[one.core_stop - 1] - t[one.core_first] <= 1.25 * short * CORE_MS + 1e-6
    # At most two are under way at any frame.
    assert all(one.stop <= after.first for one, after in zip(found, found[2:], strict=False))
    assert all(one.first <= after.first for one, after in pairwise(found))


@pytest.mark.parametrize("fps", [25, 30, 60, 100, 200])
def test_a_chunk_has_a_bounded_number_of_frames(fps):
    found = chunks_of(np.arange(fps * 600) * 1000.0 / fps)
    assert max(one.stop - one.first for one in found) <= 1.2 * MOST_FRAMES
    assert all(one.sees(p) for one in found for p in (one.first, one.core_first, one.stop - 1))
    assert not any(one.sees(p) for one in found for p in (one.first - 1, one.stop))


def test_cuts_belong_to_the_chunk_that_answers_for_them():
    first, second = Chunk(0, 0, 9, 12), Chunk(6, 9, 20, 20)
    assert cuts_of([Measured(first, (), (5, 9)), Measured(second, (), (7, 9, 15))]) == [5, 9, 15]
    assert cuts_of([]) == []


class Watched:
    """In the place of a follower: what it was shown."""

    alive = 0
    most = 0

    def __init__(self, size, search_size):
        self.stretches, self.cuts, self.shown = [], [], []
        Watched.alive += 1
        Watched.most = max(Watched.most, Watched.alive)

    def look(self, position, time_ms, image):
        self.shown.append((position, time_ms))

    def finish(self):
        Watched.alive -= 1
        self.cuts = [position for position, _ in self.shown]


@pytest.fixture
def watched(monkeypatch):
    Watched.alive = Watched.most = 0
    monkeypatch.setattr(module, "Follower", Watched)
    return Watched


def test_each_frame_is_read_once_and_shown_to_every_chunk_that_sees_it(watched):
    t = np.arange(2000) * 40.0
    read, said = [], []

    def images():
        for position in range(len(t)):
            read.append(position)
            yield position, np.zeros((2, 2), np.uint8)

    wanted = chunks_of(t)
    finished_at = []
    for one, chunk in zip(measure(images(), wanted, t, seen=said.append), wanted, strict=True):
        assert one.chunk == chunk
        assert list(one.cuts) == list(range(chunk.first, chunk.stop))
        finished_at.append(read[-1])
    assert read == said == list(range(len(t)))
    assert finished_at == [chunk.stop - 1 for chunk in wanted]  # not later
    assert (watched.alive, watched.most) == (0, 2)


def test_chunks_that_are_known_are_not_read(watched):
    t = np.arange(2000) * 40.0
    first, _, third, *_ = chunks_of(t)
    frames = [*range(first.first, first.stop), *range(third.first, third.stop)]
    images = ((position, np.zeros((2, 2), np.uint8)) for position in frames)
    found = list(measure(images, [first, third], t))
    assert [one.chunk for one in found] == [first, third]
    assert list(found[1].cuts) == list(range(third.first, third.stop))


def test_frames_that_end_early_lose_no_chunk(watched):
    t = np.arange(1000) * 40.0
    images = ((position, np.zeros((2, 2), np.uint8)) for position in range(700))
    assert [one.chunk for one in measure(images, chunks_of(t), t)] == chunks_of(t)


def test_memory_does_not_grow_with_the_length():
    frame = np.random.default_rng(0).integers(0, 255, (90, 120), np.uint8)
    peaks = []
    for seconds in (40, 120):
        t = np.arange(seconds * 10) * 100.0
        tracemalloc.start()
        for _ in measure(((p, frame) for p in range(len(t))), chunks_of(t), t):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 5e5
