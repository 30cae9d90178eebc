"""A small annotated sample, and runs over it without the command line."""

import os
import shutil

import pytest
from toy_stages import QUICK, install

from mepipe.config import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.execution.progress import NoProgress
from mepipe.pipeline.run import Run
from mepipe.pipeline.run_report import RunOptions


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
        return Run(found, config, chosen, NoProgress())

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
    from mepipe.pipeline import run
    from mepipe.stages import STAGES

    before = {stage.name: stage.compute for stage in STAGES}
    monkeypatch.setattr(run, "_check_models", lambda: None)
    install()
    yield
    for stage in STAGES:
        object.__setattr__(stage, "compute", before[stage.name])


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
