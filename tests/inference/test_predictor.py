"""A saved model's answer on a new clip, in Python."""

import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

import mepipe
from mepipe.errors import DamageError, UsageError
from mepipe.evaluation.saved_model import encode_model, load_model
from mepipe.inference.predictor import Prediction, settings_of


@pytest.fixture(scope="module")
def predictor(trained_sample):
    return mepipe.Predictor(trained_sample.model)


@pytest.fixture(scope="module")
def frames(trained_sample):
    return np.stack([cv2.imread(str(path)) for path in sorted(trained_sample.folder.iterdir())])


def row(features, ending):
    return next(n for n, clip in enumerate(features.clip) if clip.endswith(ending))


def test_predictor_features_equal_those_of_a_run(trained_sample, predictor, frames):
    features = trained_sample.features
    of_run = features.x[row(features, "s01/c02")]
    answer = predictor.clip(trained_sample.folder, fps=200)
    assert answer.x.tobytes() == of_run.tobytes()
    assert predictor(frames, 200).x.tobytes() == of_run.tobytes()
    film = predictor.clip(trained_sample.video)
    assert film.x.tobytes() == features.x[row(features, "s02/film")].tobytes()
    for name in ("onset", "apex", "offset"):
        assert getattr(answer, name) == features.columns[name][row(features, "s01/c02")]


def test_predictor_answers_alike_for_frames_video_and_folder(trained_sample, predictor, frames):
    answer = predictor.clip(trained_sample.folder, fps=200)
    assert predictor(frames, 200) == answer
    assert predictor(iter(frames), 200) == answer
    film = predictor.clip(trained_sample.video)
    assert (film.label, film.apex_s) == (answer.label, pytest.approx(answer.apex_s, abs=0.015))


def test_predictor_answer_is_that_of_the_saved_model(trained_sample, predictor):
    answer = predictor.clip(trained_sample.folder, fps=200)
    expected = load_model(trained_sample.model).predict(answer.x[None])[0]
    assert list(answer.probabilities) == list(predictor.classes)
    assert list(answer.probabilities.values()) == expected.tolist()
    assert answer.label == predictor.classes[int(expected.argmax())]
    assert answer.reason is None
    assert 0 <= answer.onset < answer.apex <= answer.offset
    assert answer.apex_s == pytest.approx(answer.apex / 200)
    features = trained_sample.features
    at = row(features, "s01/c02")
    assert answer.confidence == pytest.approx(features.columns["apex_confidence"][at])
    assert answer.png().startswith(b"\x89PNG")


def test_the_rate_that_is_given_goes_before_the_video_s(trained_sample, predictor):
    slow = predictor.clip(trained_sample.video, fps=100)
    assert slow.apex_s == pytest.approx(slow.apex / 100)


def test_predictor_keeps_the_times_of_a_folder_with_gaps(trained_sample, predictor, tmp_path):
    folder = shutil.copytree(trained_sample.folder, tmp_path / "gap")
    sorted(folder.iterdir())[3].unlink()
    answer = predictor.clip(folder, fps=200)
    assert answer.apex_s == pytest.approx((answer.apex + 1) / 200)


def test_grey_images_and_arrays_are_the_same(predictor, frames, tmp_path):
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames])
    for number, frame in enumerate(grey):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), frame)
    assert predictor(grey, 200).x.tobytes() == predictor.clip(tmp_path, 200).x.tobytes()


def refused(answer):
    assert answer == Prediction(reason=answer.reason)
    return answer.reason


@pytest.mark.slow
def test_without_a_face_or_a_movement_there_is_no_answer(predictor, frames):
    assert "no face" in refused(predictor(np.full((2, 120, 160), 90, np.uint8), 200))
    noise = np.random.default_rng(0).normal(0, 1.2, frames.shape)
    still = np.clip(np.rint(frames[:1] + noise), 0, 255).astype(np.uint8)
    answer = predictor(still, 200)
    assert "no movement" in refused(answer)
    assert answer.png().startswith(b"\x89PNG")
    assert "no motion" in refused(predictor(frames[:1].repeat(20, axis=0), 200))
    assert "one frame" in refused(predictor(frames[:1], 200))


def test_predictor_has_no_answer_for_an_unknown_rate(predictor, frames):
    answer = predictor(frames)
    assert "--fps" in refused(answer)
    assert answer.png().startswith(b"\x89PNG")


def card_with(trained_sample, path, change):
    model = load_model(trained_sample.model)
    card = {**model.card, "features": {**model.card["features"]}}
    card["features"]["settings"] = change(dict(card["features"]["settings"]))
    path.write_bytes(encode_model(model.ensemble, card))
    return path


