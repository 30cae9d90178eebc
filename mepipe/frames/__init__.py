"""Frames of one clip: from a folder of images, from a video, or from arrays in memory.

`FrameReader` and `FramesInMemory` give frames by position with the digest of each.
`decode_image`, `image_size`, `probe_video` and `video_frames` read single files. Colour
is blue, green, red (BGR), as in OpenCV.
"""

from __future__ import annotations

from mepipe.frames.depth import clip_bits
from mepipe.frames.headers import image_size
from mepipe.frames.images import (
    decode_image,
    is_out_of_memory,
    out_of_memory,
    refuse_long_file,
)
from mepipe.frames.memory import FramesInMemory
from mepipe.frames.probe import probe_video
from mepipe.frames.reader import FileFacts, FrameReader, Timing, readable, split_digest
from mepipe.frames.sudden import Changes, Sudden
from mepipe.frames.video import damaged_frame, video_frames
from mepipe.frames.video_facts import Damage, VideoFacts

__all__ = [
    "Changes",
    "Damage",
    "FileFacts",
    "FrameReader",
    "FramesInMemory",
    "Sudden",
    "Timing",
    "VideoFacts",
    "clip_bits",
    "damaged_frame",
    "decode_image",
    "image_size",
    "is_out_of_memory",
    "out_of_memory",
    "probe_video",
    "readable",
    "refuse_long_file",
    "split_digest",
    "video_frames",
]
