import io
import zipfile

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lookalikes import CASME2_HEADER, CASME2_ROWS, write_csv, write_xlsx

from mepipe.datasets.sheets import find_sheets, read_table
from mepipe.errors import UsageError

REQUIRED = {"clip": ("Filename",), "onset": ("OnsetFrame", "Onset")}
OPTIONAL = {"apex": ("ApexFrame",), "emotion": ("Estimated Emotion",)}


def read(path):
    return read_table(path, key="clip", required=REQUIRED, optional=OPTIONAL)


def contents(table):
    return [(row["clip"], row["onset"], row["apex"], row["emotion"]) for row in table.rows]


def test_read_table_reads_the_sheet_of_casme2(tmp_path):
    table = read(write_xlsx(tmp_path / "s.xlsx", [CASME2_HEADER, *CASME2_ROWS], [], []))
    assert contents(table) == [
        ("EP02_01f", "46", "59", "happiness"),
        ("EP03_02", "131", "161", "Others"),
        ("EP01_2", "20", "31", "surprise"),
        ("EP06_02_01", "5", "9", "repression"),
    ]
    assert [row.number for row in table.rows] == [2, 3, 4, 5]
    assert table.unused == (
        "Subject",
        "OffsetFrame",
        "Action Units",
        "Objective Classes",
    )


def test_header_after_a_preamble_that_mentions_it_and_remarks_below(tmp_path):
    rows = [
        ("Release notes",),
        (None, "Filename"),
        (),
        ("Subject", "  file NAME ", "Onset Frame", "APEXFRAME"),
        (1, "a", 1, 2),
        (),
        ("Note: frames are counted from 1",),
        (1, "b", 3, 4),
    ]
    table = read(write_xlsx(tmp_path / "s.xlsx", [("nothing", "here")], rows))
    assert contents(table) == [("a", "1", "2", ""), ("b", "3", "4", "")]
    assert [row.number for row in table.rows] == [5, 8]
    assert table.ignored == (7,)


def test_a_clip_called_like_the_heading_is_kept_and_a_repeated_header_is_not(tmp_path):
    rows = [("Filename", "Onset"), ("Filename", "3"), ("Filename", "Onset"), ("b", "4")]
    table = read(write_csv(tmp_path / "s.csv", rows))
    assert [(row["clip"], row["onset"]) for row in table.rows] == [("Filename", "3"), ("b", "4")]
    assert table.ignored == (3,)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_read_table_reads_every_csv_dialect(tmp_path, delimiter, encoding):
    rows = [("Filename", "Onset", "Estimated Emotion"), ("é;x,y", "1", 'a "b"'), ("c", "2")]
    table = read(write_csv(tmp_path / "s.csv", rows, delimiter, encoding))
    assert contents(table) == [("é;x,y", "1", "", 'a "b"'), ("c", "2", "", "")]


cell = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8).map(str.strip)


@given(
    rows=st.lists(st.tuples(cell, cell, cell), max_size=8),
    delimiter=st.sampled_from(",;\t"),
)
def test_read_table_returns_any_cells_that_were_written(rows, delimiter, tmp_path_factory):
    path = tmp_path_factory.mktemp("csv") / "s.csv"
    write_csv(path, [("Filename", "Onset", "ApexFrame"), *rows], delimiter)
    header = ("Filename", "Onset", "ApexFrame")
    expected = [row for row in rows if row[0] and row != header]
    table = read(path)
    assert [(row["clip"], row["onset"], row["apex"]) for row in table.rows] == expected


def test_formula_without_a_stored_value_is_not_an_empty_cell(tmp_path):
    rows = [("Filename", "Onset", "ApexFrame"), ("a", "=B3+1", None), ("b", 4, 5)]
    table = read(write_xlsx(tmp_path / "s.xlsx", rows))
    assert contents(table) == [("a", "=B3+1", "", ""), ("b", "4", "5", "")]


def test_wrong_stored_dimension_cuts_nothing_off(tmp_path):
    path = write_xlsx(tmp_path / "s.xlsx", [("Filename", "Onset"), ("a", 1), ("b", 2)])
    source, target = zipfile.ZipFile(path), io.BytesIO()
    with source, zipfile.ZipFile(target, "w") as out:
        for item in source.namelist():
            out.writestr(item, source.read(item).replace(b'ref="A1:B3"', b'ref="A1:A1"'))
    path.write_bytes(target.getvalue())
    assert [row["onset"] for row in read(path).rows] == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("s.xlsx", b"", "is empty"),
        ("s.csv", b" \n", "is empty"),
        ("s.xlsx", b"Filename,Onset\na,1\n", "is not an Excel workbook"),
        ("s.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), "password-protected"),
        ("s.xlsx", b"PK\x03\x04 cut off", "is damaged or cut off"),
        ("s.csv", "Filename;Onset\nä;1".encode("cp1252"), "is not UTF-8 text"),
        ("s.csv", b'Filename,Onset\n"' + b"x" * 200_000, "not a table|no header"),
        ("s.csv", b"a,b\n1,2\n", "no cell reads 'Filename'"),
        (
            "s.csv",
            b"Filename,Apex\n1,2\n",
            "no column 'OnsetFrame' or 'Onset'.*has: Filename, Apex",
        ),
    ],
)
def test_read_table_refuses_files_that_are_not_tables(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UsageError, match=message) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy


def test_read_table_refuses_cut_off_workbooks(tmp_path):
    data = write_xlsx(tmp_path / "s.xlsx", [CASME2_HEADER, *CASME2_ROWS]).read_bytes()
    for share in (0.01, 0.3, 0.6, 0.99):
        (tmp_path / "cut.xlsx").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(UsageError, match="damaged or cut off"):
            read(tmp_path / "cut.xlsx")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    part=st.sampled_from(
        ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"]
    ),
    at=st.floats(0, 1),
    junk=st.binary(min_size=1, max_size=6),
)
def test_malformed_workbooks_end_in_a_usage_error_or_a_table(tmp_path, part, at, junk):
    data = io.BytesIO()
    book = openpyxl.Workbook()
    for row in (CASME2_HEADER, *CASME2_ROWS):
        book.active.append(row)
    book.save(data)
    source, target = zipfile.ZipFile(data), io.BytesIO()
    with zipfile.ZipFile(target, "w") as out:
        for item in source.namelist():
            content = source.read(item)
            if item == part:
                start = int(at * len(content))
                content = content[:start] + junk + content[start + len(junk) :]
            out.writestr(item, content)
    path = tmp_path / "s.xlsx"
    path.write_bytes(target.getvalue())
    try:
        table = read(path)
    except UsageError:
        return
    assert all(row["clip"] for row in table.rows)


def test_find_sheets_leaves_lock_files_out(tmp_path):
    names = ["~$b.xlsx", ".c.xlsx", "a.XLSX", "b.xlsx", "d.csv", "e.txt"]
    assert [path.name for path in find_sheets(tmp_path, names)] == ["a.XLSX", "b.xlsx", "d.csv"]
