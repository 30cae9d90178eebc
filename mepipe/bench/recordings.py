"""Benchmark of spotting in recordings with known movements: what is found, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from mepipe.errors import UsageError
from mepipe.evaluation.spotting_events import IOU, iou, kind_of, match
from mepipe.sample.everyday import Everyday
from mepipe.sample.identity import make_subject
from mepipe.sample.photos import load_photos
from mepipe.sample.recordings import write_recording
from mepipe.sample.timeline import plan_recording

Interval = tuple[int, int, int]
Spotter = Callable[[Path], Sequence[Interval]]

METHODS = {
    "recording": "mepipe.bench.whole_recording:spotted",
    "windows": "mepipe.bench.windows:flow_peak_windows",
    "mdmd": "mepipe.bench.mdmd:mdmd",
    "mdmd-tuned": "mepipe.bench.mdmd:mdmd_tuned",
}
"""Each method by name, as ``module:function``: path of a video -> (onset, apex, offset), ..."""

KINDS = {
    "plain": Everyday(blinks=False, head=False, light=False, speech=False),
    "blinks, head, light": Everyday(speech=False),
    "and speech": Everyday(),
    "empty": Everyday(still=True),
}
"""The kinds of recordings. The last has no movement, and everything else."""

_CHILD = """
import sys
from mepipe.bench.recordings import report
report(*sys.argv[1:])
"""


@dataclass
class Row:
    """What a method finds in the recordings of one kind.

    ``counts`` has (true positives, predictions, truths) of ``all``, ``macro`` and
    ``micro``, pooled over the recordings. ``onset_ms`` and ``offset_ms`` are the errors of
    micro movements that were matched. ``cpu_s`` is process time less that of decoding,
    ``peak_mb`` the most memory that the process held.
    """

    method: str
    kind: str
    counts: dict[str, tuple[int, int, int]] = field(
        default_factory=lambda: dict.fromkeys(("all", "macro", "micro"), (0, 0, 0))
    )
    onset_ms: list[float] = field(default_factory=list)
    offset_ms: list[float] = field(default_factory=list)
    frames: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0

    def figures(self, kind: str) -> tuple[float, float, float]:
        """Return precision, recall and F1, NaN where they have no meaning."""
        hits, said, true = self.counts[kind]
        return (
            hits / said if said else float("nan"),
            hits / true if true else float("nan"),
            2 * hits / (said + true) if true else float("nan"),
        )

    @property
    def false_a_minute(self) -> float:
        """Predictions that match nothing, a minute."""
        hits, said, _ = self.counts["all"]
        return 60 * (said - hits) / self.seconds if self.seconds else float("nan")

    @property
    def ms_a_frame(self) -> float:
        """CPU time besides decoding, ms a frame."""
        return 1000 * self.cpu_s / max(self.frames, 1)


def measure(
    photos: Path | None = None,
    *,
    subjects: int = 4,
    seconds: int = 60,
    fps: int = 30,
    seed: int = 0,
    methods: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Let every method spot in made recordings of each kind, and compare with the truth.

    Each method sees each recording in a process of its own. A recording is on the disk while
    it is used.

    Parameters
    ----------
    photos, seed
        As `mepipe.sample.write_recordings`.
    subjects
        Recordings of each kind, one of each subject.
    seconds, fps
        Of each recording.
    methods
        Names of `METHODS`; empty: all.
    progress
        Called with (recordings spotted, in all) after each.

    Raises
    ------
    UsageError
        If a method is unknown, or the photographs cannot be used.
    """
    chosen = list(methods) or list(METHODS)
    for name in chosen:
        if name not in METHODS:
            raise UsageError(
                f"there is no method {name!r} for recordings", f"Choose of: {', '.join(METHODS)}."
            )
    pictures = load_photos(photos)
    rows = [Row(method, kind) for kind in KINDS for method in chosen]
    done = 0
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "recording.mp4"
        for index in range(subjects):
            person = make_subject(pictures[index % len(pictures)], index, seed)
            for kind, everyday in KINDS.items():
                plan = plan_recording((seed, index, 0), seconds=seconds, fps=fps, everyday=everyday)
                write_recording(path, person, plan)
                decoding = decoding_s(path)
                truth = [(one.onset, one.apex, one.offset) for one in plan.movements]
                for row in rows:
                    if row.kind != kind:
                        continue
                    found, cpu_s, peak_mb = _spotted(row.method, path)
                    count(row, truth, found, fps)
                    row.frames += plan.count
                    row.seconds += plan.count / fps
                    row.cpu_s += max(cpu_s - decoding, 0.0)
                    row.peak_mb = max(row.peak_mb, peak_mb)
                    done += 1
                    if progress is not None:
                        progress(done, subjects * len(rows))
    return rows


