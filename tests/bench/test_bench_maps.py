"""What `mepipe bench features --maps` compares; which figures it gives no test fixes."""

import numpy as np
import pytest

pytest.importorskip("skimage", reason="the face is of a photograph of scikit-image")

from mepipe.bench import maps
from mepipe.config import load_config
from mepipe.errors import UsageError
from mepipe.sample.movement import LABELS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene():
    (face, scene) = next(maps.made_clips(None, 1, 0.6))
    assert face == 0
    return scene


def test_the_frames_of_a_clip_that_its_maps_need(scene):
    short, targets = maps.key_scene(scene, 4)
    key = scene.course
    spread = maps.target_frames(key.onset, key.offset, 4)
    np.testing.assert_array_equal(
        short.course.share[:3], key.share[[key.onset, key.apex, key.offset]]
    )
    assert targets == (3, 4, 5, 6)
    np.testing.assert_array_equal(short.course.share[3:], key.share[list(spread)])
    assert not short.drift[0].any(), "the head has its place at the onset"
    np.testing.assert_allclose(short.drift[2], scene.drift[key.offset] - scene.drift[key.onset])
    assert len(short.parts) == len(scene.parts)
    # The movement has the peak that is asked for; lids and brows of a blink keep theirs.
    moved = [part for part in scene.parts if part.shown]
    fields = [sum(p.field * p.share[at] for p in moved) for at in range(0, len(key.share), 3)]
    most = max(float(np.linalg.norm(field, axis=-1).max()) for field in fields)
    assert most == pytest.approx(0.6, rel=0.05)


def test_a_clip_gives_every_map_at_every_size(scene):
    config = load_config(None, ["flow.size=96", "flow.scales=3", "flow.outer_iterations=2"])
    flows = maps.flows_of(scene, config)
    assert {name: len(flow) for name, flow in flows.items()} == {"x": 1, "phases": 2, "sequence": 4}
    np.testing.assert_array_equal(flows["phases"][0], flows["x"][0])
    for reads, size in maps.COMPARED:
        x = maps.tensor_of(flows[reads], reads, min(size, 96), config)
        assert x.shape[-3:] == (3, size, size)
        assert x.ndim == (3 if reads == "x" else 4)


def test_a_model_is_tested_on_faces_it_has_not_seen():
    rng = np.random.default_rng(0)
    faces = np.repeat(np.arange(6), 3)
    y = np.tile([0, 1, 2], 6)
    x = rng.normal(0, 0.1, (18, 2, 3, 12, 12)).astype(np.float32)
    x[np.arange(18), 1, y] += 1  # in the second map alone
    counts, seconds = maps.confusions(x, y, faces, {"name": "svm"}, range(1))
    np.testing.assert_array_equal(counts, np.stack([np.eye(3, dtype=int)] * 6))
    assert seconds > 0
    # A face that looks like another class in training only: its own clips are not in it.
    x[faces == 2] = x[faces == 2][[1, 2, 0]]
    wrong, _ = maps.confusions(x, y, faces, {"name": "svm"}, range(1))
    np.testing.assert_array_equal(wrong[2], np.eye(3)[[1, 2, 0]])
    none, _ = maps.confusions(x, y, faces, {"name": "spp"}, range(0))
    assert len(none) == 0


def test_the_rows_that_are_compared_have_names():
    assert maps.compared_maps() == maps.COMPARED
    assert maps.compared_maps(["phases-56", "x-28"]) == (("x", 28), ("phases", 56))
    with pytest.raises(UsageError, match="'x-29'") as caught:
        maps.compared_maps(["x-29"])
    assert "x-28" in caught.value.remedy


def test_few_faces_are_refused_and_the_table_says_what_was_measured():
    with pytest.raises(UsageError, match="there are 1 faces") as caught:
        maps.measure(None)
    assert "--photos" in caught.value.remedy
    nothing = (float("nan"),) * 3
    rows = [
        maps.MapRow("x", 28, 0.7, (0.0, 0.0, 0.0), float("nan"), nothing, float("nan")),
        maps.MapRow("phases", 28, 0.75, (0.05, -0.01, 0.1), float("nan"), nothing, float("nan")),
    ]
    assert maps.map_table(rows).splitlines()[2:] == [
        "| x | 28 x 28 | 0.700 |  |",
        "| phases | 28 x 28 | 0.750 | +0.050 [-0.010, +0.100] |",
    ]
    assert len(LABELS) == 3
