"""What features.h5 holds beside the tensors."""

import hashlib

import h5py
import numpy as np
import pytest

import mepipe
from mepipe.flow import target_frames

CLIPS = 4
STAGES = ("face", "spot", "flow", "tensor")
EVERY = ("flow.targets=3", "flow.keep_faces=true")
INCLUDE = 'pack.include=["x", "flow", "faces", "sequence"]'


def computed(report):
    return {step: number for step, number in report.computed.items() if number}


def test_every_map_of_a_run(run, sample, tmp_path):
    run(sample)
    x = mepipe.load(tmp_path / "out" / "features.h5").x
    report = run(sample, settings=[*EVERY, INCLUDE])
    # Faces and key frames are those of before.
    assert computed(report) == {"flow": CLIPS, "tensor": CLIPS, "pack": 1}
    loaded = mepipe.load(tmp_path / "out" / "features.h5")
    np.testing.assert_array_equal(loaded.x, x)
    assert loaded.settings["pack"] == {"include": ["x", "flow", "faces", "sequence"]}
    assert loaded.settings["flow"]["targets"] == 3
    with h5py.File(loaded.path) as file:
        found = {name: file[name][()] for name in ("flow", "faces", "sequence", "targets")}
        for name in ("flow", "faces", "sequence"):
            digests = [hashlib.sha256(row.tobytes()).hexdigest() for row in found[name]]
            assert [d.decode() for d in file[f"{name}_sha256"][()]] == digests
            assert file[name].chunks is None
    assert found["flow"].shape == (CLIPS, 2, 64, 64)
    assert found["faces"].shape == (CLIPS, 4, 64, 64)
    assert found["sequence"].shape == (CLIPS, 3, 3, 28, 28)
    onsets, offsets = loaded.columns["onset"].tolist(), loaded.columns["offset"].tolist()
    wanted = [list(target_frames(on, off, 3)) for on, off in zip(onsets, offsets, strict=True)]
    assert found["targets"].tolist() == wanted
    assert computed(run(sample, settings=[*EVERY, INCLUDE])) == {}


def test_another_choice_of_maps_is_only_packed_anew(run, sample, tmp_path):
    run(sample, settings=EVERY)
    for include in ('["x", "sequence"]', '["x", "faces"]', '["x"]'):
        settings = [*EVERY, f"pack.include={include}"]
        assert computed(run(sample, settings=settings)) == {"pack": 1}
        with h5py.File(tmp_path / "out" / "features.h5") as file:
            assert ("sequence" in file) == ("sequence" in include)
            assert ("targets" in file) == (include != '["x"]')


def test_faces_of_the_apex_alone(run, sample, tmp_path):
    run(sample, settings=["flow.keep_faces=true", 'pack.include=["x", "faces"]'])
    with h5py.File(tmp_path / "out" / "features.h5") as file:
        assert file["faces"].shape == (CLIPS, 2, 64, 64)
        assert file["targets"][()].tolist() == file["columns/apex"][()][:, None].tolist()


@pytest.mark.slow
def test_workers_give_the_same_maps_as_one_process(run, sample, tmp_path):
    settings = [*EVERY, INCLUDE]
    run(sample, settings=settings)
    run(sample, settings=settings, jobs=2, cache=tmp_path / "cache2", out=tmp_path / "out2")
    one, two = (tmp_path / name / "features.h5" for name in ("out", "out2"))
    assert one.read_bytes() == two.read_bytes()


def test_damage_in_two_stages_is_mended_in_one_run(run, sample, tmp_path):
    settings = [*EVERY, INCLUDE]
    run(sample, settings=settings)
    path = tmp_path / "out" / "features.h5"
    before = path.read_bytes()
    for stage in ("flow", "tensor"):
        victim = next((tmp_path / "cache" / "objects" / stage).rglob("*.h5"))
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 1
        victim.write_bytes(data)
    path.unlink()
    report = run(sample, settings=settings)
    assert (report.computed["flow"], report.computed["tensor"]) == (1, 1)
    assert path.read_bytes() == before


def test_a_plan_says_what_targets_change(run, make_run, sample):
    run(sample)
    plan = make_run(sample, settings=["flow.targets=apex-offset"]).plan()
    (reason,) = plan.counts[2].reasons
    assert "flow.targets" in reason
    assert '"apex-offset"' in reason


def test_the_cache_counts_sequences_as_its_own(run, sample, tmp_path):
    from mepipe.cache.store import Store
    from mepipe.pipeline.cache_admin import collect_garbage, status, verify

    run(sample, settings=EVERY)
    store = Store(tmp_path / "cache")
    assert status(store).missing == 0
    looked_at, damaged = verify(store, fix=False)
    assert looked_at >= 4 * CLIPS
    assert damaged == []
    swept = collect_garbage(store, keep_days=0, dry_run=True)
    assert swept.kept == 4 * CLIPS


def test_a_run_whose_model_reads_two_phases(run, sample, tmp_path):
    two = ["flow.targets=phases", 'pack.include=["x", "sequence"]', "model.map=sequence"]
    settings = [*two, "model.name=svm", "train.seeds=1"]
    report = run(sample, settings=settings, until="classify")
    assert not report.no_results
    assert report.results["shape"] == [2, 3, 28, 28]
    assert report.results["settings"]["map"] == "sequence"
    assert report.network.endswith("on 2 maps a clip")
    features = mepipe.load(tmp_path / "out" / "features.h5")
    columns = features.columns
    assert features.targets.tolist() == np.stack([columns["apex"], columns["offset"]], 1).tolist()
    np.testing.assert_array_equal(features.read("sequence")[:, 0], features.x)
    assert computed(run(sample, settings=settings, until="classify")) == {}


@pytest.mark.parametrize("wanted", ["3", "apex-offset", "phases"])
def test_a_clip_without_an_offset_fails_and_the_others_are_packed(run, sample, tmp_path, wanted):
    text = (sample / "labels.csv").read_text(encoding="utf-8-sig").splitlines()
    names = text[0].split(",")
    first = dict(zip(names, text[1].split(","), strict=True))
    text[1] = ",".join({**first, "offset": "", "fps": ""}[name] for name in names)
    (sample / "labels.csv").write_text("\n".join(text) + "\n")
    report = run(sample, settings=[f"flow.targets={wanted}"])
    assert report.usable == CLIPS - 1
    assert "offset, which is unknown" in report.failures[0].message
