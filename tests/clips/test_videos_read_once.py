"""A video that cannot be read is decoded once, in the process that may die of it."""

import numpy as np
import pytest
from videos import encoded

from mepipe.clips import file_index, videos
from mepipe.clips.file_index import DigestIndex
from mepipe.datasets.registry import open_dataset
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.execution.progress import NoProgress


@pytest.mark.parametrize(
    "error", [BadDataError("no frame"), UnreadableInputError("it is gone"), MemoryError()]
)
def test_what_was_wrong_is_told_without_another_look(tmp_path, monkeypatch, error):
    (tmp_path / "set" / "s1").mkdir(parents=True)
    path = tmp_path / "set" / "s1" / "a.mkv"
    path.write_bytes(encoded(np.zeros((4, 32, 32, 3), np.uint8), "matroska", "ffv1"))
    dataset = open_dataset(str(tmp_path / "set"))
    index = DigestIndex(tmp_path / "cache", dataset.root)
    looks = []

    def probe(given):
        looks.append(given)
        raise error

    for module in (videos, file_index):
        monkeypatch.setattr(module, "probe_file", probe)
    videos.index_videos([dataset], {dataset.name: index}, 1, NoProgress())
    for _ in range(2):
        with pytest.raises(type(error)):
            index.video(path)
    assert looks == [path]
