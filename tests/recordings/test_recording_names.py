"""Names of recordings are judged before anything is searched."""

import pytest

from mepipe.errors import UsageError
from mepipe.recordings.spot import open_sources


@pytest.mark.parametrize("name", ["two\nlines", " blank"])
def test_a_name_that_no_table_can_hold_is_refused_before_the_search(tmp_path, name):
    (tmp_path / f"{name}.mp4").write_bytes(b"not read here")
    with pytest.raises(UsageError, match="the name of the recording"):
        open_sources([tmp_path / f"{name}.mp4"])


@pytest.mark.parametrize("name", ["=1+2", "Straße, 2. Teil", "日本"])
def test_odd_names_are_taken(tmp_path, name):
    (tmp_path / f"{name}.mp4").write_bytes(b"not read here")
    (one,) = open_sources([tmp_path / f"{name}.mp4"])
    assert one.clip.id == name
