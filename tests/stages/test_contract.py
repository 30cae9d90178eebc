"""What every stage must hold."""

import json
from dataclasses import replace
from itertools import combinations
from typing import get_args

import numpy as np
import pytest

from mepipe.bench.features import BEFORE
from mepipe.cache.keys import canonical, object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import Store
from mepipe.clips.annotation import KeyFrame
from mepipe.clips.clip_input import ClipInput
from mepipe.config import load_config
from mepipe.config.settings import SpotSettings
from mepipe.errors import BadDataError
from mepipe.frames import FrameReader, Timing
from mepipe.stages import STAGES, Result, Upstream

QUICK = ["flow.size=96", "flow.scales=3", "flow.outer_iterations=2", "spot.size=96"]
CONFIGS = {
    "default": [],
    "spotted": ["spot.method=flow-peak"],
    "middle": ["spot.method=middle"],
    "patterns": ["spot.method=lbp-divide"],
    "per-frame": ["face.align=per-frame"],
    "translation": ["flow.stabilise=translation"],
    "faces": ["flow.keep_faces=true", "flow.stabilise=none"],
    "minmax": ["tensor.scale=minmax", "tensor.size=14"],
    "sequence": ["flow.targets=3", "flow.keep_faces=true"],
    "apex-offset": ["flow.targets=apex-offset", "face.align=per-frame", "tensor.scale=clip"],
}