def test_without_spotting_by_motion_no_rate_is_needed(trained_sample, frames, tmp_path):
    def middle(settings):
        return {**settings, "spot": {**settings["spot"], "method": "middle"}}

    predictor = mepipe.Predictor(card_with(trained_sample, tmp_path / "m.safetensors", middle))
    answer = predictor(frames)
    assert answer.label in predictor.classes
    assert (answer.onset_s, answer.apex_s, answer.offset_s) == (None, None, None)
    assert (answer.micro, answer.out_of_range) == (None, None)
    assert "its length is unknown" in answer.cautions[-1]
    assert answer.apex == len(frames) // 2
    assert answer.confidence == 0
    assert "no movement" in refused(predictor(frames[:1].repeat(20, axis=0)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: {"tensor": s["tensor"], "imported": {}}, "imported features"),
        (lambda s: {k: v for k, v in s.items() if k != "spot"}, "spot.method was"),
        (lambda s: {**s, "flow": {**s["flow"], "new": 1}}, "flow.new"),
        (lambda s: {**s, "face": 3}, "face"),
    ],
    ids=["imported", "a section lacks", "unknown setting", "no section"],
)
def test_a_model_for_other_features_is_refused(change, words, trained_sample, tmp_path):
    path = card_with(trained_sample, tmp_path / "m.safetensors", change)
    with pytest.raises(UsageError, match=words) as error:
        mepipe.Predictor(path)
    assert "mepipe run" in error.value.remedy


def test_the_settings_are_the_card_s(trained_sample):
    config = settings_of(load_model(trained_sample.model))
    assert (config.flow.size, config.flow.scales, config.spot.threshold) == (64, 3, 1.3)


def test_a_model_of_one_s_own_is_used_if_trusted(trained_sample, frames, tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n"
        "def make(channels, size, classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    model = trained_sample.train(tmp_path / "own.safetensors", "my_nets:make")
    with pytest.raises(UsageError, match="needs the code of my_nets:make"):
        mepipe.Predictor(model)
    assert mepipe.Predictor(model, trust="my_nets:make")(frames, 200).label


def test_a_model_that_is_missing_or_damaged_is_refused(trained_sample, tmp_path):
    with pytest.raises(UsageError, match="no model file"):
        mepipe.Predictor(tmp_path / "none.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(trained_sample.model.read_bytes()[:-100])
    with pytest.raises(DamageError):
        mepipe.Predictor(cut)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no frames"),
        (np.zeros((0, 8, 8), np.uint8), "no frames"),
        (np.zeros((3, 8, 8, 3), np.float32), "float32"),
        (np.zeros((3, 8, 8, 4), np.uint8), r"shape \(8, 8, 4\)"),
        (np.zeros((8, 8), np.uint8), "not .T, H, W"),
        ([np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)], "frame 1 is 9 x 8 px"),
        (["frame.png"], "frame 0 is a str"),
        (5, "int holds no frames"),
    ],
)
def test_predictor_refuses_arrays_that_are_not_a_clip(predictor, frames, words):
    with pytest.raises(UsageError, match=words):
        predictor(frames, 200)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_predictor_refuses_an_invalid_rate(predictor, frames, fps):
    with pytest.raises(UsageError, match="not a valid rate"):
        predictor(frames, fps)


def test_naming_predictor_imports_nothing():
    program = (
        "import sys, mepipe; assert 'Predictor' in mepipe.__all__; "
        "assert not {'torch', 'cv2', 'h5py', 'pydantic'} & set(sys.modules); "
        "from mepipe import Predictor; "
        "assert not {'torch', 'cv2', 'dlib', 'numba', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_predictor_accepts_arrays_of_any_layout_and_size(predictor, frames):
    rgb = np.ascontiguousarray(frames[..., ::-1])
    assert predictor(rgb[..., ::-1], 200) == predictor(frames, 200)
    assert "no face" in refused(predictor(np.zeros((3, 2, 5), np.uint8), 200))


def test_predictor_refuses_probabilities_that_are_not_finite(trained_sample, frames, tmp_path):
    model = load_model(trained_sample.model)
    for member in model.ensemble.members:
        for value in member.network.parameters():
            value.data.fill_(float("nan"))
    path = tmp_path / "nan.safetensors"
    path.write_bytes(encode_model(model.ensemble, model.card))
    with pytest.raises(DamageError, match="not finite numbers"):
        mepipe.Predictor(path)(frames, 200)


def test_make_ready_reports_the_compilation(monkeypatch):
    from mepipe.config import Config
    from mepipe.flow import engine, kernels
    from mepipe.inference.clip import make_ready

    said = []

    class Heard:
        def begin(self, title, total):
            said.append(title)

        def advance(self):
            said.append("done")

        def end(self):
            said.append("end")

    monkeypatch.setattr(engine, "compile_all", lambda: said.append("compiled"))
    monkeypatch.setattr(kernels, "is_compiled", lambda: True)
    make_ready(Config(), Heard())
    assert said == ["compiled"]
    monkeypatch.setattr(kernels, "is_compiled", lambda: False)
    make_ready(Config(), Heard())
    assert said[1:] == [
        "compiling the flow engine (only this once)", "compiled", "done", "end",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("confidence", "offset_s", "words"),
    [
        (0.08, 0.4, ["the movement is weak"]),
        (0.9, 1.9, ["1.80 s: not a micro-expression"]),
        (0.08, 1.9, ["the movement is weak", "1.80 s: not a micro-expression"]),
        (0.9, 0.4, []),
        (0.9, None, ["its length is unknown"]),
    ],
)
def test_prediction_cautions(confidence, offset_s, words):
    from mepipe.inference.predictor import Prediction

    onset_s = None if offset_s is None else 0.1
    found = Prediction("positive", confidence=confidence, onset_s=onset_s, offset_s=offset_s)
    assert len(found.cautions) == len(words)
    assert all(word in caution for word, caution in zip(words, found.cautions, strict=True))
