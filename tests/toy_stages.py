"""Stages of plain numpy in the place of the real ones, for runs that take 50 ms."""

import os
import time
from contextlib import contextmanager

import numpy as np

from mepipe.cache.store import open_store
from mepipe.config import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.execution.context import Context
from mepipe.pipeline import compute
from mepipe.run import Run
from mepipe.stages import STAGES, Result

# Small faces: what is tested here is what is computed when, not how well.
QUICK = ("flow.size=64", "flow.scales=3", "flow.outer_iterations=2", "train.epochs=2",
         "report.enabled=false")  # fmt: skip


def install(seconds=0.0, names=("face", "flow", "tensor")):
    """Put the toys of these names in place; each takes ``seconds``."""

    def seed(clip):
        time.sleep(seconds)
        return int(clip.frames.digest(0)[:8], 16)

    def face(clip, config, upstream):
        points = np.random.default_rng(seed(clip)).random((68, 2))
        values = {
            "transforms": [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]],
            "faces": 1, "searched": 0, "quality": 1.0, "inter_ocular_px": 100.0,
            "frontal": 1.0, "roll": 0.0, "likeness": 1.0, "moved": 0.0,
            "brightest": 200.0, "contrast": 100.0, "clipped": 0.0,
        }  # fmt: skip
        return Result(values, {"box": np.arange(4.0), "landmarks": points})

    def flow(clip, config, upstream):
        uv = np.random.default_rng(seed(clip)).random((2, 8, 8), dtype=np.float32)
        values = {"uv": clip.frames.digest(0), "inter_ocular": 60.0}
        return Result(values, {"uv": uv, "motion": np.eye(2, 3)})

    def tensor(clip, config, upstream):
        uv = upstream.arrays("flow")["uv"]
        return Result({}, {"x": np.stack([uv[0], uv[1], uv[0] * uv[1]])})

    for stage in STAGES:
        toy = {"face": face, "flow": flow, "tensor": tensor}.get(stage.name)
        if toy is not None and stage.name in names:
            # The one object that every module has; a frozen dataclass.
            object.__setattr__(stage, "compute", toy)


@contextmanager
def toys():
    """Put all toys in place for the body."""
    before = {stage.name: stage.compute for stage in STAGES}
    models, compute.check_models = compute.check_models, lambda: None
    install()
    try:
        yield
    finally:
        compute.check_models = models
        for stage in STAGES:
            object.__setattr__(stage, "compute", before[stage.name])


def toy_clips(folder, clips):
    """Write annotated clips of eight tiny files that only the toys take for frames."""
    rows = ["subject,clip,emotion,onset,apex,offset,fps"]
    for number in range(clips):
        subject, clip = f"s{number % 7:02d}", f"c{number // 7:04d}"
        place = folder / subject / clip
        place.mkdir(parents=True)
        for frame in range(1, 9):
            path = place / f"{frame:03d}.jpg"
            path.write_bytes(f"{number} {frame}".encode())
            os.utime(path, (1_700_000_000, 1_700_000_000))
        emotion = ("happiness", "surprise", "disgust")[number % 3]
        rows.append(f"{subject},{clip},{emotion},2,{4 + number % 3},{7 + number // 3 % 2},200")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def toy_process(data, cache, out, computed, seconds=0.0, settings=()):
    """One run of toy stages in a process of its own; says in a file what it computed."""
    install(seconds)
    compute.check_models = lambda: None
    config = load_config(None, ["flow.engine=opencv", "report.enabled=false", *settings])
    datasets = open_datasets([str(data)])
    report = Run(datasets, config, Context(open_store(cache)), out=out, until="pack").execute()
    done = {step: number for step, number in report.computed.items() if number}
    computed.write_text(repr(done))
    os._exit(0 if report.usable and not report.failures else 3)


def real_process(data, cache, out, settings):
    """One run of the real stages in a process of its own."""
    config = load_config(None, ["report.enabled=false", *settings])
    datasets = open_datasets([str(data)])
    report = Run(datasets, config, Context(open_store(cache)), out=out, until="pack").execute()
    os._exit(0 if report.usable and not report.failures else 3)