@pytest.fixture(scope="module")
def frames(tmp_path_factory, portrait):
    """Eleven frames in which the mouth's corners rise and fall."""
    import cv2

    folder = tmp_path_factory.mktemp("frames")
    image = cv2.resize(portrait, (640, 560), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    bump = np.exp(-((x - 320) ** 2 + (y - 330) ** 2) / (2 * 40**2))
    files = []
    for position in range(11):
        rise = 3 * np.sin(np.pi * position / 10)
        moved = cv2.remap(image, x, (y + rise * bump).astype(np.float32), cv2.INTER_LINEAR)
        files.append(folder / f"img{position:02d}.png")
        cv2.imwrite(str(files[-1]), moved)
    return tuple(files)


def choices(field):
    """Return every value of a setting of the spot stage."""
    return get_args(SpotSettings.model_fields[field].annotation)


def clip_input(files, *, marks=True, fps=50.0):
    reader = FrameReader(files, len(files), None, lambda _: None)
    if not marks:
        return ClipInput(reader, Timing(fps))
    frame = [KeyFrame(position, position + 7, "annotation") for position in (0, 5, 10)]
    return ClipInput(reader, Timing(fps), *frame)


def walk(clip, config):
    """Take a clip through all stages; give (key, parts, result) of each."""
    values, results = {}, {}
    for stage in STAGES:
        parts = stage.parts(clip, config, values)
        upstream = Upstream(values, lambda name: results[name][2].arrays)
        result = stage.compute(clip, config, upstream)
        # What later stages read is what a record or an object gives back.
        values[stage.name] = json.loads(canonical(result.values))
        results[stage.name] = (object_key(stage.name, stage.version, parts), parts, result)
    return results


@pytest.mark.parametrize("name", CONFIGS)
def test_every_stage_gives_what_it_declares_and_the_same_each_time(frames, name):
    config = load_config(None, [*QUICK, *CONFIGS[name]])
    first = walk(clip_input(frames), config)
    again = walk(clip_input(frames), config)
    for stage in STAGES:
        key, parts, result = first[stage.name]
        assert again[stage.name][0] == key
        assert json.loads(canonical(parts)) == json.loads(canonical(again[stage.name][1]))
        assert canonical(result.values) == canonical(again[stage.name][2].values)
        assert set(result.arrays) <= set(stage.arrays)
        for array, value in result.arrays.items():
            dtype, dimensions = stage.arrays[array]
            assert value.dtype == np.dtype(dtype), array
            assert value.ndim == dimensions, array
            assert value.tobytes() == again[stage.name][2].arrays[array].tobytes()
            assert np.isfinite(value).all()


def is_plain(value):
    """Say whether a value is Python's own, through and through."""
    if isinstance(value, dict):
        return all(type(name) is str and is_plain(part) for name, part in value.items())
    if type(value) in {list, tuple}:
        return all(map(is_plain, value))
    if type(value) is float:
        return np.isfinite(value)
    return value is None or type(value) in {bool, int, str}


@pytest.mark.parametrize(
    ("settings", "marks"),
    [
        *(([f"spot.method={method}"], True) for method in choices("method")),
        *(
            ([f"spot.fallback={method}", "spot.method=auto"], marks)
            for method in choices("fallback")
            for marks in (False, "onset", "onset and offset", "apex")
        ),
    ],
    ids=str,
)
def test_every_way_of_spotting_goes_through_the_store(frames, tmp_path, settings, marks):
    store = Store(tmp_path)
    store.create()
    clip = clip_input(frames, marks=marks is True)
    if isinstance(marks, str):
        known = {
            name: KeyFrame(position, position, "annotation")
            for name, position in (("onset", 1), ("apex", 5), ("offset", 9))
            if name in marks
        }
        clip = replace(clip, **known)
    for stage, (key, parts, result) in zip(
        STAGES, walk(clip, load_config(None, QUICK + settings)).values(), strict=True
    ):
        name = store.write(
            StoredObject(stage.name, stage.version, key, parts, result.values, result.arrays)
        )
        stored = store.read(name, stage.arrays)
        assert stored.values == json.loads(canonical(result.values))


@pytest.mark.parametrize("name", CONFIGS)
def test_the_algorithms_give_plain_values_and_so_do_the_keys(frames, name):
    config = load_config(None, [*QUICK, *CONFIGS[name]])
    for stage, (_, parts, result) in walk(clip_input(frames), config).items():
        assert is_plain(result.values), stage
        assert is_plain(parts), stage


@pytest.mark.parametrize("value", [np.bool_(True), np.float64(0.1), np.int64(7), np.float32(0.5)])
def test_no_number_of_numpy_leaves_a_stage(value):
    for nested in (value, [value], (1, [value]), {"a": {"b": value}}):
        values = Result({"found": nested}).values
        assert is_plain(values)
        assert json.loads(canonical(values)) == values


@pytest.mark.parametrize("value", [np.zeros(2), {1}, object(), 1j, b"text"])
def test_result_names_a_value_that_json_cannot_hold(value):
    with pytest.raises(TypeError, match=r"values\.found"):
        Result({"found": value})


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_hold_no_path_name_or_number_of_the_dataset(frames, tmp_path, name):
    import shutil

    config = load_config(None, [*QUICK, *CONFIGS[name]])
    moved = []
    for position, file in enumerate(frames):
        moved.append(tmp_path / f"frame_{position + 500}.png")
        shutil.copy(file, moved[-1])
    here, there = walk(clip_input(frames), config), walk(clip_input(tuple(moved)), config)
    for stage in STAGES:
        assert here[stage.name][0] == there[stage.name][0]
        assert "img" not in canonical(here[stage.name][1])


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("face.search_size=400", ["face"]),
        ("spot.size=128", []),
        ("flow.tau=0.2", ["flow", "tensor"]),
        ("tensor.size=14", ["tensor"]),
        ("tensor.strain_range=0.3", ["tensor"]),
        ("tensor.limit=hard", ["tensor"]),
        ("flow.targets=2", ["flow", "tensor"]),
        ('pack.include=["x", "flow"]', []),
        ("train.epochs=3", []),
        ("labels.classes=emotion", []),
    ],
)
def test_a_setting_is_in_the_keys_that_it_decides(frames, setting, changed):
    before = walk(clip_input(frames), load_config(None, QUICK))
    after = walk(clip_input(frames), load_config(None, [*QUICK, setting]))
    # What the setting moves further down comes through the values that are handed on.
    handed_on = [
        stage.name
        for place, stage in enumerate(STAGES)
        if any(
            canonical(before[earlier.name][2].values) != canonical(after[earlier.name][2].values)
            for earlier in STAGES[:place]
        )
    ]
    different = [stage.name for stage in STAGES if before[stage.name][0] != after[stage.name][0]]
    assert set(changed) <= set(different)
    assert set(different) - set(changed) <= set(handed_on)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_key_is_the_same_bytes_wherever_the_marks_are(frames, name):
    config = load_config(None, [*QUICK, *CONFIGS[name]])
    reader = FrameReader(frames, len(frames), None, lambda _: None)
    marks = [
        [KeyFrame(position, position, "annotation") for position in some]
        for some in ((0, 5, 10), (2, 5, 10), (0, 6, 9))
    ]
    walks = [walk(ClipInput(reader, Timing(50.0), *some), config) for some in marks]
    for one, other in combinations(walks, 2):
        for stage in STAGES:
            if one[stage.name][0] == other[stage.name][0]:
                first, second = one[stage.name][2], other[stage.name][2]
                assert canonical(first.values) == canonical(second.values), stage.name
                for array, value in first.arrays.items():
                    assert value.tobytes() == second.arrays[array].tobytes()


