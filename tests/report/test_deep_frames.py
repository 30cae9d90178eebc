"""The faces of a clip of 10 bits are drawn as a run read them."""

import cv2
import numpy as np

from mepipe.frames import split_digest
from mepipe.report.clip_pictures import _as_it_was


class Work:
    def __init__(self, digests):
        self.digests = digests
        self.values = {"spot": {"onset": 0, "apex": 1}}


def test_faces_are_read_with_the_bits_that_flow_read(tmp_path):
    from mepipe.clips.clip_task import ClipTask
    from mepipe.frames import FrameReader, Timing

    files = tuple(tmp_path / f"{number}.png" for number in range(2))
    for number, file in enumerate(files):
        cv2.imwrite(str(file), np.full((20, 20), 1000 + number, np.uint16))
    reader = FrameReader(files, 2, None, lambda _: None, 10)
    digests = [reader.digest(position) for position in range(2)]
    assert split_digest(digests[0])[1] == 10
    task = ClipTask("a", files, None, 2, Timing(200), None, None, None, None, {})
    again = _as_it_was(task, Work(digests)).frames
    assert again.digest(1) == digests[1]
    assert again.image(1).max() == 250
