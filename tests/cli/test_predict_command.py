"""``mepipe predict`` answers on one clip, or says why not."""

import csv
import json
import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from mepipe.cli import main

KEYS = [
    "schema", "label", "probabilities", "micro", "px", "onset", "apex", "offset", "onset_s",
    "apex_s", "offset_s", "confidence", "out_of_range", "picture", "reason", "model",
]  # fmt: skip


@pytest.fixture
def ask(trained_sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(clip, *options, model=trained_sample.model):
        named = [] if model is None else ["--model", str(model)]
        arguments = ["predict", str(clip), *named, *map(str, options)]
        return CliRunner().invoke(main, arguments)

    return call


def test_a_video_and_its_folder_have_the_same_label(ask, trained_sample):
    film = ask(trained_sample.video, "--json")
    assert film.exit_code == 0, film.output
    one = json.loads(film.stdout)
    assert list(one) == KEYS
    folder = ask(trained_sample.folder, "--fps", 200, "--json")
    two = json.loads(folder.stdout)
    assert one["label"] == two["label"] == max(one["probabilities"], key=one["probabilities"].get)
    assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert (one["picture"], two["picture"]) == ("film-prediction.png", "c02-prediction.png")
    assert cv2.imread("film-prediction.png").shape[1] > 1000


def test_a_person_reads_class_times_and_where_the_picture_is(ask, trained_sample):
    answer = ask(trained_sample.video, "--picture", "mine.png")
    assert answer.exit_code == 0, answer.output
    for words in ("positive 0.", "onset       frame", "confidence", "picture     mine.png"):
        assert words in answer.stdout
    assert not ask(trained_sample.video, "--no-picture").stdout.count("picture")


@pytest.mark.slow
def test_what_is_no_micro_expression_is_said_first_and_without_a_share(ask, trained_sample):
    slow = ask(trained_sample.video, "--fps", 25, "--picture", "slow.png")
    assert slow.exit_code == 0, slow.output
    first, second, *others = slow.stdout.splitlines()
    assert re.fullmatch(
        r"\d\.\d\d s, \d+\.\d px: not a micro-expression; the classes do not apply", first
    )
    assert re.match(r"outside     the model would say \w+; its classes are of micro-expr", second)
    assert not re.search(r"(negative|positive|surprise) 0\.", slow.stdout)
    assert not any("not a micro-expression" in line for line in others)
    told = json.loads(ask(trained_sample.video, "--fps", 25, "--no-picture", "--json").stdout)
    assert told["micro"] is False
    assert told["out_of_range"] == first
    usual = json.loads(ask(trained_sample.video, "--no-picture", "--json").stdout)
    assert (usual["micro"], usual["out_of_range"]) == (True, None)
    assert 0.2 < usual["px"] < 3


@pytest.mark.slow
def test_without_a_model_the_one_that_comes_with_mepipe_answers_and_says_what_it_is(
    ask, trained_sample, pretrained
):
    answer = ask(trained_sample.video, "--no-picture", model=None)
    assert answer.exit_code == 0, answer.output
    line = answer.stdout.splitlines()[-1]
    assert line.startswith("model       pretrained: trained on made movements only")
    assert "negative, positive and surprise; UF1 0.875" in line
    told = json.loads(ask(trained_sample.video, "--no-picture", "--json", model=None).stdout)
    assert list(told) == KEYS
    assert told["model"] == {
        "name": "pretrained",
        "kind": "synthetic",
        "figures": [{"on": "made clips of other faces", "uf1": 0.875, "uar": 0.8125}],
    }
    named = ask(trained_sample.video, "--no-picture", "--json", model="pretrained")
    assert json.loads(named.stdout) == told
    own = json.loads(ask(trained_sample.video, "--no-picture", "--json").stdout)
    name = str(trained_sample.model)
    assert own["model"] == {"name": name, "kind": "trained", "figures": []}
    assert "made movements" not in ask(trained_sample.video, "--no-picture").stdout


def test_an_installation_without_its_weights_is_exit_2_and_damaged_ones_5(
    ask, trained_sample, pretrained
):
    pretrained.write_bytes(pretrained.read_bytes()[:-10])
    answer = ask(trained_sample.video, "--json", model=None)
    assert answer.exit_code == 5
    assert "--force-reinstall" in answer.stderr
    assert json.loads(answer.stdout)["model"] is None
    pretrained.unlink()
    answer = ask(trained_sample.video, model=None)
    assert answer.exit_code == 2
    assert "not in this installation" in answer.stderr


def test_no_answer_is_exit_3_with_a_reason(ask, trained_sample, tmp_path):
    clip = tmp_path / "grey"
    clip.mkdir()
    for path in sorted(trained_sample.folder.iterdir())[:4]:
        cv2.imwrite(str(clip / path.name), np.full((120, 160), 90, np.uint8))
    answer = ask(clip, "--fps", 200, "--json")
    assert answer.exit_code == 3
    told = json.loads(answer.stdout)
    assert list(told) == KEYS
    assert told["label"] is None
    assert told["probabilities"] == {}
    assert told["picture"] is None
    assert "no face" in told["reason"]
    answer = ask(clip, "--fps", 200)
    assert answer.exit_code == 3
    assert answer.stdout.startswith("no answer: no face")


def test_what_cannot_be_decoded_is_said(ask, trained_sample, tmp_path):
    (tmp_path / "notes.txt").write_text("no film")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "cut.avi").write_bytes(trained_sample.video.read_bytes()[:3000])
    bad = shutil.copytree(trained_sample.folder, tmp_path / "bad")
    first = sorted(bad.iterdir())[0]
    first.write_bytes(first.read_bytes()[:2000])
    reasons = {}
    for name in ("notes.txt", "empty.mp4", "cut.avi", "bad"):
        answer = ask(name, "--fps", 200, "--json")
        assert answer.exit_code == 3, answer.output
        reasons[name] = json.loads(answer.stdout)["reason"]
    assert "not a video" in reasons["notes.txt"]
    assert "empty" in reasons["empty.mp4"]
    assert "cut.avi" in reasons["cut.avi"]
    assert f"bad/{first.name}: the frame is a truncated JPEG" in reasons["bad"]


