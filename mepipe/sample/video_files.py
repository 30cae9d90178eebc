"""Videos that samples and benchmarks make."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    fps: int,
    *,
    codec: str,
    pixels: str,
    options: Mapping[str, str] | None = None,
    group: int = 0,
) -> None:
    """Encode frames (H, W, 3) BGR.

    Parameters
    ----------
    path
        Its suffix says the container.
    frames
        At least one. All have one size.
    fps
        Frames per second.
    codec, pixels, options
        FFmpeg's names of the encoder and of the pixel format, and the encoder's options.
    group
        Frames from one key frame to the next. 0: the encoder's own choice.
    """
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=fps, options=dict(options or {}))
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt = pixels
        if group:
            stream.codec_context.gop_size = group
        # More threads would give other bytes on another machine.
        stream.codec_context.thread_count = 1
        for image in frames:
            if not stream.codec_context.is_open:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            out.mux(stream.encode(frame.reformat(format=pixels)))
        out.mux(stream.encode())


def coded(frames: Iterable[NDArray[np.uint8]], crf: int) -> Iterator[NDArray[np.uint8]]:
    """Yield frames (H, W, 3) BGR as H.264 of a constant rate factor gives them back."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coded.mp4"
        write_video(path, frames, 50, codec="libx264", pixels="yuv420p", options={"crf": str(crf)})
        with av.open(str(path)) as video:
            for frame in video.decode(video=0):
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
