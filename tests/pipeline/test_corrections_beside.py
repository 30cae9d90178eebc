"""Corrections that lie in the output folder: used without being asked for, and never touched."""

import shutil

from test_run import CLIPS, computed, first_row

from mepipe.clips.correction_file import CorrectionFile
from mepipe.clips.correction_places import moved_along, with_corrections_of
from mepipe.config import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.features import load
from mepipe.pipeline.explain import explain, newest_with


def texts(result):
    return [note.text for note in result.notes]


def test_the_file_of_the_output_folder_is_used_and_kept(toy_run, sample, tmp_path):
    out = tmp_path / "out"
    toy_run(sample).execute()
    apex = int(first_row(sample)["apex"])
    file = CorrectionFile(out / "corrections.csv", who="kim")
    file.change("sample/s01/c01", {"apex": str(apex + 1)})
    CorrectionFile(out / "corrections-ann.csv", who="ann").change("sample/s01/c01", {"apex": "1"})
    kept = {one.name: one.read_bytes() for one in out.glob("corrections*")}
    assert len(kept) == 4
    made = toy_run(sample)
    assert [note.text for note in made.beside] == ["corrections.csv of the output folder is used"]
    result = made.execute()
    # The toy flow of another apex is the same, so its tensor is there already.
    assert computed(result) == {"spot": 1, "flow": 1, "pack": 1}
    assert "corrections.csv of the output folder is used" in texts(result)
    assert any("corrects apex" in text and "(by kim)" in text for text in texts(result))
    assert load(result.features).columns["apex_number"][0] == apex + 1
    assert made.config.data.corrections == str((out / "corrections.csv").resolve())
    assert {one.name: one.read_bytes() for one in out.glob("corrections*")} == kept
    assert computed(toy_run(sample).execute()) == {}


def test_an_explanation_uses_it_too(toy_run, sample, tmp_path):
    made = toy_run(sample)
    made.execute()
    file = CorrectionFile(tmp_path / "out" / "corrections.csv", who="kim")
    clip = "sample/s01/c01"
    file.change(clip, {"apex": str(int(first_row(sample)["apex"]) + 1)})
    _, past = newest_with(tmp_path / "cache", clip, None)
    told = explain(clip, open_datasets([str(sample)]), made.config, made.context, past)
    assert [one.state for one in told] == ["hit", "miss", "waits", "waits"]


def test_no_movement_enters_at_the_pack_alone(toy_run, sample, tmp_path):
    toy_run(sample).execute()
    file = CorrectionFile(tmp_path / "out" / "corrections.csv", who="kim")
    file.change("sample/s01/c01", {"movement": "no", "why": "a blink"})
    result = toy_run(sample).execute()
    assert computed(result) == {"pack": 1}
    found = load(result.features)
    assert len(found) == CLIPS
    row = found.table.iloc[0]
    assert (row["clip"], row["y"], row["label"]) == ("sample/s01/c01", -1, "")
    assert not row["movement"]
    assert found.table["movement"].iloc[1:].all()
    assert any("movement no, so it has no class (a blink, by kim)" in one for one in texts(result))
    file.undo()
    assert computed(toy_run(sample).execute()) == {"pack": 1}


def test_a_setting_overrides_the_file_of_the_output_folder(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    plain = load_config(None, [])
    assert with_corrections_of(out, plain) == (plain, ())
    (out / "corrections.csv").write_text("clip,apex\n")
    (out / "corrected-events.csv").write_text("recording,onset\n")
    config, notes = with_corrections_of(out, plain)
    assert config.data.corrections == str(out / "corrections.csv")
    assert config.data.events == str(out / "corrected-events.csv")
    assert [note.text for note in notes] == [
        "corrections.csv of the output folder is used",
        "corrected-events.csv of the output folder is used",
    ]
    other = load_config(None, ["data.corrections=mine.csv"])
    config, notes = with_corrections_of(out, other)
    assert config.data.corrections == "mine.csv"
    assert notes[0].text == (
        "corrections.csv of the output folder is not used: data.corrections names mine.csv"
    )
    named = load_config(None, [f"data.corrections={out / 'corrections.csv'}"])
    assert len(with_corrections_of(out, named)[1]) == 1


def test_a_recorded_place_goes_along_with_its_folder(tmp_path):
    out, moved = tmp_path / "out", tmp_path / "moved"
    out.mkdir()
    (out / "corrections.csv").write_text("clip,apex\n")
    config, _ = with_corrections_of(out, load_config(None, []))
    shutil.move(out, moved)
    assert moved_along(config, str(out), moved).data.corrections == str(moved / "corrections.csv")
    (moved / "corrections.csv").unlink()
    assert moved_along(config, str(out), moved).data.corrections is None
    other = load_config(None, ["data.corrections=/elsewhere/corrections.csv"])
    assert moved_along(other, str(out), moved) == other
