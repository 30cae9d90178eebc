"""The table of the answers on several clips, whatever the clips are called."""

import csv
import io
from pathlib import Path

import pytest
from hostile import NAMES

from mepipe.datasets.csv_tables import encoded, read_csv
from mepipe.inference.many import Answer, answers_csv, is_answers_csv
from mepipe.inference.predictor import Prediction

FOUND = Prediction(
    "positive", {"positive": 2 / 3, "negative": 1 / 3}, 0, 12, 30, 0.0, 0.06, 0.15,
    confidence=0.5, px=1.25, eyes_px=110.0,
)  # fmt: skip


def test_figures_are_short_and_what_is_unknown_is_empty():
    rows = [Answer(Path("a.mp4"), 2, FOUND), Answer(Path("b"), None, Prediction(reason="no face"))]
    assert answers_csv(rows, ("positive", "negative")).splitlines() == [
        "clip,movement,label,micro,out_of_range,onset,apex,offset,onset_s,apex_s,offset_s,px,"
        "confidence,reason,p_positive,p_negative",
        "a.mp4,2,positive,yes,,0,12,30,0,0.06,0.15,1.25,0.5,,0.666667,0.333333",
        "b,,,,,,,,,,,,,no face,,",
    ]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_clip_of_any_name_is_one_row_and_no_formula(name):
    rows = [Answer(Path(name), None, Prediction(reason=name)), Answer(Path("b"), 1, FOUND)]
    text = encoded(answers_csv(rows, ("positive", "negative"))).decode()
    assert is_answers_csv(text.splitlines()[0])
    (_, header), *read = read_csv(text)
    first, second = (dict(zip(header, cells, strict=True)) for _, cells in read)
    shown = name.encode(errors="backslashreplace").decode()
    assert (first["clip"], first["reason"]) == (shown, shown)
    assert (second["clip"], second["p_positive"]) == ("b", "0.666667")
    with io.StringIO(text, newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert len(cells) == 3 * len(header)
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r"))]
