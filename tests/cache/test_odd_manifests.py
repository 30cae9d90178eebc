"""A manifest.json of another program, or edited by hand, is refused by name: no traceback."""

import json

import pytest

from mepipe.cache.manifest import MANIFEST, Manifest
from mepipe.errors import MepipeError, UsageError

SOUND = {"key": "k", "sha256": "d", "stat": [1, 2]}
ODD = [
    "[]", "null", "5", "", "[" * 100_000, '{"a": ' * 50_000, '{"features.h5": 5}',
    *(
        json.dumps({"features.h5": {**SOUND, **change}})
        for change in (
            {"key": 5}, {"key": None}, {"sha256": []}, {"stat": 5}, {"stat": [1]},
            {"stat": ["a", "b"]}, {"stat": {}}, {"stat": [True, False]}, {"stat": [1.5, 2]},
            {"more": 1},
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_an_odd_manifest_is_not_ours(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(UsageError, match="was not written by mepipe and is not replaced"):
        Manifest(tmp_path)


@pytest.mark.parametrize("entry", [SOUND, {**SOUND, "stat": None}])
def test_every_question_to_a_sound_one_has_an_answer(tmp_path, entry):
    (tmp_path / MANIFEST).write_text(json.dumps({"features.h5": entry}))
    manifest = Manifest(tmp_path)
    assert not manifest.is_current("features.h5", "k")
    assert manifest.why_stale("features.h5", "k") == "features.h5 is missing or was changed"
    assert manifest.digest("features.h5") == "d"


def test_a_manifest_that_is_a_folder_or_huge_is_an_error(tmp_path):
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(MepipeError, match=MANIFEST):
        Manifest(tmp_path)
