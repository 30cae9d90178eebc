"""TOML that is nested without end is no valid TOML: no traceback."""

import pytest

from mepipe.clips.labels import read_scheme
from mepipe.config import load_config
from mepipe.errors import UsageError

DEEP = ("a = " + "[" * 50_000, "a = " + "{b = " * 50_000)


@pytest.mark.parametrize("text", DEEP, ids=["lists", "tables"])
def test_deep_settings(tmp_path, text):
    path = tmp_path / "mepipe.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"mepipe\.toml is not valid TOML"):
        load_config(path)
    with pytest.raises(UsageError):
        load_config(None, [f"spot.method={text.removeprefix('a = ')}"])


def test_deep_classes(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(DEEP[0])
    with pytest.raises(UsageError, match=r"classes\.toml is not valid TOML"):
        read_scheme(path, set())
