"""Videos for tests, encoded here, so that no file and no program is needed."""

import io
from fractions import Fraction

import av
import numpy as np


def moving(count=24, size=(96, 128), *, colour=0, noise=2.0, seed=0):
    """Return (count, H, W, 3) uint8: a texture that moves by a fraction of a px each frame."""
    import cv2

    random = np.random.default_rng(seed)
    height, width = size
    base = cv2.GaussianBlur(random.uniform(0, 255, (height + 40, width + 40, 3)), (0, 0), 3)
    base = (base - base.min()) * (200 / np.ptp(base)) + 20
    base[..., colour] = np.minimum(base[..., colour] + 40, 255)
    frames = []
    for number in range(count):
        shift = np.float32([[1, 0, -10 - 0.4 * number], [0, 1, -10 + 0.2 * number]])
        image = cv2.warpAffine(base, shift, (width, height))
        frames.append(np.clip(image + random.normal(0, noise, image.shape), 0, 255))
    return np.rint(np.array(frames)).astype(np.uint8)


def encoded(
    images,
    container="mp4",
    codec="libx264",
    *,
    pixels="yuv420p",
    rate=30,
    shape=None,
    options=(),
    stamps=None,
    turn=0,
    mirrored=False,
    tags=(),
):
    """Return the bytes of a video of these images.

    ``stamps`` are the frames' times in ms, ``shape`` is the shape of a pixel, ``turn`` degrees.
    """
    file = io.BytesIO()
    named = {"movflags": "use_metadata_tags"} if tags else {}
    with av.open(file, "w", format=container, container_options=named) as out:
        out.metadata.update(dict(tags))
        stream = out.add_stream(codec, rate=rate, options=dict(options))
        stream.pix_fmt = pixels
        stream.height, stream.width = images[0].shape[:2]
        stream.codec_context.thread_count = 1
        if shape:
            stream.codec_context.sample_aspect_ratio = Fraction(*shape)
        if turn or mirrored:
            stream.set_display_rotation(turn, hflip=mirrored)
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame = frame.reformat(format=pixels, interpolation="BICUBIC")
            if stamps is not None:
                frame.pts, frame.time_base = round(stamps[number]), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return file.getvalue()


def restamped(data, container, stamps):
    """Return a video with other time stamps, ms, without encoding it again (no B frames)."""
    file = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(file, "w", format=container) as out:
        given = source.streams.video[0]
        stream = out.add_stream_from_template(given)
        packets = [packet for packet in source.demux(given) if packet.size]
        for packet, stamp in zip(packets, stamps, strict=True):
            packet.stream = stream
            packet.pts = packet.dts = round(stamp)
            packet.time_base = Fraction(1, 1000)
            out.mux(packet)
    return file.getvalue()


def joined(*videos, container="mpegts"):
    """Return one stream of the packets of several videos, one after the other."""
    file, start = io.BytesIO(), 0
    with av.open(file, "w", format=container) as out:
        stream = None
        for data in videos:
            with av.open(io.BytesIO(data)) as source:
                given = source.streams.video[0]
                stream = stream or out.add_stream_from_template(given)
                packets = [packet for packet in source.demux(given) if packet.size]
                first = min(packet.dts for packet in packets)
                for packet in packets:
                    packet.stream = stream
                    packet.pts += start - first
                    packet.dts += start - first
                    out.mux(packet)
                start += 3000 * (len(packets) + 4)
    return file.getvalue()


def interlaced(images, container="mkv", codec="libx264", *, top=True):
    """Return the bytes of a video whose odd and even lines are of two moments."""
    woven = []
    for now, then in zip(images[:-1:2], images[1::2], strict=True):
        frame = now.copy()
        frame[top::2] = then[top::2]
        woven.append(frame)
    options = {"flags": "+ilme+ildct", "x264opts": "tff=1", "qp": "10"}
    if codec != "libx264":
        options = {"flags": "+ilme+ildct", "b": "8M"}
    return encoded(woven, "matroska" if container == "mkv" else container, codec, options=options)
