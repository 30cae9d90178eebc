"""What a run computes, and what it does not compute again."""

import csv
import os
import shutil
import time

import pytest

import mepipe
from mepipe.cache.manifest import Manifest
from mepipe.errors import SystemProblemError, UsageError

CLIPS = 4
STAGES = ("face", "spot", "flow", "tensor")


def computed(report):
    return {step: number for step, number in report.computed.items() if number}


@pytest.fixture
def done(run, sample):
    report = run(sample)
    assert not report.failures
    return report


def features(tmp_path):
    return (tmp_path / "out" / "features.h5").read_bytes()


def edit_labels(sample, change):
    path = sample / "labels.csv"
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def frame_of(sample, row, field):
    folder = sample / row["subject"] / row["clip"]
    return next(p for p in folder.iterdir() if p.stem.lstrip("0") == row[field])


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return data


def first_row(sample):
    with (sample / "labels.csv").open(newline="", encoding="utf-8-sig") as file:
        return next(csv.DictReader(file))


def test_a_cold_run_computes_everything(done, tmp_path):
    assert computed(done) == {**dict.fromkeys(STAGES, CLIPS), "pack": 1}
    assert done.usable == done.clips == CLIPS
    loaded = mepipe.load(tmp_path / "out" / "features.h5")
    assert loaded.x.shape == (CLIPS, 3, 28, 28)
    assert loaded.clip.tolist() == sorted(loaded.clip.tolist())
    assert set(loaded.columns["apex_source"]) == {"annotation"}


