"""``mepipe marks`` and ``mepipe agreement``, on features that a run might have written."""

import csv
import json
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from made_rows import rows

pytest.importorskip("pympi")

from mepipe.cli import main
from mepipe.clips.correction_file import CorrectionFile


@pytest.fixture
def out(tmp_path, monkeypatch):
    from mepipe.recordings import marks

    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "features.h5").write_bytes(b"read by the stand-in")
    made = rows()
    columns = {name: [one[name] for one in made] for name in made[0]}
    stand_in = SimpleNamespace(columns=columns)
    monkeypatch.setattr("mepipe.features.load", lambda path: stand_in)
    assert marks.marks_of_run(folder)
    return folder


def call(*arguments, code=0):
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_out_to_elan_and_back_for_a_second_coder_who_agrees(out, tmp_path):
    said = call("marks", "export", out, "--out", tmp_path / "elan")
    files = sorted((tmp_path / "elan").iterdir())
    assert f"{len(files)} files in" in said
    assert len(files) > 3
    said = call("marks", "import", tmp_path / "elan", "--into", out)
    assert said.startswith(f"0 of {len(files)} written; {len(files)} are as in the run")
    said = call("marks", "import", tmp_path / "elan", "--into", out, "--coder", "ann")
    assert f"{len(files)} of {len(files)} written to" in said
    assert not (out / "corrections.csv").exists()
    first = out / "corrections-ann.csv"
    again = tmp_path / "elan"
    said = call("agreement", first, again, "--run", out)
    assert f"{len(files)} clips that both coded" in said
    assert "100%" in said


def test_figures_as_table_csv_and_json(tmp_path):
    kim, ann = tmp_path / "kim.csv", tmp_path / "ann.csv"
    for path, shift, word in ((kim, 0, "fear"), (ann, 2, "anger")):
        file = CorrectionFile(path, who=path.stem)
        for number in range(4):
            apex = 10 + shift * (number % 2)
            emotion = "fear" if number else word
            file.change(f"d/s1/{number}", {"apex": str(apex), "emotion": emotion})
    CorrectionFile(kim, who="kim").change("d/s1/only", {"apex": "3"})
    said = call("agreement", kim, ann, "--fps", "100", "--csv", tmp_path / "found.csv")
    assert "4 clips that both coded; 1 only in A, 0 only in B" in said
    assert "1 (10 ms)" in said
    assert "the same in 75% of 4; Cohen's kappa 0.000" in said
    with (tmp_path / "found.csv").open() as file:
        rows = {row["what"]: row for row in csv.DictReader(file)}
    assert (rows["apex"]["n"], rows["apex"]["median_abs_ms"]) == ("4", "10.0")
    assert (rows["apex"]["within_one_frame"], rows["emotion"]["kappa"]) == ("0.5", "0.0")
    found = json.loads(call("agreement", kim, ann, "--json"))
    assert found["clips"]["marks"]["apex"]["median_ms"] is None
    assert found["clips"]["only_first"] == 1
    call("agreement", kim, ann, "--csv", kim, code=2)
    other = tmp_path / "other.csv"
    CorrectionFile(other, who="x").change("d/s1/x", {"apex": "3"})
    assert "no clip in common" in call("agreement", kim, other, code=2)


def test_coders_are_compared_without_the_server_of_the_review_page(tmp_path, monkeypatch):
    kim = tmp_path / "kim.csv"
    CorrectionFile(kim, who="kim").change("d/s1/c1", {"apex": "3"})
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "1 clips that both coded" in call("agreement", kim, kim)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert "comparing coders needs scikit-learn" in call("agreement", kim, kim, code=2)
