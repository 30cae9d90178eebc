"""Benchmark of what a model reads of a clip: one map, two phases, a sequence; and their size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.bench.features import FEWEST_FACES, gain_over
from mepipe.config import load_config
from mepipe.config.settings import Config
from mepipe.errors import UsageError
from mepipe.evaluation.fitting import fit
from mepipe.evaluation.metrics import confusion, uf1
from mepipe.extras import require
from mepipe.face import fit_similarity, warp_face
from mepipe.flow import flow_tensor, sequence_tensor, target_frames
from mepipe.sample.factors import HARD
from mepipe.sample.identity import make_subject
from mepipe.sample.movement import LABELS, Course
from mepipe.sample.photos import load_photos
from mepipe.sample.render import Scene, choose_label, frames, make_scene
from mepipe.stages.flow import movement

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]

READS = ("x", "phases", "sequence")
"""Onset to apex; onset to apex, and apex to offset; onset to frames spread up to the offset."""
FRAMES = 4  # of a sequence
COMPARED = (
    ("x", 28),
    ("phases", 28),
    ("sequence", 28),
    ("x", 56),
    ("x", 64),
    ("phases", 56),
    ("sequence", 56),
)
"""What is compared, the first with all others; named ``x-28`` and so on."""
CLIPS = 12  # of a face
FOLDS = 4


@dataclass(frozen=True)
class MapRow:
    """One map at one size.

    Parameters
    ----------
    reads, size
        One of `READS`, and the side of the tensor.
    uf1, gain
        Of an SVM on faces that it has not seen, and the difference from the first row with its
        95 % interval over faces.
    network_uf1, network_gain
        The same of the SPP network; NaN where it was not asked for.
    training_s
        Process time of one training of the network, s.
    """

    reads: str
    size: int
    uf1: float
    gain: tuple[float, float, float]
    network_uf1: float
    network_gain: tuple[float, float, float]
    training_s: float


def compared_maps(names: Sequence[str] = ()) -> tuple[tuple[str, int], ...]:
    """Return the named rows of `COMPARED` in their order there, all where none is named.

    Raises
    ------
    UsageError
        If there are none of a name.
    """
    known = {f"{reads}-{size}": (reads, size) for reads, size in COMPARED}
    for name in names:
        if name not in known:
            raise UsageError(f"no map {name!r} is compared", f"Give one of: {', '.join(known)}.")
    return tuple(one for name, one in known.items() if not names or name in names)


def key_scene(scene: Scene, count: int) -> tuple[Scene, tuple[int, ...]]:
    """Return the frames of a made clip that its maps need, and the targets of a sequence.

    The first three frames of the scene are onset, apex and offset; the targets are numbers of
    its frames. The head has its place at the onset.

    Parameters
    ----------
    scene
        A whole clip.
    count
        Of the targets.
    """
    key = scene.course
    spread = target_frames(key.onset, key.offset, count)
    at = np.array([key.onset, key.apex, key.offset, *spread])
    parts = tuple(replace(part, share=part.share[at]) for part in scene.parts)
    short = replace(
        scene,
        course=Course(key.share[at], 0, 1, 2),
        parts=parts,
        drift=scene.drift[at] - scene.drift[key.onset],
        light=scene.light[at],
        closed=None if scene.closed is None else scene.closed[at],
        gaze=None if scene.gaze is None else scene.gaze[at],
        plane=None if scene.plane is None else scene.plane[at],
    )
    return short, tuple(range(3, 3 + count))


def flows_of(scene: Scene, config: Config) -> Mapping[str, Floats]:
    """Return the flows (K, 2, S, S) of each of `READS`, as the flow stage computes them."""
    short, targets = key_scene(scene, FRAMES)
    shown = list(frames(short))
    rigid = list(template().rigid)
    transform = fit_similarity(scene.subject.landmarks[rigid], template().points[rigid])

    def flow(start: int, target: int) -> Floats:
        reference = warp_face(shown[start], transform, config.flow.size)
        return movement(reference, shown[target], transform, config).uv

    first = flow(0, 1)
    return {
        "x": first[None],
        "phases": np.stack([first, flow(1, 2)]),
        "sequence": np.stack([flow(0, target) for target in targets]),
    }


def tensor_of(flows: Floats, reads: str, size: int, config: Config) -> Floats:
    """Return what a model gets: (3, S, S) of one map, (K, 3, S, S) of several."""
    reduce = flow_tensor if reads == "x" else sequence_tensor
    return reduce(
        flows[0] if reads == "x" else flows,
        size=size,
        inter_ocular=template().inter_ocular * config.flow.size,
        **config.tensor.model_dump(exclude={"size"}),
    )


def made_clips(photos: Path | None, clips: int, peak: float | None) -> Iterator[tuple[int, Scene]]:
    """Yield the face and the scene of every made clip.

    Action units lag behind each other, part of the movement stays, heads turn, eyes blink,
    lamps flicker (`mepipe.sample.factors.HARD`).

    Parameters
    ----------
    photos
        Photographs of faces; None: scikit-image's astronaut.
    clips
        Of each face, the three classes in turn.
    peak
        Largest motion, px of the frame; None: 0.8 to 2, drawn for each clip.
    """
    for face, photo in enumerate(load_photos(photos)):
        subject = make_subject(photo, face, 0)
        for clip in range(clips):
            scene = make_scene(subject, face, clip, 0, HARD)
            if peak is not None:
                factor = np.float32(peak / scene.amplitude)
                blinks = [part for part in scene.parts if not part.shown]
                moved = [replace(p, field=p.field * factor) for p in scene.parts if p.shown]
                scene = replace(scene, parts=(*moved, *blinks), amplitude=peak)
            yield face, scene


def measure(
    photos: Path | None,
    *,
    clips: int = CLIPS,
    peak: float | None = None,
    compared: Sequence[tuple[str, int]] = COMPARED,
    seeds: int = 1,
    network: bool = False,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[MapRow], None] = lambda row: None,
) -> list[MapRow]:
    """Measure maps and sizes on faces that the model has not seen.

    Parameters
    ----------
    photos, clips, peak
        As for `made_clips`.
    compared
        What of `COMPARED`; the first row is the measure of the others.
    seeds
        Trainings of the network on each split; their counts are added.
    network
        Train the SPP network beside the SVM.
    progress
        Called with (clips made, their total).
    report
        Called with each row when it is done.

    Raises
    ------
    UsageError
        If there are fewer than four faces.
    """
    require("train", "the benchmark of maps")
    import cv2

    cv2.setNumThreads(1)
    config = load_config()
    count = len(load_photos(photos))
    if count < FEWEST_FACES:
        raise UsageError(
            f"maps are compared on faces that a model has not seen, and there are {count} faces",
            f"Give a folder of at least {FEWEST_FACES} photographs with --photos.",
        )
    x: dict[tuple[str, int], list[Floats]] = {one: [] for one in compared}
    faces: list[int] = []
    y: list[int] = []
    for face, scene in made_clips(photos, clips, peak):
        flows = flows_of(scene, config)
        for reads, size in compared:
            x[reads, size].append(tensor_of(flows[reads], reads, size, config))
        faces.append(face)
        y.append(LABELS.index(choose_label(face, len(y) % clips)))
        if progress is not None:
            progress(len(y), count * clips)
    rows: list[MapRow] = []
    first: list[Counts] = []
    for reads, size in compared:
        given = np.stack(x[reads, size]), np.array(y), np.array(faces)
        svm, _ = confusions(*given, {"name": "svm"}, range(1))
        spp, seconds = confusions(*given, {"name": "spp"}, range(seeds * network))
        first = first or [svm, spp]
        scores = [_score(some) for some in (svm, spp)]
        gains = [gain_over(some, other) for some, other in zip((svm, spp), first, strict=True)]
        rows.append(MapRow(reads, size, scores[0], gains[0], scores[1], gains[1], seconds))
        report(rows[-1])
    return rows


def confusions(
    x: Floats, y: Counts, faces: Counts, model: Mapping[str, str], seeds: Sequence[int]
) -> tuple[Counts, float]:
    """Return the confusions (faces, K, K) of a model on faces left out, and s a training.

    Faces are left out in `FOLDS` groups, or each by itself where there are fewer. Without a
    seed there is no face.
    """
    every = np.unique(faces)
    found = np.zeros((len(every) if len(seeds) else 0, len(LABELS), len(LABELS)), np.int64)
    # One network, not the mean of two: this compares features.
    training = load_config().train.model_dump() | {"members": 1}
    spent, trained = 0.0, 0
    for seed in seeds:
        for fold in range(min(FOLDS, len(every))):
            out = np.isin(faces, every[fold::FOLDS])
            started = time.process_time()
            made = fit(
                x[~out], y[~out], classes=len(LABELS), model=model, training=training, seed=seed
            )
            spent, trained = spent + time.process_time() - started, trained + 1
            answers = made.predict(x[out]).argmax(axis=1)
            for face in every[fold::FOLDS]:
                own = faces[out] == face
                found[np.searchsorted(every, face)] += confusion(
                    y[out][own], answers[own], len(LABELS)
                )
    return found, spent / trained if trained else float("nan")


def _score(counts: Counts) -> float:
    return float(uf1(counts.sum(axis=0))) if len(counts) else float("nan")


def map_table(rows: Sequence[MapRow]) -> str:
    """Return the measurements as Markdown."""
    network = any(row.network_uf1 == row.network_uf1 for row in rows)
    lines = [
        "| reads | cells | SVM: UF1 | more than the first |"
        + (" SPP network: UF1 | more | s a training |" if network else ""),
        "|" + "---|" * (7 if network else 4),
    ]
    for row in rows:
        cells = [row.reads, f"{row.size} x {row.size}", *_told(row.uf1, row.gain, row == rows[0])]
        if network:
            cells += _told(row.network_uf1, row.network_gain, row == rows[0])
            cells.append(f"{row.training_s:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _told(score: float, gain: tuple[float, float, float], first: bool) -> list[str]:
    more, low, high = gain
    return [f"{score:.3f}", "" if first else f"{more:+.3f} [{low:+.3f}, {high:+.3f}]"]
