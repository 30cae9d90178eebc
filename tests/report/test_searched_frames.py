"""The frame of a failed clip: that which was searched first, small, where it can be read."""

import cv2
import numpy as np

from mepipe.cache.store import Store
from mepipe.clips.annotation import KeyFrame
from mepipe.clips.clip_task import ClipTask
from mepipe.execution.context import Context
from mepipe.frames import Timing
from mepipe.report.clip_pictures import searched_frames
from mepipe.viz.thumbnails import LARGE


def task(files, onset=None):
    return ClipTask("a/s/c", files, None, len(files), Timing(200), onset, None, None, None, {})


def test_it_is_that_of_the_annotated_onset_else_the_first(tmp_path):
    files = tuple(tmp_path / f"{number}.png" for number in range(3))
    for number, file in enumerate(files):
        cv2.imwrite(str(file), np.full((300, 600, 3), 60 * (1 + number), np.uint8))
    context = Context(Store(tmp_path / "cache"))
    onset = KeyFrame(2, 3, "annotation")
    found = searched_frames([("a/s/c", task(files)), ("a/s/d", task(files, onset))], context)
    assert {clip: position for clip, (_, position) in found.items()} == {"a/s/c": 0, "a/s/d": 2}
    for clip, level in (("a/s/c", 60), ("a/s/d", 180)):
        image = cv2.imdecode(np.frombuffer(found[clip][0], np.uint8), cv2.IMREAD_GRAYSCALE)
        assert image.shape == (LARGE // 2, LARGE)
        assert abs(int(image.mean()) - level) < 4


def test_a_clip_whose_frame_cannot_be_read_has_none(tmp_path):
    broken = tmp_path / "0.png"
    broken.write_bytes(b"no image")
    gone = tmp_path / "1.png"
    context = Context(Store(tmp_path / "cache"))
    clips = [("a/s/c", task((broken,))), ("a/s/d", task((gone,)))]
    assert searched_frames(clips, context) == {}
    assert searched_frames([], context) == {}
