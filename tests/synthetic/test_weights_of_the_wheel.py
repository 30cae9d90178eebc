"""The weights that come with mepipe suit this version, and know movements they have not seen."""

import json

import numpy as np
import pytest

from mepipe.assets import pretrained_measured, pretrained_path, weights_dir
from mepipe.config import Config
from mepipe.evaluation.metrics import confusion, uf1
from mepipe.evaluation.saved_model import load_model
from mepipe.inference.predictor import Predictor
from mepipe.synthetic.dataset import make_set
from mepipe.synthetic.train import FIELDS, RENDERED


@pytest.fixture(scope="module")
def model():
    return load_model("pretrained")


def test_they_are_small_and_of_the_settings_of_now(model):
    assert pretrained_path().stat().st_size < 150_000
    settings = Config().model_dump(mode="json", by_alias=True)
    model.check(settings, ("u", "v", "strain"))
    assert model.card["synthetic"] == {"seed": 0, "fields": FIELDS, "rendered": RENDERED}
    weights = sum(part.numel() for part in model.ensemble.members[0].network.parameters())
    assert weights < 30_000


def test_they_tell_movements_apart_that_they_have_not_seen(model):
    made = make_set(90, 999, Config().tensor)
    answers = model.predict(made.x).argmax(axis=1)
    assert uf1(confusion(made.y, answers, 3)) > 0.85
    # The form counts, and not the size.
    np.testing.assert_allclose(model.predict(made.x[:6] / 4), model.predict(made.x[:6]), atol=1e-4)


def test_what_was_measured_is_of_these_very_weights():
    told = json.loads((weights_dir() / "measured.json").read_text())
    assert pretrained_measured() == told["figures"]
    assert "real people" in Predictor().about


@pytest.mark.slow
def test_a_real_smile_is_positive_and_a_cartoon_has_no_face(shared_data):
    predictor = Predictor()
    smile = predictor.clip(shared_data / "videos" / "single_face.mp4")
    assert smile.label == "positive"
    assert smile.png()
    assert "no face" in str(predictor.clip(shared_data / "videos" / "no_face.mp4").reason)
