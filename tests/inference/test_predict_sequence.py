"""A model of several maps a clip, on new clips."""

import numpy as np
import pytest

import mepipe
from mepipe.cache.store import open_store
from mepipe.clips.annotation import KeyFrame
from mepipe.clips.clip_input import ClipInput
from mepipe.config import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.errors import UsageError
from mepipe.evaluation.api import train
from mepipe.execution.context import Context
from mepipe.frames import FramesInMemory, Timing
from mepipe.inference.clip import run_stages
from mepipe.run import Run

QUICK = ("flow.size=64", "flow.scales=3", "flow.outer_iterations=2", "spot.threshold=1.3")
PACKED = 'pack.include=["x", "sequence"]'


@pytest.fixture(scope="module")
def made(trained_sample, tmp_path_factory):
    """Return features and a model of two phases and of three frames, by flow.targets."""
    home = trained_sample.features.path.parent
    found = {}
    for wanted in ("phases", "3"):
        out = tmp_path_factory.mktemp(f"targets-{wanted}")
        config = load_config(None, [*QUICK, PACKED, f"flow.targets={wanted}"])
        datasets = open_datasets([str(home / "sample")])
        Run(datasets, config, Context(open_store(home / "cache")), out=out, until="pack").execute()
        features = mepipe.load(out / "features.h5")
        quick = ["train.epochs=2", "train.members=1", "model.width=4", "model.map=sequence"]
        path = out / "model.safetensors"
        train(features, path, settings=quick, device="cpu")
        found[wanted] = features, path
    return found


def row(features, ending):
    return next(n for n, clip in enumerate(features.clip) if clip.endswith(ending))


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["phases", "3"])
def test_what_a_predictor_reads_equals_the_sequence_of_a_run(made, trained_sample, wanted):
    features, path = made[wanted]
    predictor = mepipe.Predictor(path)
    answer = predictor.clip(trained_sample.folder, fps=200)
    of_run = features.read("sequence", [row(features, "s01/c02")])
    assert answer.x.tobytes() == of_run.tobytes()
    expected = mepipe.load_model(path).predict(of_run)[0]
    assert list(answer.probabilities.values()) == expected.tolist()
    # The picture shows the apex, whatever the targets are.
    alone = mepipe.Predictor(trained_sample.model).clip(trained_sample.folder, fps=200)
    assert answer.apex == alone.apex
    np.testing.assert_array_equal(answer.shown.flow, alone.shown.flow)
    np.testing.assert_array_equal(answer.shown.onset_face, alone.shown.onset_face)
    off = np.abs(answer.shown.apex_face.astype(int) - alone.shown.apex_face.astype(int))
    assert off.mean() < 0.5


def test_without_an_offset_there_is_no_answer_and_the_reason(made, trained_sample):
    import cv2

    paths = sorted(trained_sample.folder.iterdir())
    frames = FramesInMemory(np.stack([cv2.imread(str(path)) for path in paths]))
    spotted = mepipe.Predictor(trained_sample.model).clip(trained_sample.folder, fps=200)
    marks = (KeyFrame(at, at, "spotted") for at in (spotted.onset, spotted.apex))
    clip = ClipInput(frames, Timing(200.0), *marks)
    answer = mepipe.Predictor(made["phases"][1]).of_input(clip, "movement")
    assert answer.label is None
    assert "up to its offset, which is unknown" in answer.reason
    assert "offset" in answer.reason
    assert mepipe.Predictor(trained_sample.model).of_input(clip, "movement").label is not None


def test_extracting_a_clip_reads_one_map(trained_sample):
    config = load_config(None, [*QUICK, "flow.targets=phases"])
    from mepipe.inference.clip import open_clip

    clip = open_clip(trained_sample.folder, config.data, 200)
    assert "sequence" not in run_stages(clip, config).results["tensor"].arrays
    both = run_stages(clip, config, reads="sequence")
    assert both.map("sequence").shape == (2, 3, 28, 28)
    np.testing.assert_array_equal(both.map("x"), both.tensor)
    np.testing.assert_array_equal(both.map("sequence")[0], both.tensor)
    assert both.faces.shape == (2, 64, 64)


def test_a_run_whose_model_reads_what_it_does_not_pack_ends_at_once(trained_sample, tmp_path):
    home = trained_sample.features.path.parent
    config = load_config(None, [*QUICK, "model.map=sequence"])
    datasets = open_datasets([str(home / "sample")])
    with pytest.raises(UsageError, match="will not hold"):
        Run(datasets, config, Context(open_store(home / "cache")), out=tmp_path / "out")
    Run(datasets, config, Context(open_store(home / "cache")), out=tmp_path / "out", until="pack")
