"""What the tables of corrections share when they are changed."""

import csv

import pytest

from mepipe.clips.correction_history import History, history_path
from mepipe.clips.table_edits import edit, replace_unchanged
from mepipe.errors import ConflictError


class OneCell:
    """A table of one cell, of a clip called a."""

    def __init__(self, path):
        self.path = path
        self.data = path.read_bytes() if path.exists() else None

    def cells_of(self, clip):
        return {"apex": (self.data or b"").decode()} if clip == "a" else {}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "corrections.csv"


def set_to(text, meanwhile=lambda: None):
    """Return a change of the cell, during which ``meanwhile`` is called."""

    def change(content, history):
        before = content.cells_of("a")
        history.append("kim", "now", "a", before, {"apex": text})
        meanwhile()
        replace_unchanged(content.path, text.encode(), content.data)
        return before["apex"]

    return change


def test_a_table_that_another_program_writes_meanwhile_is_read_again(path):
    others = iter([b"3", b"4"])

    def meanwhile():
        for data in others:
            path.write_bytes(data)
            break

    assert edit(path, lambda: OneCell(path), set_to("5", meanwhile), who="kim") == "4"
    assert path.read_bytes() == b"5"
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "corrections.csv", "corrections.history.csv",
    ]  # fmt: skip


def test_a_table_that_changes_all_the_time_is_left_to_the_other_program(path):
    count = iter(range(100))

    def meanwhile():
        path.write_bytes(str(next(count)).encode())

    with pytest.raises(ConflictError, match="changed by another program all the time"):
        edit(path, lambda: OneCell(path), set_to("x", meanwhile), who="kim")
    assert path.read_bytes() == str(next(count) - 1).encode()


def test_a_change_that_never_came_to_the_table_is_taken_back_by_the_next(path):
    path.parent.mkdir()
    path.write_bytes(b"1")
    History(history_path(path)).append("kim", "before", "a", {"apex": "1"}, {"apex": "2"})
    edit(path, lambda: OneCell(path), set_to("3"), who="ann")
    with history_path(path).open(newline="") as file:
        rows = [(one["who"], one["before"], one["after"], one["undoes"])
                for one in csv.DictReader(file)]  # fmt: skip
    assert rows == [("kim", "1", "2", ""), ("ann", "2", "1", "1"), ("kim", "1", "3", "")]