def test_a_folder_of_clips_is_no_clip(ask, trained_sample, tmp_path):
    (tmp_path / "nothing").mkdir()
    answer = ask("nothing")
    assert answer.exit_code == 2
    assert "no images and no videos" in answer.output
    for wrong in ("none.mp4", sorted(trained_sample.folder.iterdir())[0]):
        assert ask(wrong).exit_code == 2


@pytest.mark.slow
def test_a_folder_of_clips_or_several_files_give_one_table(ask, trained_sample, tmp_path):
    (tmp_path / "notes.mp4").write_text("no film")
    answer = ask(trained_sample.folder.parent, trained_sample.video, "notes.mp4", "--fps", 200)
    assert answer.exit_code == 3, answer.output
    assert answer.stdout.splitlines()[-1] == "table       mepipe-predictions.csv"
    with (tmp_path / "mepipe-predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["clip"]).name for row in rows] == [
        "c01", "c02", "c03", trained_sample.video.name, "notes.mp4",
    ]  # fmt: skip
    assert [bool(row["label"]) for row in rows] == [True] * 4 + [False]
    assert "not a video" in rows[-1]["reason"]
    for row in rows[:-1]:
        shares = [row[f"p_{name}"] for name in ("negative", "positive", "surprise")]
        assert row["micro"] == "yes"
        assert sum(map(float, shares)) == pytest.approx(1, abs=1e-4)
    assert not list(tmp_path.glob("*.png"))
    # The same answers as for one clip alone.
    alone = json.loads(ask(trained_sample.folder, "--fps", 200, "--no-picture", "--json").stdout)
    assert (rows[1]["label"], rows[1]["apex"]) == (alone["label"], str(alone["apex"]))