def test_a_warm_run_computes_and_writes_nothing(done, run, sample, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    report = run(sample)
    assert computed(report) == {}
    assert report.reused == {**dict.fromkeys(STAGES, CLIPS), "pack": 1}
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert after == before


def test_a_plan_says_new_and_then_nothing(make_run, run, sample):
    cold = make_run(sample).plan()
    assert [(c.stage, c.compute, c.at_most, c.reuse) for c in cold.counts] == [
        ("face", CLIPS, CLIPS, 0),
        ("spot", 0, CLIPS, 0),
        ("flow", 0, CLIPS, 0),
        ("tensor", 0, CLIPS, 0),
    ]
    assert cold.counts[0].reasons == {"new": CLIPS}
    assert cold.counts[1].reasons == {"waits for face": CLIPS}
    run(sample)
    warm = make_run(sample).plan()
    assert not warm.stale
    assert [c.reuse for c in warm.counts] == [CLIPS] * 4


def test_touching_files_recomputes_nothing(done, run, sample):
    for path in sample.rglob("*.jpg"):
        os.utime(path, ns=(time.time_ns(), time.time_ns() + 5))
    assert computed(run(sample)) == {}


def test_replacing_an_apex_frame_recomputes_one_clip(done, make_run, run, sample):
    row = first_row(sample)
    apex, onset = frame_of(sample, row, "apex"), frame_of(sample, row, "onset")
    neighbour = apex.with_name(f"{int(apex.stem) + 1:0{len(apex.stem)}d}{apex.suffix}")
    assert apex.read_bytes() != neighbour.read_bytes()
    shutil.copy(neighbour, apex)
    assert onset != apex
    plan = make_run(sample).plan()
    assert plan.counts[2].reasons == {"input changed": 1}
    assert computed(run(sample)) == {"flow": 1, "tensor": 1, "pack": 1}


def test_the_tensors_size_recomputes_only_tensors_and_back_is_a_hit(
    done, make_run, run, sample, tmp_path
):
    before = features(tmp_path)
    plan = make_run(sample, settings=["tensor.size=14"]).plan()
    assert plan.counts[3].reasons == {"setting tensor.size changed from 28 to 14": CLIPS}
    report = run(sample, settings=["tensor.size=14"])
    assert computed(report) == {"tensor": CLIPS, "pack": 1}
    assert computed(run(sample)) == {"pack": 1}
    assert features(tmp_path) == before


def test_moving_the_dataset_recomputes_no_object(done, run, sample, tmp_path):
    moved = tmp_path / "elsewhere" / "sample"
    moved.parent.mkdir()
    sample.rename(moved)
    before = features(tmp_path)
    assert computed(run(moved)) == {}
    assert features(tmp_path) == before


def test_correcting_a_label_recomputes_no_object(done, run, sample, tmp_path):
    edit_labels(sample, lambda rows: rows[0].update(emotion="surprise"))
    assert computed(run(sample)) == {"pack": 1}
    assert mepipe.load(tmp_path / "out" / "features.h5").columns["label"][0] == "surprise"


def test_another_name_for_the_dataset_recomputes_no_object(done, run, sample):
    assert computed(run(f"lab={sample}")) == {"pack": 1}


def test_a_corrected_apex_recomputes_one_clip(done, run, sample):
    edit_labels(sample, lambda rows: rows[0].update(apex=str(int(rows[0]["apex"]) - 2)))
    assert computed(run(sample)) == {"spot": 1, "flow": 1, "tensor": 1, "pack": 1}


@pytest.mark.slow
def test_a_spot_setting_that_finds_the_same_frames_recomputes_no_flow(run, sample):
    spotting = ["spot.method=flow-peak"]
    run(sample, settings=spotting)
    report = run(sample, settings=[*spotting, "spot.threshold=3.0001"])
    assert report.computed["spot"] == CLIPS
    assert report.computed["flow"] == report.computed["tensor"] == 0


def test_annotated_clips_do_not_depend_on_spotting_settings(done, run, sample):
    report = run(sample, settings=["spot.size=128", "spot.fallback=middle", "spot.smooth_ms=50"])
    assert report.computed["spot"] == 0


@pytest.mark.slow
def test_workers_give_the_same_bytes_as_one_process(run, sample, tmp_path):
    run(sample)
    alone = features(tmp_path)
    run(sample, jobs=2, cache=tmp_path / "cache2", out=tmp_path / "out2")
    assert (tmp_path / "out2" / "features.h5").read_bytes() == alone

    def objects(cache):
        return sorted(p.name for p in (cache / "objects").rglob("*.h5"))

    assert objects(tmp_path / "cache2") == objects(tmp_path / "cache")


def test_one_folder_under_two_names_is_refused(make_run, sample, tmp_path):
    (tmp_path / "link").symlink_to(sample)
    (tmp_path / "loose.mp4").write_bytes(b"makes the folder above a dataset")
    for other in (sample, tmp_path / "link", tmp_path):
        with pytest.raises(UsageError, match=r"same folder|given twice"):
            make_run(f"a={sample}", f"b={other}")


def test_one_recording_under_two_persons_has_no_results(run, sample, tmp_path):
    other = shutil.copytree(sample, tmp_path / "other")
    report = run(f"a={sample}", f"b={other}", until="classify")
    assert report.usable == 2 * CLIPS
    assert report.results is None
    assert "one recording under two persons" in report.no_results


def test_a_label_file_may_move(run, sample, tmp_path):
    words = '[words]\nhappiness = "joy"\nsurprise = "surprise"\n'
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "my.toml").write_text(words)
    run(sample, settings=[f"labels.classes={tmp_path}/a/my.toml"])
    before = features(tmp_path)
    assert str(tmp_path).encode() not in before
    assert computed(run(sample, settings=[f"labels.classes={tmp_path}/b/my.toml"])) == {}


def test_nothing_usable_leaves_no_features_of_before(done, run, sample, tmp_path):
    for path in sample.rglob("*.jpg"):
        path.write_bytes(b"")
    report = run(sample)
    assert report.usable == 0
    assert not (tmp_path / "out" / "features.h5").exists()


def test_what_workers_hash_need_not_be_read_again(make_run, run, sample):
    settle(sample)
    run(sample, settings=["spot.method=flow-peak"])
    index = make_run(sample).inputs.indexes["sample"]
    images = list(sample.rglob("*.jpg"))
    assert all(index.known(path) for path in images)


