"""Frames from folders of images and from videos."""

from __future__ import annotations

from mepipe.frames.images import decode_image
from mepipe.frames.reader import FrameReader, Timing
from mepipe.frames.video import VideoFacts, probe_video, video_frames

__all__ = [
    "FrameReader",
    "Timing",
    "VideoFacts",
    "decode_image",
    "probe_video",
    "video_frames",
]
