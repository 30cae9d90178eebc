"""Names of a dataset are data: on the way to results, tables, the page, LaTeX and the terminal."""

import csv
import io
import os
import re
from contextlib import suppress

import pytest
from hostile import NAMES

from mepipe.datasets.csv_tables import read_csv
from mepipe.errors import MepipeError
from mepipe.evaluation.comparison_tables import comparison_latex, comparison_markdown
from mepipe.pipeline.outputs import FAILURE_COLUMNS, NOTE_COLUMNS
from mepipe.pipeline.worth_a_look import COLUMNS, Doubt, doubts_csv, doubts_in
from mepipe.report.report_inputs import rows_of

CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]")


def hostile_data(tmp_path, name):
    """Return a dataset of three annotated clips of toy frames, whose folders have the name."""
    rows = [["subject", "clip", "emotion", "onset", "apex", "offset", "fps"]]
    for number in range(3):
        subject, clip = f"{name}{number}", name
        folder = tmp_path / "data" / subject / clip
        try:
            folder.mkdir(parents=True)
        except (OSError, UnicodeError):
            pytest.skip("this file system does not allow the name")
        for frame in range(1, 9):
            path = folder / f"{frame:03d}.jpg"
            path.write_bytes(f"{number} {frame}".encode())
            os.utime(path, (1_700_000_000, 1_700_000_000))
        rows.append([subject, clip, ("happiness", "surprise", "disgust")[number], 2, 4, 7, 200])
    with (tmp_path / "data" / "labels.csv").open("w", newline="", errors="surrogateescape") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return tmp_path / "data"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_run_over_hostile_names_leaves_tables_that_are_read_and_no_formula(
    toy_run, tmp_path, name
):
    data = hostile_data(tmp_path, name)
    out = tmp_path / "out"
    for _ in range(2):
        # Some names are refused, with what to do: an answer, no crash.
        with suppress(MepipeError):
            toy_run(data, out=out).execute()
    for path in out.glob("*.csv"):
        text = path.read_bytes().decode()
        (_, header), *rows = read_csv(text)
        assert all(len(cells) == len(header) for _, cells in rows)
        with path.open(newline="") as file:
            for cells in csv.reader(file):
                assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r"))]
        if path.name in {"failures.csv", "notes.csv"}:
            columns = FAILURE_COLUMNS if path.name == "failures.csv" else NOTE_COLUMNS
            assert len(rows_of(path, columns)) == len(rows)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_models_of_any_name_are_one_row_in_latex_and_markdown(name):
    figures = {"uf1": 0.5, "uar": 0.5, "accuracy": 0.5, "ci": {"uf1": None, "uar": None}}
    one = {
        "name": name,
        "seeds": [0],
        **figures,
        "per_dataset": {name: {"uf1": 1.0, "uar": 1.0, "clips": 1}},
    }
    one |= {"per_class": {}, "per_subject": {}, "chance": None, "confusion": []}
    content = {
        "clips": 1, "subjects": 1, "classes": [], "ci_note": None, "models": [one], "pairs": [],
    }  # fmt: skip
    latex = comparison_latex(content)
    assert len(latex.splitlines()) == 2
    assert not CONTROL.search(latex)
    assert "\\input" not in latex
    row = latex.splitlines()[1]
    # Every sign that LaTeX obeys stands behind a backslash, but those of the row itself.
    assert row.count(" & ") == 2
    assert not re.search(r"(?<!\\)[%$#_]", row)
    markdown = comparison_markdown({**content, "models": [{**one, "per_class": {}}]})
    assert not CONTROL.search(markdown)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_an_eaf_of_a_video_of_any_name_is_xml(name):
    pytest.importorskip("pympi")
    import xml.etree.ElementTree as ET

    import numpy as np

    from mepipe.recordings.elan import events_eaf
    from mepipe.recordings.result import RecordingEvents

    recording = RecordingEvents(
        "a", "", 25.0, np.arange(3) * 40.0, range(3), (), (), np.zeros(3, np.float32)
    )
    data = events_eaf(recording, f"../{name}/a.mp4")
    found = ET.fromstring(data).findall(".//MEDIA_DESCRIPTOR")
    for one in found:
        assert one.get("RELATIVE_MEDIA_URL") == f"../{name}/a.mp4"
    # XML has no form for the others: no link is better than a file that cannot be opened.
    assert len(found) == (not CONTROL.search(name) and "\udce4" not in name)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_clip_of_any_name_that_is_worth_a_look_is_one_row_and_no_formula(name):
    doubts = (Doubt(name, "noted", f"{name}, as it is", 0.1), Doubt("b", "still", name, 0.5))
    data = doubts_csv(doubts)
    texts = [one.encode(errors="backslashreplace").decode() for one in (name, f"{name}, as it is")]
    first, second = doubts_in(data)
    assert (first.clip, first.text) == tuple(texts)
    assert (second.clip, second.text, second.weight) == ("b", texts[0], 0.5)
    with io.StringIO(data.decode(), newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert len(cells) == 3 * len(COLUMNS)
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r"))]
