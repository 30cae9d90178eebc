"""``mepipe show`` draws a clip."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")

from mepipe.cli import main
from mepipe.config import Config
from mepipe.flow import optical_strain
from mepipe.inference.picture import show
from mepipe.sample import write
from mepipe.viz.clip_picture import clip_png, flow_colours


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    out = tmp_path_factory.mktemp("show") / "made"
    write(out, subjects=1, clips=1)
    return out / "s01" / "c01"


def test_a_clip_becomes_a_picture(clip, tmp_path):
    target = tmp_path / "clip.png"
    arguments = ["show", str(clip), "--out", str(target), "--set", "data.fps=200"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    picture = cv2.imread(str(target))
    assert picture.shape[1] > 1000
    assert picture.std() > 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "method", "measured"),
    [
        ({"data": {"fps": 200}}, "flow-peak", True),
        ({"data": {"fps": 200}, "spot": {"method": "lbp-divide"}}, "lbp-divide", True),
        ({"spot": {"fallback": "middle"}}, "middle", False),
    ],
)
def test_the_picture_says_what_was_done(clip, settings, method, measured, monkeypatch):
    shown = []

    def drawn(picture):
        shown.append(picture)
        return clip_png(picture)

    monkeypatch.setattr("mepipe.inference.picture.clip_png", drawn)
    assert show(clip, Config.model_validate(settings)).startswith(b"\x89PNG")
    (picture,) = shown
    text = "\n".join(picture.lines)
    assert f"method: {method}" in text
    assert "beyond the linear range: 0% of u" in text
    sigma = Config().tensor.strain_sigma
    np.testing.assert_array_equal(picture.strain, optical_strain(picture.flow, sigma))
    assert ("strength" in text) == ("movement" in text) == measured
    assert ("threshold" in text) == (method == "flow-peak")
    assert ("no motion curve" in picture.curve_title) == (not measured)
    if measured:
        assert len(picture.curve) == len(picture.times_ms)
        assert np.nanargmax(picture.curve) == pytest.approx(picture.marks["apex"][0], abs=3)
    else:
        assert picture.curve is None


def test_a_rate_that_is_unknown_is_asked_for(clip, tmp_path):
    result = CliRunner().invoke(main, ["show", str(clip), "--out", str(tmp_path / "x.png")])
    assert result.exit_code != 0
    assert "data.fps" in result.output


def test_what_is_no_clip_is_refused(tmp_path):
    result = CliRunner().invoke(main, ["show", str(tmp_path / "nothing")])
    assert result.exit_code == 2


def test_a_folder_of_folders_names_them_and_a_clip(clip):
    answer = CliRunner().invoke(main, ["show", str(clip.parents[1])]).output
    assert "is not a clip: it holds only folders (s01)" in answer
    assert f"Give one clip, for example {clip}." in answer


@pytest.mark.parametrize(
    "files", [["ben/b.mp4", "anna/smile.mp4"], ["anna/x/y/z.jpg", "ben/t.txt"]]
)
def test_what_the_folders_hold_one_level_down_is_given(files, tmp_path):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    answer = CliRunner().invoke(main, ["show", str(tmp_path)])
    assert answer.exit_code == 2
    assert "it holds only folders (anna, ben)" in answer.output
    assert ("for example" in answer.output) == ("anna/smile.mp4" in files)
    if "anna/smile.mp4" in files:
        assert f"example {tmp_path / 'anna' / 'smile.mp4'}." in answer.output


def test_still_skin_is_white_and_directions_have_colours():
    flow = np.zeros((2, 1, 3), np.float32)
    flow[:, 0, 1], flow[:, 0, 2] = (1, 0), (-1, 0)
    still, right, left = flow_colours(flow, 1.0)[0]
    assert still.tolist() == [255, 255, 255]
    assert right.tolist() == [255, 0, 0]
    assert left.tolist() == [0, 255, 255]


def test_a_movement_becomes_a_film(clip, tmp_path):
    from PIL import Image

    target = tmp_path / "clip.gif"
    arguments = ["show", str(clip), "--gif", str(target), "--set", "data.fps=200"]
    result = CliRunner().invoke(main, [*arguments, "--set", "flow.size=96"])
    assert result.exit_code == 0, result.output
    assert f"film {target}" in result.output
    assert target.stat().st_size < 1_000_000
    with Image.open(target) as film:
        assert 10 < film.n_frames <= 22
        assert film.info["loop"] == 0
    again = CliRunner().invoke(main, [*arguments, "--out", "other.png"])
    assert again.exit_code == 2
    assert "exclude each other" in again.output
