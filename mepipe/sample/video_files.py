"""Videos that samples and benchmarks make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