def test_the_offset_may_stay_unknown(frames):
    reader = FrameReader(frames, len(frames), None, lambda _: None)
    marks = [KeyFrame(0, 0, "annotation"), KeyFrame(5, 5, "annotation")]
    for settings in ([], ["spot.no_movement=fail"]):
        result = walk(ClipInput(reader, Timing(None), *marks), load_config(None, QUICK + settings))
        values = result["spot"][2].values
        assert (values["offset"], values["offset_source"]) == (None, "")
        assert (values["onset"], values["apex"], values["movement"]) == (0, 5, True)
        assert "tensor" in result


@pytest.mark.parametrize("name", CONFIGS)
def test_every_stage_names_the_frames_in_its_key(frames, name):
    config = load_config(None, [*QUICK, *CONFIGS[name]])
    clip = clip_input(frames)
    values = {}
    for stage, (_, parts, result) in zip(STAGES, walk(clip, config).values(), strict=True):
        positions = stage.frames(clip, config, values)
        named = [*parts.get("frames", []), *parts.get("target_frames", [])]
        assert [clip.frames.digest(i) for i in positions] == named
        values[stage.name] = json.loads(canonical(result.values))


def test_spotting_depends_on_every_frame_and_on_the_rate(frames):
    config = load_config(None, [*QUICK, "spot.method=flow-peak"])
    clip = clip_input(frames, marks=False)
    values = {"face": walk(clip, config)["face"][2].values}
    spot = STAGES[1]

    def key(clip):
        return object_key("spot", 1, spot.parts(clip, config, values))

    fewer = clip_input(frames[:-1], marks=False)
    assert len({key(clip), key(fewer), key(clip_input(frames, marks=False, fps=25.0))}) == 3


def test_the_apex_of_made_frames_is_found(frames):
    config = load_config(None, [*QUICK, "spot.method=flow-peak"])
    result = walk(clip_input(frames, marks=False), config)["spot"][2]
    assert abs(result.values["apex"] - 5) <= 1
    assert result.values["apex_source"] == "spotted"
    assert 0 <= result.values["apex_confidence"] <= 1


def test_identical_onset_and_apex_have_no_motion(frames):
    clip = clip_input((frames[0],) * 11)
    with pytest.raises(BadDataError, match="no motion between them"):
        walk(clip, load_config(None, QUICK))


def test_missing_marks_are_found_and_annotated_ones_kept(frames):
    reader = FrameReader(frames, len(frames), None, lambda _: None)
    clip = ClipInput(
        reader, Timing(50.0), KeyFrame(1, 1, "annotation"), None, KeyFrame(9, 9, "erratum")
    )
    values = walk(clip, load_config(None, QUICK))["spot"][2].values
    assert (values["onset"], values["offset"]) == (1, 9)
    assert 1 < values["apex"] <= 9
    assert (values["onset_source"], values["apex_source"], values["offset_source"]) == (
        "annotation", "spotted", "erratum",
    )  # fmt: skip
    assert values["onset_confidence"] == 1.0


def test_what_came_later_is_in_no_key_of_the_settings_of_before(frames):
    """Objects of before are found again: their keys must not name what they do not have."""
    before = walk(clip_input(frames), load_config(None, [*QUICK, *BEFORE]))
    now = walk(clip_input(frames), load_config(None, QUICK))
    for stage, name in (("flow", "head"), ("flow", "even_light")):
        parts = before[stage][1]
        assert name not in parts
        assert name not in parts["settings"]
    assert not {"limit", "strain_sigma"} & before["tensor"][1]["settings"].keys()
    assert before["tensor"][2].values == {}
    assert "head" in now["flow"][1]
    assert {"limit", "strain_sigma"} <= now["tensor"][1]["settings"].keys()
    assert len(now["tensor"][2].values["limited"]) == 3
