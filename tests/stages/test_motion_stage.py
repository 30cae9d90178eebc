"""The motion stage: what the spot stage would find without a mark, and what each region does."""

import json

import numpy as np
import pytest
from test_contract import QUICK, clip_input, frames, walk  # noqa: F401

from mepipe.assets import regions
from mepipe.cache.keys import canonical, object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import Store
from mepipe.config import load_config
from mepipe.errors import BadDataError
from mepipe.schema import SIDE_STAGES
from mepipe.stages import SIDES, STAGES, Upstream

(MOTION,) = SIDES
FOUND = [
    f"{name}{part}" for name in ("onset", "apex", "offset") for part in ("", "_confidence")
] + ["movement", "strength", "visible"]


def moved(clip, config):
    """Give (key, parts, result) of the stage, and those of the clip's own stages."""
    done = walk(clip, config)
    face = {"face": json.loads(canonical(done["face"][2].values))}
    parts = MOTION.parts(clip, config, face)
    result = MOTION.compute(clip, config, Upstream(face, lambda name: {}))
    return (object_key(MOTION.name, MOTION.version, parts), parts, result), done


def test_side_stages_are_called_what_the_table_calls_them():
    assert tuple(stage.name for stage in SIDES) == SIDE_STAGES
    assert not {stage.name for stage in STAGES} & set(SIDE_STAGES)


@pytest.mark.parametrize("more", [[], ["face.align=per-frame"]])
def test_a_clip_that_was_spotted_without_a_mark_has_the_values_of_its_spot_object(frames, more):  # noqa: F811
    (_, _, found), done = moved(clip_input(frames, marks=False), load_config(None, QUICK + more))
    spot = done["spot"][2]
    assert {name: found.values[name] for name in FOUND} == {n: spot.values[n] for n in FOUND}
    assert found.arrays["curve"].tobytes() == spot.arrays["curve"].tobytes()


def test_marks_change_neither_key_nor_result_where_the_face_is_the_same(frames):  # noqa: F811
    config = load_config(None, QUICK)
    (key, parts, found), _ = moved(clip_input(frames), config)
    # The onset is the first frame, where a face is looked for without marks as well.
    (other, _, same), _ = moved(clip_input(frames, marks=False), config)
    assert (key, canonical(found.values)) == (other, canonical(same.values))
    assert found.values["apex_source"] == "spotted"
    assert "no_movement" not in parts["settings"]
    for setting in ("spot.size=80", "spot.smooth_ms=40", "spot.threshold=2"):
        assert moved(clip_input(frames), load_config(None, [*QUICK, setting]))[0][0] != key


def test_the_regions_are_those_of_the_face_and_move_as_the_curve_says(frames):  # noqa: F811
    config = load_config(None, [*QUICK, "spot.size=160"])
    (_, _, found), _ = moved(clip_input(frames), config)
    names = found.values["regions"]
    assert names == [one.name for one in regions() if one.role == "expressive"]
    motion, curve = found.arrays["regions"], found.arrays["curve"]
    assert motion.shape == (len(curve), len(names), 2)
    lengths = np.linalg.norm(motion, axis=-1)
    # The made movement is at the mouth; the curve is in px of the region that moves most.
    apex = found.values["apex"]
    assert any(word in names[int(lengths[apex].argmax())] for word in ("lip", "mouth", "chin"))
    assert lengths[apex].max() == pytest.approx(curve.max(), rel=0.25)
    assert lengths[apex, names.index("left_outer_brow")] < 0.5 * lengths[apex].max()
    assert found.values["frame_ms"] == 20.0


def test_the_stage_goes_through_the_store(frames, tmp_path):  # noqa: F811
    (key, parts, found), _ = moved(clip_input(frames), load_config(None, QUICK))
    store = Store(tmp_path)
    store.create()
    written = StoredObject(MOTION.name, MOTION.version, key, parts, found.values, found.arrays)
    assert store.read(store.write(written), MOTION.arrays).values == found.values


def test_an_unknown_rate_is_told_in_words(frames):  # noqa: F811
    with pytest.raises(BadDataError, match="frames per second") as error:
        moved(clip_input(frames, fps=None), load_config(None, QUICK))
    assert "data.fps" in error.value.remedy