def test_a_table_has_no_share_of_what_is_no_micro_expression(ask, trained_sample, tmp_path):
    answer = ask(trained_sample.video, "--fps", 25, "--out", "slow.csv", "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["out"] == "slow.csv"
    assert told["predictions"][0]["micro"] is False
    with (tmp_path / "slow.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["micro"], row["p_positive"]) == ("no", "")
    assert "not a micro-expression" in row["out_of_range"]


def test_a_table_of_somebody_else_is_not_replaced(ask, trained_sample, tmp_path):
    (tmp_path / "mine.csv").write_text("a,b\n")
    for out, words in (
        ("mine.csv", "is not replaced"),
        ("none/a.csv", "no folder"),
        ("a.txt", ".csv"),
    ):
        answer = ask(trained_sample.video, "--out", out)
        assert answer.exit_code == 2
        assert words in answer.output
    assert (tmp_path / "mine.csv").read_text() == "a,b\n"
    answer = ask(trained_sample.video, "--out", "b.csv", "--picture", "b.png")
    assert answer.exit_code == 2


def test_options_that_cannot_be_right(ask, trained_sample):
    for options in (
        ("--picture", "a.png", "--no-picture"),
        ("--picture", trained_sample.video),
        ("--picture", "none/a.png"),
        ("--fps", 0),
    ):
        answer = ask(trained_sample.video, *options, "--json")
        assert answer.exit_code == 2, answer.output
        assert answer.stdout == ""


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_costs_the_picture_alone(ask, trained_sample, tmp_path):
    tmp_path.chmod(0o500)
    try:
        answer = ask(trained_sample.video, "--json")
    finally:
        tmp_path.chmod(0o700)
    _only_the_picture(answer)


def test_a_picture_that_cannot_be_written_costs_the_picture_alone(ask, trained_sample, tmp_path):
    (tmp_path / "film-prediction.png").mkdir()
    _only_the_picture(ask(trained_sample.video, "--json"))


def _only_the_picture(answer):
    assert answer.exit_code == 6
    assert answer.stderr.count("\n") == 1
    told = json.loads(answer.stdout)
    assert told["label"] is not None
    assert told["picture"] is None
    assert "film-prediction.png" in told["error"]["message"]


def test_a_damaged_model_is_exit_5_with_json(ask, trained_sample, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(trained_sample.model.read_bytes()[:-100])
    answer = ask(trained_sample.video, "--json", model=cut)
    assert answer.exit_code == 5
    told = json.loads(answer.stdout)
    assert told["label"] is None
    assert "damaged" in told["reason"]


@pytest.mark.slow
def test_real_videos(ask, shared_data):
    answer = ask(shared_data / "videos" / "single_face.mp4", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["apex_s"] > 0
    answer = ask(shared_data / "videos" / "no_face.mp4", "--json")
    assert answer.exit_code == 3
    assert "no face" in json.loads(answer.stdout)["reason"]


def test_a_name_that_is_no_text_does_not_cost_the_table(tmp_path, monkeypatch, capsys):
    from types import SimpleNamespace

    from mepipe.cli.predict_many import predict_many
    from mepipe.inference import many
    from mepipe.inference.predictor import Prediction

    monkeypatch.setattr(many, "predict_recording", lambda *_, **__: None)
    predictor = SimpleNamespace(
        classes=("a",), facts={}, clip=lambda clip, fps: Prediction(reason="no face")
    )
    out = tmp_path / "answers.csv"
    clips = [Path("a\udce4b.mp4"), Path("=1+2.mp4")]
    predict_many(predictor, clips, None, out, lambda *_: None, as_json=True)
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [row["clip"] for row in rows] == ["a\\udce4b.mp4", "'=1+2.mp4"]
