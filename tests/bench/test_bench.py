"""The benchmarks measure what they say; how fast anything is, no test asks."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("skimage", reason="the faces are of a photograph of scikit-image")

from mepipe.bench import flow, peer, spot
from mepipe.bench.faces import aligned_faces, pairs, still_pairs
from mepipe.cli import main
from mepipe.errors import UsageError
from mepipe.sample import write
from mepipe.sample.photos import astronaut
from mepipe.schema import SPOT_METHODS
from mepipe.viz.trade_off import trade_off_png

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows():
    heard = []
    rows = flow.measure(
        None, sizes=(64,), rounds=1, progress=lambda done, total: heard.append((done, total))
    )
    assert heard == [(done, len(rows)) for done in range(1, len(rows) + 1)]
    return rows


def test_every_engine_has_a_row_and_opencv_is_its_own_measure(rows):
    assert [row.engine for row in rows] == list(flow.engines())
    opencv = rows[0]
    assert opencv.ratio == 1
    assert opencv.difference == (0, 0, 0, 0)
    for row in rows:
        assert row.ms > 0
        assert row.error > 0
        assert len(row.recovered) == len(flow.PEAKS)
    assert rows[1].ns > 0


def test_the_truth_recovers_everything_and_zero_nothing():
    (face,) = aligned_faces(None, 64)
    moved = list(pairs([face], 0.6, seed=1))
    assert flow._recovered([pair.truth for pair in moved], moved) == pytest.approx(1)
    assert flow._recovered([0 * pair.truth for pair in moved], moved) == 0
    assert max(np.hypot(*pair.truth).max() for pair in moved) == pytest.approx(0.6, abs=0.01)
    (still,) = still_pairs([face], seed=1)
    assert not np.array_equal(still.reference, still.moving)
    assert not still.truth.any()


def test_the_table_is_markdown_with_a_line_a_row(rows):
    from mepipe.cli.bench import flow_table

    lines = flow_table(rows).splitlines()
    assert len(lines) == 2 + len(rows)
    assert {line.count("|") for line in lines} == {17}


def test_the_trade_off_is_a_picture():
    from mepipe.flow import PRESETS

    points = [(one, 0.5, 0.02) for one in (*PRESETS.values(), *PRESETS.values())]
    assert trade_off_png(points).startswith(b"\x89PNG")


def test_the_peer_computes_what_a_user_would(tmp_path):
    write(tmp_path / "s", subjects=1, clips=1)
    features = peer.features(tmp_path / "s")
    assert features.shape == (1, 28, 28, 3)
    assert np.abs(features).max() > 0.1


def test_bench_has_examples():
    for arguments in (["bench"], ["bench", "flow"], ["bench", "run"], ["bench", "predict"]):
        answer = CliRunner().invoke(main, [*arguments, "--help"])
        assert answer.exit_code == 0
        assert "Example" in answer.output


def test_key_frames_against_the_truth(tmp_path):
    write(tmp_path / "made", subjects=1, clips=1)
    rows = {row.method: row for row in spot.measure(tmp_path / "made")}
    assert set(rows) == set(SPOT_METHODS)
    found = rows["flow-peak"]
    assert found.refused == 0
    assert found.recovered[0] > 0.9
    assert found.within == [True]
    assert found.ms_a_frame > 0
    assert np.isnan(found.auc)  # there is no still clip
    assert rows["middle"].recovered[0] < 1


def test_what_a_mac_leaves_beside_a_photograph_is_none(tmp_path):
    (tmp_path / "._face.png").write_bytes(b"\0\5\x16\7")
    cv2.imwrite(str(tmp_path / "face.png"), astronaut().image)
    steps = []
    rows = spot.measure(
        photos=tmp_path, subjects=1, clips=1, progress=lambda *step: steps.append(step)
    )
    assert steps == [(1, 2), (2, 2)]
    assert [(len(row.moving), len(row.still)) for row in rows] == [(1, 1)] * len(SPOT_METHODS)


def test_progress_counts_the_clips_of_the_dataset(tmp_path):
    write(tmp_path / "made", subjects=1, clips=1)
    answer = CliRunner().invoke(main, ["bench", "spot", "--dataset", str(tmp_path / "made")])
    assert answer.exit_code == 0, answer.output
    assert "clips: 1/1" in answer.output


def test_a_refused_clip_is_a_miss(tmp_path):
    folder = tmp_path / "made"
    write(folder, subjects=1, clips=1)
    for path in (folder / "s01" / "c01").iterdir():
        path.write_bytes(cv2.imencode(".jpg", np.full((480, 640), 90, np.uint8))[1].tobytes())
    for row in spot.measure(folder):
        assert (row.refused, row.recovered, row.within, row.missed) == (1, [0.0], [False], [True])


def test_strength_orders_moving_and_still_clips():
    row = spot.Row("x", moving=[3.0, 2.0, 1.0], still=[0.5, 1.0])
    assert row.auc == pytest.approx((2 + 2 + 1.5) / 6)


def test_a_folder_without_truth_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"truth\.csv"):
        spot.measure(tmp_path)


def test_predictions_are_timed_on_a_clip_of_two_seconds(trained_sample, monkeypatch):
    from mepipe.bench import predict

    made = (trained_sample.model, trained_sample.folder)
    monkeypatch.setattr(predict, "_model", lambda folder, progress: made)
    answer = CliRunner().invoke(main, ["bench", "predict", "--rounds", "1"])
    assert answer.exit_code == 0, answer.output
    lines = answer.stdout.splitlines()
    assert [line[:11].rstrip() for line in lines] == ["a video", "in memory", "its picture"]


def test_decoding_is_compared_on_each_container():
    answer = CliRunner().invoke(main, ["bench", "decode", "--rounds", "1", "--seconds", "1"])
    assert answer.exit_code == 0, answer.output
    rows = [line.split("|") for line in answer.stdout.splitlines() if line.startswith("| ")][1:]
    assert [row[1].strip() for row in rows] == [
        "clip.mp4", "clip.mov", "clip.mkv", "clip.avi", "clip.gif", "recording.mp4",
    ]  # fmt: skip
    assert [int(row[2]) for row in rows] == [90, 90, 90, 90, 90, 30]


def test_still_faces_in_videos_are_counted_apart_from_moving_ones(monkeypatch):
    from mepipe.bench import still
    from mepipe.bench.still import still_table

    monkeypatch.setattr(still, "RATES", (30,))
    monkeypatch.setattr(still, "SECONDS", (1,))
    heard = []
    cells = still.measure(clips=1, progress=lambda done, total: heard.append((done, total)))
    assert [cell.coding for cell in cells] == list(still.CODINGS)
    assert heard == [(1, 3), (2, 3), (3, 3)]
    assert (cells[0].still, cells[0].moving) == (0, 1)
    assert still_table(cells).splitlines()[2].startswith("| 30 | 1 | 0% / 100% |")


def test_a_swaying_head_goes_as_far_as_it_says_and_no_faster_than_in_half_a_second():
    from mepipe.bench.still import swaying

    shift = swaying(np.random.default_rng(0), 100, 5, 0.5)
    assert shift.shape == (500, 2)
    np.testing.assert_allclose(np.abs(shift).max(axis=0), 0.5)
    # A sine of the shortest period and three times the size is steeper.
    assert np.abs(np.diff(shift, axis=0)).max() < 3 * 0.5 * 2 * np.pi / 0.5 / 100
    assert not swaying(np.random.default_rng(0), 100, 5, 0.0).any()


@pytest.mark.parametrize("how", [[], ["--size", "32"], ["--real"]])
def test_growth_has_a_line_for_each_step(how):
    from mepipe.bench.growth import STEPS

    sizes = ["--clips", "12", "--clips", "10"]
    done = CliRunner().invoke(main, ["bench", "growth", *sizes, *how])
    assert done.exit_code == 0, done.output
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert "10 clips: ms a clip" in rows[0][2]  # the fewest first
    assert [row[1].strip() for row in rows[1:]] == list(STEPS)
    cost = {row[1].strip(): float(row[4]) for row in rows[1:]}
    assert cost["run"] > 0
    assert all(float(row[5]) > 20 for row in rows[1:])  # MB of the process


def test_the_size_of_made_flow_is_refused_where_none_is_made():
    done = CliRunner().invoke(main, ["bench", "growth", "--real", "--size", "32"])
    assert done.exit_code == 2
    assert "--size is of made flow" in done.stderr


@pytest.mark.parametrize("size", [224, 100, 28])
def test_made_tensors_have_their_cells_whatever_the_size_of_the_flow(size, monkeypatch):
    from mepipe.bench.made_stages import CELLS, put_made_stages
    from mepipe.stages import STAGES, Upstream

    there = [SimpleNamespace(name=stage.name) for stage in STAGES]
    monkeypatch.setattr("mepipe.stages.STAGES", there)
    put_made_stages(size)
    made = {stage.name: stage.compute for stage in there if hasattr(stage, "compute")}
    clip = SimpleNamespace(frames=SimpleNamespace(digest=str))
    flow = made["flow"](clip, None, Upstream({}, dict))
    assert flow.arrays["uv"].shape == (2, size, size)
    tensor = made["tensor"](clip, None, Upstream({}, lambda _: flow.arrays))
    assert tensor.arrays["x"].shape == (3, CELLS, CELLS)
