"""Every text stands in a cell, no spreadsheet runs it, and it is read back as it was."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mepipe.datasets.csv_tables import CsvError, Number, csv_line, csv_text, encoded, read_csv

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
HOSTILE = [
    "=cmd|'/c calc'!A1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "'=1", "''=1",
    "a\rb", "a\nb", "a\u2028b", "a\x85b", "a\x1cb", 'a"b', "a,b", "x" * 131_073, "", "-1", "'-1",
]  # fmt: skip
FORMULAS = tuple("=+-@\t\r\n＝＋－＠")


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1))
@example([[text, text] for text in HOSTILE])
def test_any_text_is_read_back_as_it_was(rows):
    text = csv_text(("a", "b"), rows)
    header, *found = (cells for _, cells in read_csv(text))
    assert header == ["a", "b"]
    assert found == rows
    # Whoever reads lines, as programs do that know no quotes, meets no half of a row unquoted.
    limit = csv.field_size_limit(10**6)
    try:
        assert len(list(csv.reader(io.StringIO(text, newline="")))) == len(rows) + 1
    finally:
        csv.field_size_limit(limit)


@given(TEXTS)
@example("=1")
@example("\t=1")
def test_no_cell_begins_like_a_formula(name):
    cell = next(csv.reader(io.StringIO(csv_line([name, "x"]), newline="")))[0]
    assert not cell.startswith(FORMULAS)


def test_numbers_stay_numbers_and_nothing_is_nothing():
    assert csv_line([-1, -0.5, Number("-0.50"), "-0.5", None, float("nan"), True]) == (
        "-1,-0.5,-0.50,'-0.5,,,True\n"
    )
    assert csv_line([-0.5, 1 / 3], floats=".6f") == "-0.500000,0.333333\n"


def test_a_byte_that_is_no_text_can_be_written():
    assert encoded(csv_line(["a\udcffb"])) == b"a\\udcffb\n"


def test_the_line_of_a_fault_is_told():
    with pytest.raises(CsvError) as caught:
        list(read_csv('a,b\n1,2\n1,"2\n'))
    assert caught.value.line == 3


def test_the_limit_of_other_readers_stays():
    before = csv.field_size_limit()
    list(read_csv(f"{'x' * 200_000}\n"))
    assert csv.field_size_limit() == before
