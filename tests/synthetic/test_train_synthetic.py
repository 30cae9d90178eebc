"""The network that comes with mepipe is made by one command, the same again."""

import json

import pytest
from click.testing import CliRunner

from mepipe.cli import main
from mepipe.errors import UsageError
from mepipe.evaluation.model_card import read_card
from mepipe.synthetic import train as synthetic
from mepipe.synthetic.train import train_synthetic

TINY = {"fields": 30, "rendered": 3, "epochs": 1}

pytest.importorskip("skimage", reason="movements are rendered from a photograph of scikit-image")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "m.safetensors"
    return path, train_synthetic(path, **TINY)


@pytest.mark.slow
def test_the_card_says_what_it_is(made):
    path, card = made
    read = read_card(path)
    assert json.loads(path.with_suffix(".json").read_text()) == json.loads(json.dumps(card))
    assert read["synthetic"] == {"seed": 0, "fields": 30, "rendered": 3}
    assert read["clips"] == []
    assert read["inputs"]["per_clip"] is True
    assert [one["on"] for one in read["figures"]] == [
        "made flow fields held out", "rendered movements held out",
    ]  # fmt: skip
    assert all(sum(map(sum, one["confusion"])) == one["clips"] for one in read["figures"])


@pytest.mark.slow
def test_the_command_writes_the_same_bytes_again(made, tmp_path, monkeypatch):
    for name, value in (("FIELDS", 30), ("RENDERED", 3)):
        monkeypatch.setattr(synthetic, name, value)
    monkeypatch.setattr(synthetic, "SETTINGS", synthetic.SETTINGS.model_copy(update={"epochs": 1}))
    out = tmp_path / "w.safetensors"
    result = CliRunner().invoke(main, ["train", "--synthetic", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "30 made flow fields and 3 rendered movements" in result.output
    assert out.read_bytes() == made[0].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--synthetic", "features.h5"], "takes no features"),
        (["--synthetic", "--set", "train.epochs=3"], "takes no features"),
        (["--synthetic", "--from", "pretrained"], "takes no features"),
        ([], "no features to train on"),
        (["--synthetic", "--out", "model.pt"], "does not end in .safetensors"),
    ],
)
def test_what_does_not_go_together_is_said(arguments, words):
    result = CliRunner().invoke(main, ["train", *arguments])
    assert result.exit_code == 2
    assert words in result.output


def test_a_missing_photograph_is_said_before_the_work(monkeypatch, tmp_path):
    def gone(source):
        raise UsageError("scikit-image is missing", "Install it.")

    monkeypatch.setattr(synthetic, "load_photos", gone)
    with pytest.raises(UsageError, match="scikit-image"):
        train_synthetic(tmp_path / "m.safetensors")


def test_a_file_of_yours_beside_it_is_not_replaced(tmp_path):
    (tmp_path / "m.json").write_text('{"mine": 1}')
    with pytest.raises(UsageError, match="is not a model card of mepipe"):
        train_synthetic(tmp_path / "m.safetensors")
    assert (tmp_path / "m.json").read_text() == '{"mine": 1}'