def settle(sample):
    """Make the files old enough for their time stamps to be trusted."""
    for path in sample.rglob("*.jpg"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


def test_two_datasets_make_a_composite(run, sample, tmp_path):
    other = shutil.copytree(sample, tmp_path / "other")
    report = run(f"a={sample}", f"b={other}")
    # The same clips under other names: computed once each, stored under the same keys.
    assert report.usable == 2 * CLIPS
    loaded = mepipe.load(tmp_path / "out" / "features.h5")
    assert set(loaded.dataset) == {"a", "b"}
    assert len(set(loaded.columns["object"])) == CLIPS


@pytest.mark.parametrize("stage", STAGES)
def test_a_damaged_object_is_noticed_set_aside_and_made_again(done, run, sample, tmp_path, stage):
    before = features(tmp_path)
    victim = next((tmp_path / "cache" / "objects" / stage).rglob("*.h5"))
    data = flip_a_bit(victim)
    # Without the records and the pack, the objects themselves are read.
    shutil.rmtree(tmp_path / "cache" / "runs")
    (tmp_path / "out" / "features.h5").unlink()
    report = run(sample)
    assert report.computed[stage] == 1
    assert victim.read_bytes() != data
    assert (tmp_path / "cache" / "quarantine" / victim.name).read_bytes() == data
    assert features(tmp_path) == before


def test_a_removed_object_is_made_again_and_the_plan_says_why(
    done, make_run, run, sample, tmp_path
):
    next((tmp_path / "cache" / "objects" / "flow").rglob("*.h5")).unlink()
    plan = make_run(sample).plan()
    assert plan.counts[2].reasons == {"missing from the cache": 1}
    # The tensor behind it is still there, and holds for the same flow.
    assert computed(run(sample)) == {"flow": 1}


def test_until_stops_there(run, sample, tmp_path):
    report = run(sample, until="face")
    assert computed(report) == {"face": CLIPS}
    assert report.usable == CLIPS
    assert not (tmp_path / "out" / "features.h5").exists()
    assert computed(run(sample, until="tensor")) == dict.fromkeys(STAGES[1:], CLIPS)


def test_no_space_ends_the_run_and_the_next_one_goes_on(run, sample, tmp_path, monkeypatch):
    from mepipe.cache import disk

    writes = []
    write_atomic = disk.write_atomic

    def filling_up(path, data, scratch=None, **options):
        writes.append(path)
        if len(writes) > 9 and path.suffix == ".h5":
            with disk.system_errors("write", path):
                raise OSError(28, "No space left on device")
        write_atomic(path, data, scratch, **options)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_atomic", filling_up)
        with pytest.raises(SystemProblemError, match="No space left"):
            run(sample)
    kept = len(list((tmp_path / "cache" / "objects").rglob("*.h5")))
    assert kept > 0
    report = run(sample)
    assert report.usable == CLIPS
    assert sum(report.computed[stage] for stage in STAGES) == 4 * CLIPS - kept


def test_labels_choose_classes_at_the_pack(done, run, sample, tmp_path):
    assert computed(run(sample, settings=["labels.classes=emotion"])) == {"pack": 1}
    loaded = mepipe.load(tmp_path / "out" / "features.h5")
    assert set(loaded.classes) == set(loaded.columns["emotion"])


def test_other_library_versions_are_said_and_recomputed_when_asked(
    done, make_run, run, sample, tmp_path, monkeypatch
):
    from mepipe.pipeline import walk, worker

    before = features(tmp_path)
    real = worker.libraries

    def newer(names):
        return {**real(names), **({"numpy": "99"} if "numpy" in names else {})}

    monkeypatch.setattr(worker, "libraries", newer)
    monkeypatch.setattr(walk, "libraries", newer)
    report = run(sample, until="tensor")
    assert computed(report) == {}
    assert sum("numpy from" in note.text and "to 99" in note.text for note in report.notes) == 4
    planned = make_run(sample, strict_versions=True).plan()
    (reason,) = planned.counts[0].reasons
    assert reason.startswith("numpy from")
    report = run(sample, until="tensor", strict_versions=True)
    assert computed(report) == dict.fromkeys(STAGES, CLIPS)
    assert not any("other versions" in note.text for note in run(sample, until="tensor").notes)
    # Each object gave way to the new one of the same key.
    objects = [path.name[:64] for path in (tmp_path / "cache" / "objects").rglob("*.h5")]
    assert len(objects) == len(set(objects)) == 4 * CLIPS
    assert features(tmp_path) == before


def test_tensors_damaged_behind_a_record_are_made_again_and_counted(done, run, sample, tmp_path):
    before = features(tmp_path)
    for victim in sorted((tmp_path / "cache" / "objects" / "tensor").rglob("*.h5"))[:3]:
        flip_a_bit(victim)
    (tmp_path / "out" / "features.h5").unlink()
    # Planning reads names and records; the damage shows when the pack reads the tensors.
    report = run(sample)
    assert report.computed["tensor"] == 3
    assert report.usable == CLIPS
    assert features(tmp_path) == before


def test_results_of_other_features_do_not_stay(done, run, sample, tmp_path):
    for name in ("results.json", "predictions.csv", "confusion.png"):
        Manifest(tmp_path / "out").write(name, "key", b"of an earlier run")
    run(sample)
    assert (tmp_path / "out" / "results.json").exists(), "the features are the same"
    edit_labels(sample, lambda rows: rows[0].update(emotion="surprise"))
    assert computed(run(sample)) == {"pack": 1}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "features.h5", "failures.csv", "notes.csv", "worth-a-look.csv", "manifest.json", "earlier",
    }  # fmt: skip
    # Nothing is lost until there are new results.
    earlier = {path.name: path.read_bytes() for path in (tmp_path / "out" / "earlier").iterdir()}
    assert earlier.keys() == {"results.json", "predictions.csv", "confusion.png"}
    assert set(earlier.values()) == {b"of an earlier run"}
    assert computed(run(sample, until="classify", settings=["train.epochs=1", "train.seeds=1"]))
    assert (tmp_path / "out" / "results.json").exists()
    assert not (tmp_path / "out" / "earlier").exists()


