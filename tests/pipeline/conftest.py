"""A small annotated sample, and runs over it without the command line."""

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
