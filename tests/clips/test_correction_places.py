"""Where the tables of a coder lie, and who may be one."""

import pytest

from mepipe.clips.correction_places import CORRECTIONS, EVENTS, files_of
from mepipe.errors import UsageError


def test_the_tables_of_nobody_are_those_that_a_run_reads(tmp_path):
    assert files_of(tmp_path, "") == (tmp_path / CORRECTIONS, tmp_path / EVENTS)
    assert files_of(tmp_path) == files_of(tmp_path, "")


@pytest.mark.parametrize("name", ["anna", "Ann B.", "müller-2", "o'neill", "李", "(2)", "x" * 64])
def test_every_coder_has_tables_of_their_own(tmp_path, name):
    clips, events = files_of(tmp_path, name)
    assert (clips.name, events.name) == (f"corrections-{name}.csv", f"corrected-events-{name}.csv")
    assert clips.parent == events.parent == tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "../x", "a/b", "a\\b", "c:", "a*", "a|b", ".hidden", "..", " x", "x ", "x" * 65, "a\nb",
        "a\x1bb", "a\udce4", "a\u202eb", "=x", "+x", "-x", "@x", "ann.history",
    ],
)  # fmt: skip
def test_names_of_coders_that_are_no_file_names(tmp_path, name):
    with pytest.raises(UsageError, match="file's name"):
        files_of(tmp_path, name)