def test_a_folder_earlier_of_somebody_else_is_not_touched(run, toy_run, toy_data, tmp_path):
    theirs = tmp_path / "out" / "earlier" / "results.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    with pytest.raises(UsageError, match="was not written by mepipe"):
        toy_run(toy_data(2)).execute()
    assert theirs.read_text() == "mine"


def test_a_plan_goes_on_behind_the_clips(make_run, run, sample):
    def outputs(**options):
        planned = make_run(sample, until="classify", **options)
        return [
            (count.stage, count.compute, count.at_most, count.reuse)
            for count in planned.outputs.plan(planned.plan())
        ]

    few = {"settings": ["train.epochs=1", "train.seeds=1"]}
    assert outputs(**few) == [("pack", 0, 1, 0), ("classify", 0, 2, 0)]
    run(sample, until="classify", **few)
    assert outputs(**few) == [("pack", 0, 0, 1), ("classify", 0, 0, 2)]
    assert outputs(settings=["train.epochs=2", "train.seeds=2"]) == [
        ("pack", 0, 0, 1), ("classify", 4, 4, 0),
    ]  # fmt: skip
    edit_labels(sample, lambda rows: rows[0].update(emotion="surprise"))
    assert outputs(**few) == [("pack", 1, 1, 0), ("classify", 0, 2, 0)]
    planned = make_run(sample, until="tensor")
    assert planned.outputs.plan(planned.plan()) == ()


def test_records_say_whether_the_run_came_to_its_end(run, sample, tmp_path, monkeypatch):
    from mepipe.cache.records import read_records
    from mepipe.stages import tensor

    def broken(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(tensor, "flow_tensor", broken)
        with pytest.raises(ZeroDivisionError):
            run(sample)
    (record,) = read_records(tmp_path / "cache")
    assert record["finished"] is False
    run(sample)
    assert sum(record["finished"] for record in read_records(tmp_path / "cache")) == 1
