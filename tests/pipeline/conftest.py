"""A small annotated sample, and runs over it without the command line."""

import os
import shutil

import pytest

from mepipe.config import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.pipeline.model import RunOptions
from mepipe.pipeline.run import Run

# Small faces: what is tested here is what is computed when, not how well.
QUICK = ("flow.size=64", "flow.scales=3", "flow.outer_iterations=2", "train.epochs=2")


class Quiet:
    def begin(self, title, total):
        pass

    def advance(self):
        pass

    def end(self):
        pass


@pytest.fixture(scope="session")
def pristine_sample(tmp_path_factory):
    pytest.importorskip("skimage")
    from mepipe.sample import write

    out = tmp_path_factory.mktemp("data") / "sample"
    write(out, subjects=2, clips=2, seed=0)
    return out


@pytest.fixture
def sample(pristine_sample, tmp_path):
    return shutil.copytree(pristine_sample, tmp_path / "sample")


@pytest.fixture
def make_run(tmp_path):
    def make(*datasets, settings=(), **options):
        chosen = RunOptions(
            **{
                "cache": tmp_path / "cache",
                "out": tmp_path / "out",
                "until": "pack",
                **options,
            }
        )
        config = load_config(None, [*QUICK, *settings])
        found = open_datasets([str(dataset) for dataset in datasets])
        return Run(found, config, chosen, Quiet())

    return make


@pytest.fixture
def run(make_run):
    """Run over the datasets and return the report."""

    def execute(*datasets, **options):
        return make_run(*datasets, **options).execute()

    return execute


@pytest.fixture
def toy(monkeypatch):
    """Stages of plain numpy: keys, cache and outputs are the real ones, a run takes 50 ms."""
    import numpy as np

    from mepipe.pipeline import run
    from mepipe.stages import STAGES, Result

    def seed(clip):
        return int(clip.frames.digest(0)[:8], 16)

    def face(clip, config, upstream):
        points = np.random.default_rng(seed(clip)).random((68, 2))
        values = {
            "transforms": [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]],
            "faces": 1, "searched": 0, "quality": 1.0, "inter_ocular_px": 100.0,
        }  # fmt: skip
        return Result(values, {"box": np.arange(4.0), "landmarks": points})

    def flow(clip, config, upstream):
        uv = np.random.default_rng(seed(clip)).random((2, 8, 8), dtype=np.float32)
        values = {"uv": clip.frames.digest(0), "inter_ocular": 60.0}
        return Result(values, {"uv": uv, "motion": np.eye(2, 3)})

    def tensor(clip, config, upstream):
        uv = upstream.arrays("flow")["uv"]
        return Result({}, {"x": np.stack([uv[0], uv[1], uv[0] * uv[1]])})

    made = {"face": face, "flow": flow, "tensor": tensor}
    for stage in STAGES:
        if stage.name in made:
            # The one object that every module has; a frozen dataclass.
            before = stage.compute
            object.__setattr__(stage, "compute", made[stage.name])
            monkeypatch.setitem(_UNDO, stage.name, (stage, before))
    monkeypatch.setattr(run, "_check_models", lambda: None)
    yield
    for stage, before in _UNDO.values():
        object.__setattr__(stage, "compute", before)


_UNDO = {}


@pytest.fixture
def toy_data(tmp_path):
    """Annotated clips of eight tiny files that only the toy stages take for frames."""

    def make(clips=3, name="toy"):
        rows = ["subject,clip,emotion,onset,apex,offset,fps"]
        for number in range(clips):
            subject, clip = f"s{number % 7:02d}", f"c{number // 7:04d}"
            folder = tmp_path / name / subject / clip
            folder.mkdir(parents=True)
            for frame in range(1, 9):
                path = folder / f"{frame:03d}.jpg"
                path.write_bytes(f"{number} {frame}".encode())
                os.utime(path, (1_700_000_000, 1_700_000_000))
            emotion = ("happiness", "surprise", "disgust")[number % 3]
            rows.append(f"{subject},{clip},{emotion},2,{4 + number % 3},{7 + number // 3 % 2},200")
        (tmp_path / name / "labels.csv").write_text("\n".join(rows) + "\n")
        return tmp_path / name

    return make


@pytest.fixture
def toy_run(toy, make_run):
    """Make a run of toy stages."""

    def make(*datasets, settings=(), **options):
        return make_run(*datasets, settings=["flow.engine=opencv", *settings], **options)

    return make
