"""Tables of a few kB that would be unpacked, read or compared for hours are refused in time."""

import difflib
import io
import zipfile

import openpyxl
import pytest
from lookalikes import write_csv, write_folder

from mepipe.datasets import grids, label_table
from mepipe.datasets.grids import read_grids
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError


def workbook(path, sheet):
    """Write a workbook whose first sheet holds this XML."""
    book = io.BytesIO()
    made = openpyxl.Workbook()
    made.active.append(["clip"])
    made.save(book)
    with (
        zipfile.ZipFile(book) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.infolist():
            data = old.read(part)
            new.writestr(part.filename, sheet if part.filename.endswith("sheet1.xml") else data)
    return path


def rows(body):
    return (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b"<sheetData>" + body + b"</sheetData></worksheet>"
    )


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_before_it_is(tmp_path, monkeypatch):
    path = workbook(tmp_path / "s.xlsx", rows(b" " * 101_000_000))
    assert path.stat().st_size < 1_000_000
    monkeypatch.setattr(openpyxl, "load_workbook", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(UsageError, match=r"s\.xlsx has 101\d+ bytes of cells when it is unpacked"):
        read_grids(path)


def test_rows_that_reach_to_the_last_column_are_counted(tmp_path):
    wide = b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (n, n) for n in range(1, 400))
    path = workbook(tmp_path / "s.xlsx", rows(wide))
    assert path.stat().st_size < 10_000
    with pytest.raises(UsageError, match=f"more than {grids.MOST_CELLS} cells") as caught:
        read_grids(path)
    assert caught.value.remedy


def test_a_text_of_separators_alone_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(grids, "MOST_CELLS", 1000)
    (tmp_path / "labels.csv").write_text("clip" + "," * 2000)
    with pytest.raises(UsageError, match="more than 1000 cells"):
        read_grids(tmp_path / "labels.csv")


def test_a_table_that_is_too_long_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(grids, "MOST_TABLE", 1000)
    (tmp_path / "labels.csv").write_text("clip\n" * 1000)
    with pytest.raises(UsageError, match="it has 5000 bytes, and more than 1000 are not read"):
        read_grids(tmp_path / "labels.csv")


def test_rows_of_other_clips_are_not_each_compared_with_every_clip(tmp_path, monkeypatch):
    """1600 rows and as many clips took 42 s: names are compared 100 000 times at most."""
    write_folder(tmp_path)
    compared = 0
    real = difflib.get_close_matches

    def counted(word, possibilities, *args, **options):
        nonlocal compared
        possibilities = list(possibilities)
        compared += len(possibilities)
        return real(word, possibilities, *args, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    monkeypatch.setattr(label_table, "_COMPARISONS", 40)
    for subject in ("subject", "person"):
        strangers = [[f"x{n}", f"y{n}", "joy"] for n in range(500)]
        write_csv(tmp_path / "labels.csv", [[subject, "clip", "emotion"], *strangers])
        compared = 0
        found = open_dataset(str(tmp_path))
        assert compared < 200
        assert sum("has no clip: not used" in note.text for note in found.notes) == 500


def test_the_first_misspelt_rows_still_get_a_hint(tmp_path):
    write_folder(tmp_path)
    write_csv(tmp_path / "labels.csv", [["subject", "clip"], ["s2", "imagess"]])
    notes = "\n".join(note.text for note in open_dataset(str(tmp_path)).notes)
    assert "(did you mean s2/images?)" in notes