def count(row: Row, truth: Sequence[Interval], found: Sequence[Interval], fps: float) -> None:
    """Add a recording to a row."""
    for kind in row.counts:
        sides = [[one for one in side if kind in ("all", kind_of(one[0], one[2], fps))]
                 for side in (truth, found)]  # fmt: skip
        pairs = matched(*sides)
        hits, said, true = row.counts[kind]
        row.counts[kind] = (hits + len(pairs), said + len(sides[1]), true + len(sides[0]))
    for i, j in matched(truth, found):
        if kind_of(truth[i][0], truth[i][2], fps) == "micro":
            row.onset_ms.append(1000 * abs(truth[i][0] - found[j][0]) / fps)
            row.offset_ms.append(1000 * abs(truth[i][2] - found[j][2]) / fps)


def matched(truth: Sequence[Interval], found: Sequence[Interval]) -> list[tuple[int, int]]:
    """Return pairs of indices (truth, found) that overlap enough, as many as there can be.

    Each is in one pair at most. Frames of both ends count.

    >>> from mepipe.bench.recordings import matched
    >>> matched([(0, 2, 9), (20, 22, 29)], [(4, 6, 26), (1, 2, 8)])
    [(0, 1)]
    """
    if not truth or not found:
        return []
    overlap = iou([(one[0], one[2]) for one in truth], [(one[0], one[2]) for one in found])
    return [(int(i), int(j)) for i, j in match(overlap, IOU)]


def decoding_s(path: Path) -> float:
    """Return the CPU time of decoding a video once, s."""
    return float(_in_a_process(path)["cpu_s"])


def _spotted(method: str, path: Path) -> tuple[list[Interval], float, float]:
    answer = _in_a_process(path, METHODS[method])
    found = [(int(a), int(b), int(c)) for a, b, c in answer["found"]]
    return found, float(answer["cpu_s"]), float(answer["peak_mb"])


def _in_a_process(*arguments: object) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def report(path: str, method: str = "") -> None:
    """Print what a method finds in a video, its CPU time in s and the peak of memory in MB.

    Without a method the video is only decoded. Models are loaded before the time is taken.
    """
    import time

    import cv2

    from mepipe.bench.cache import own_peak_mb
    from mepipe.face import load_models

    cv2.setNumThreads(1)
    found: Sequence[Interval] = ()
    if method:
        module, _, name = method.partition(":")
        spot: Spotter = getattr(import_module(module), name)
        load_models()
        begun = time.process_time()
        found = spot(Path(path))
    else:
        begun = time.process_time()
        for _ in _frames(Path(path)):
            pass
    cpu_s = time.process_time() - begun
    print(json.dumps({"found": list(found), "cpu_s": cpu_s, "peak_mb": own_peak_mb()}))


def _frames(path: Path) -> Iterator[object]:
    """Decode a video as plainly as can be, to the pictures that mepipe's frames are."""
    import av

    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


def recordings_table(rows: Sequence[Row]) -> str:
    """Return the measurements as Markdown. Precision, recall and F1 are at IoU .5."""

    def shown(value: float, form: str) -> str:
        return "" if np.isnan(value) else format(value, form)

    lines = [
        "| recordings | method | precision | recall | F1 | F1 macro | F1 micro | onset, ms "
        "| offset, ms | false a minute | CPU ms a frame | MB |",
        "|" + "---|" * 12,
    ]
    for row in rows:
        cells = (
            row.kind, row.method,
            *(shown(value, ".2f") for value in row.figures("all")),
            *(shown(row.figures(kind)[2], ".2f") for kind in ("macro", "micro")),
            *(shown(float(np.median(errors)) if errors else float("nan"), ".0f")
              for errors in (row.onset_ms, row.offset_ms)),
            shown(row.false_a_minute, ".1f"), f"{row.ms_a_frame:.1f}", f"{row.peak_mb:.0f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
