"""Benchmark of the cache: its cost, and its detection of damage.

The clips are files of a few bytes. Their objects are stored without computing them,
because the cost of the stages is not measured here.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from mepipe.cache.keys import Json, object_key
from mepipe.cache.objects import StoredObject, encode
from mepipe.cache.store import Store, open_store
from mepipe.errors import DamageError

FRAMES = 8
_TURN = 10
_EMOTIONS = ("happiness", "surprise", "disgust")


def make_clips(folder: Path, clips: int) -> None:
    """Write ``clips`` annotated clips of `FRAMES` tiny files that only look like images."""
    rows = ["subject,clip,emotion,onset,apex,offset,fps"]
    for number in range(clips):
        subject, clip = f"s{number % 100:03d}", f"c{number // 100:04d}"
        place = folder / subject / clip
        place.mkdir(parents=True)
        for frame in range(1, FRAMES + 1):
            path = place / f"{frame:03d}.jpg"
            path.write_bytes(f"{number} {frame}".encode())
            # Old time stamps: the index does not store the digests of files that are too young.
            os.utime(path, (1_700_000_000, 1_700_000_000))
        apex, offset = 4 + number % 3, 7 + number // 3 % 2
        rows.append(f"{subject},{clip},{_EMOTIONS[number % 3]},2,{apex},{offset},200")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Planning:
    """Seconds (process time and elapsed) and memory of a fully cached plan of ``clips`` clips."""

    clips: int
    cpu_s: float
    elapsed_s: float
    peak_mb: float


_PLAN = """
import resource, sys, time
from pathlib import Path
from mepipe.bench.planning import plan_made, store_made
if sys.argv[3] == "store":
    store_made(Path(sys.argv[1]), Path(sys.argv[2]))
else:
    began = time.perf_counter(), time.process_time()
    stale = plan_made(Path(sys.argv[1]), Path(sys.argv[2]))
    assert stale == 0, f"{stale} clips were not found in the cache"
    from mepipe.bench.cache import own_peak_mb
    peak = own_peak_mb()
    print(time.process_time() - began[1], time.perf_counter() - began[0], peak)
"""


_WARM = """
import atexit
from mepipe.bench.cache import own_peak_mb
from mepipe.cli import main
atexit.register(lambda: print(own_peak_mb()))
main()
"""


def own_peak_mb() -> float:
    """Return the most memory that this process held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike ru_maxrss, this does not include the memory of the parent before exec.
        lines = dict(line.partition(":")[::2] for line in status.read_text().splitlines())
        return float(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> None:
    """Let `own_peak_mb` begin anew, where the system can."""
    again = Path("/proc/self/clear_refs")
    if again.exists():
        again.write_text("5")


def planning(clips: int) -> Planning:
    """Measure reading the dataset and planning, in a separate process."""
    with tempfile.TemporaryDirectory() as scratch:
        data, cache = Path(scratch) / "data", Path(scratch) / "cache"
        make_clips(data, clips)
        _python(_PLAN, data, cache, "store")
        cpu, elapsed, peak = map(float, _python(_PLAN, data, cache, "plan").split())
    return Planning(clips, cpu, elapsed, peak)


def warm_run(clips: int) -> tuple[float, float, float]:
    """Return elapsed, CPU seconds and peak MB of a warm `mepipe run` over ``clips`` clips."""
    program = _WARM
    with tempfile.TemporaryDirectory() as scratch:
        data, cache, out = (Path(scratch) / name for name in ("data", "cache", "out"))
        make_clips(data, clips)
        _python(_PLAN, data, cache, "store")
        arguments = ["run", data, "--set", "flow.engine=opencv", "--until", "pack", "--json"]
        arguments += ["--cache", cache, "--out", out]
        _python(program, *arguments)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        peak = float(_python(program, *arguments).splitlines()[-1])
        elapsed = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return elapsed, cpu, peak


@dataclass(frozen=True)
class Storing:
    """Milliseconds an object: encoding it, storing it, and a plain durable write of its bytes."""

    size: int
    encode_ms: float
    store_ms: float
    plain_ms: float

    @property
    def ratio(self) -> float:
        """Time of storing over that of the plain write."""
        return self.store_ms / self.plain_ms


def storing(folder: Path, side: int = 28, objects: int = 300) -> Storing:
    """Time storing tensors of (3, side, side), and plain write, fsync and replace, in turns of ten.

    Times are means. A file system flushes several writes at once, and the first write after
    a change of kind pays for the earlier ones.
    """
    store = open_store(folder / "cache")
    plain = folder / "plain"
    plain.mkdir()
    # The folders exist already, as in the middle of a run.
    for first in range(256):
        (store.root / "objects" / "tensor" / f"{first:02x}").mkdir(parents=True)
    times: dict[str, list[float]] = {"encode": [], "store": [], "plain": []}
    size = 0
    items = _items(side, objects)
    while turn := list(islice(items, _TURN)):
        encoded = []
        for item in turn:
            started = time.perf_counter()
            encoded.append(encode(item))
            times["encode"].append(time.perf_counter() - started)
            size = len(encoded[-1])
        for item in turn:
            started = time.perf_counter()
            store.write(item)
            times["store"].append(time.perf_counter() - started)
        for item, data in zip(turn, encoded, strict=True):
            started = time.perf_counter()
            _plain_write(plain / f"{item.key}.h5", data)
            times["plain"].append(time.perf_counter() - started)
    mean = {name: statistics.fmean(some) * 1000 for name, some in times.items()}
    return Storing(size, mean["encode"], mean["store"], mean["plain"])


def _items(side: int, count: int) -> Iterator[StoredObject]:
    rng = np.random.default_rng(0)
    for number in range(count):
        parts: dict[str, Json] = {
            "settings": {"size": side, "scale": "fixed"},
            "uv": f"{number:064x}",
        }
        x = rng.random((3, side, side), dtype=np.float32)
        yield StoredObject("tensor", 1, object_key("tensor", 1, parts), parts, {}, {"x": x})


def _plain_write(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(".part")
    with temporary.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def flips(folder: Path, large: int = 1000) -> tuple[int, int, int]:
    """Return (positions of a small object, flips of a large one, how many were accepted)."""
    store = open_store(folder / "cache")
    small, big = next(_items(2, 1)), next(_items(128, 1))
    rng = np.random.default_rng(1)
    accepted, counts = 0, []
    for item, wanted in ((small, None), (big, large)):
        name = store.write(item)
        data = store.path(name).read_bytes()
        places = range(len(data)) if wanted is None else rng.integers(0, len(data), wanted).tolist()
        counts.append(len(places))
        for place in places:
            accepted += _accepts(store, item, data, place, int(rng.integers(1, 256)))
    return counts[0], counts[1], accepted


def _accepts(store: Store, item: StoredObject, data: bytes, place: int, mask: int) -> bool:
    damaged = bytearray(data)
    damaged[place] ^= mask
    name = store.find(item.stage, item.key)
    assert name is not None
    store.path(name).write_bytes(damaged)
    try:
        store.check(name)
    except DamageError:
        return False
    finally:
        store.path(name).write_bytes(data)
    return True


def _python(program: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
