"""What a video says beside its pixels: layout, times, damage, repeats."""

import io

import cv2
import numpy as np
import pytest
from videos import encoded, interlaced, joined, moving, restamped

from mepipe.errors import BadDataError
from mepipe.frames import probe_video, video_frames

IMAGES = moving()
LOSSLESS = {"container": "matroska", "codec": "ffv1", "pixels": "bgr0"}
CODECS = [
    ("mp4", "libx264", "yuv420p"),
    ("mov", "libx264", "yuv444p"),
    ("matroska", "ffv1", "bgr0"),
    ("avi", "mjpeg", "yuvj420p"),
    ("avi", "mpeg4", "yuv420p"),
    ("avi", "libx264", "yuv420p"),
    ("avi", "rawvideo", "bgr24"),
    ("gif", "gif", "rgb8"),
    ("webm", "libvpx-vp9", "yuv420p"),
    ("mpeg", "mpeg2video", "yuv420p"),
    ("asf", "wmv2", "yuv420p"),
]


def facts_of(data):
    return probe_video(io.BytesIO(data))


def frames_of(data, wanted=None):
    found = video_frames(io.BytesIO(data), wanted)
    return np.array([image for _, image in found])


def distance(one, other):
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize(("container", "codec", "pixels"), CODECS)
def test_a_clean_video_has_no_finding_and_the_pixels_of_its_frames(container, codec, pixels):
    options = {"b": "4M"} if codec in {"mpeg4", "mpeg2video", "wmv2"} else {}
    data = encoded(IMAGES, container, codec, pixels=pixels, options=options)
    facts = facts_of(data)
    assert (facts.count, facts.width, facts.height) == (24, 128, 96)
    assert (facts.damage, facts.repeats, facts.interlaced, facts.mended) == ((), (), 0, 0)
    assert (facts.doubt, facts.recipe) == ("", "")
    assert facts.fps == pytest.approx(30, abs=0.2)
    found = frames_of(data)
    for position, image in enumerate(found):
        # An encoder loses much of the noise; a frame is still nearest to itself.
        near = [distance(image, other) for other in IMAGES]
        assert abs(int(np.argmin(near)) - position) <= 1
    assert distance(found, IMAGES) < 16


@pytest.mark.parametrize(("container", "codec", "pixels"), CODECS)
def test_pixels_are_those_of_opencv(container, codec, pixels, tmp_path):
    """Caches that were made with OpenCV's decoder stay valid."""
    path = tmp_path / f"v.{container}"
    path.write_bytes(encoded(IMAGES, container, codec, pixels=pixels))
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    theirs = [capture.read()[1] for _ in IMAGES]
    capture.release()
    np.testing.assert_array_equal(frames_of(path.read_bytes()), theirs)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_an_interlaced_video_shows_its_own_pictures(codec):
    images = moving(48, noise=0.5)
    data = interlaced(images, "mpegts" if codec == "mpeg2video" else "mkv", codec)
    facts = facts_of(data)
    assert facts.interlaced == facts.count == 24
    assert facts.recipe == "deinterlaced"
    found = frames_of(data)
    assert len(found) == 24
    # Each shows the first of its two moments, without the comb of the second.
    for number, image in enumerate(found):
        assert distance(image, images[2 * number]) < 9
    again = frames_of(data)
    frames_of(encoded(moving(colour=2, seed=5)))
    np.testing.assert_array_equal(found, again)


def test_frames_are_interlaced_from_the_middle_on():
    one, other = encoded(IMAGES, "mpegts", options={"qp": "10"}), interlaced(moving(48), "mpegts")
    data = joined(one, other)
    facts = facts_of(data)
    assert facts.interlaced == 24
    assert facts.count == 48
    assert len(frames_of(data)) == 48


@pytest.mark.parametrize(
    ("shape", "size"), [((4, 3), (171, 96)), ((1, 2), (128, 192)), ((64, 45), (182, 96))]
)
def test_pixels_become_square(shape, size):
    data = encoded(IMAGES, shape=shape)
    facts = facts_of(data)
    assert (facts.width, facts.height) == size
    assert facts.recipe == f"{size[0]}x{size[1]}"
    found = frames_of(data, {3})[0]
    assert found.shape == (size[1], size[0], 3)
    assert distance(cv2.resize(found, (128, 96)), IMAGES[3]) < 16


def test_an_impossible_pixel_shape_is_refused():
    with pytest.raises(BadDataError, match="says that its pixels are 1:20"):
        facts_of(encoded(IMAGES, shape=(1, 20)))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_video_is_shown_upright(turn, mirrored):
    found = frames_of(encoded(IMAGES, turn=turn, mirrored=mirrored, options={"qp": "5"}))[0]
    # As FFmpeg writes the matrix: turned counter-clockwise, then mirrored.
    image = np.rot90(IMAGES[0], turn // 90)
    expected = image[:, ::-1] if mirrored else image
    assert found.shape == expected.shape
    assert distance(found, expected) < 5


def test_a_direction_that_is_no_right_angle_is_refused():
    with pytest.raises(BadDataError, match="turned by 45 degrees"):
        facts_of(encoded(IMAGES, turn=45))


def test_a_change_of_size_is_refused_with_its_place():
    data = joined(encoded(IMAGES, "mpegts"), encoded(moving(8, (48, 64)), "mpegts"))
    with pytest.raises(BadDataError, match="frames 0 to 23 are 128 x 96 px, frame 24 is 64 x 48"):
        facts_of(data)


def test_a_change_of_the_pixels_shape_is_refused_with_its_place():
    data = joined(encoded(IMAGES, "mpegts", shape=(4, 3)), encoded(IMAGES, "mpegts", shape=(1, 1)))
    with pytest.raises(BadDataError, match=r"shape of its pixels near frame 2\d: .* 4/3, .* 1"):
        facts_of(data)


def test_a_change_of_pixel_format_is_no_change_of_the_picture():
    data = joined(encoded(IMAGES, "mpegts"), encoded(IMAGES, "mpegts", pixels="yuv444p"))
    facts = facts_of(data)
    assert (facts.count, facts.damage) == (48, ())
    found = frames_of(data)
    assert distance(found[10], found[34]) < 12


@pytest.mark.parametrize("pixels", ["yuv420p10le", "gray10le"])
def test_deep_samples_are_reduced_to_eight_bits(pixels):
    data = encoded(IMAGES, pixels=pixels, options={"qp": "5"})
    expected = IMAGES if pixels.startswith("yuv") else IMAGES @ [0.114, 0.587, 0.299]
    found = frames_of(data) if pixels.startswith("yuv") else frames_of(data)[..., 0]
    assert distance(found, expected) < 6


def test_times_that_vary_are_read_from_the_stamps():
    stamps = [33 * n if n < 12 else 396 + 100 * (n - 12) for n in range(24)]
    facts = facts_of(encoded(IMAGES, **LOSSLESS, stamps=stamps))
    assert facts.times_ms == pytest.approx(stamps)


def test_one_equal_stamp_does_not_make_the_rate_constant():
    stamps = [33 * n if n < 12 else 396 + 100 * (n - 12) for n in range(24)]
    broken = list(stamps)
    broken[15] = broken[14]
    data = encoded(IMAGES, **LOSSLESS, stamps=stamps)
    facts = facts_of(restamped(data, "matroska", broken))
    assert facts.mended == 1
    assert facts.times_ms == pytest.approx(stamps)


def test_stamps_that_are_mostly_equal_are_not_believed():
    data = encoded(IMAGES, **LOSSLESS, stamps=[33 * n for n in range(24)])
    facts = facts_of(restamped(data, "matroska", [33 * (n // 3) for n in range(24)]))
    assert facts.fps is None
    assert "time stamps of 16 frames" in facts.doubt


@pytest.mark.parametrize(("noted", "doubt"), [("240.000", True), ("30.0", False), ("x", False)])
def test_a_noted_capture_rate_needs_the_user_s_word(noted, doubt):
    facts = facts_of(encoded(IMAGES, tags={"com.android.capture.fps": noted}))
    assert ("slow motion" in facts.doubt) == doubt


@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
def test_pictures_that_are_shown_several_times_are_found(times, codec):
    images = moving(16, (144, 192), noise=1.0)
    pixels = "bgr0" if codec == "ffv1" else "yuv420p"
    facts = facts_of(
        encoded(np.repeat(images, times, axis=0), "matroska", codec, pixels=pixels, rate=120)
    )
    assert facts.repeats == tuple(n for n in range(16 * times) if n % times)


def test_every_fifth_frame_of_24_converted_to_30_is_a_repeat():
    images = moving(32, (144, 192), noise=1.0)
    shown = np.arange(40) * 4 // 5
    facts = facts_of(encoded(images[shown], options={"crf": "18"}))
    assert facts.repeats == tuple(n for n in range(1, 40) if shown[n] == shown[n - 1])


def test_a_dropped_picture_that_was_stored_twice_is_found():
    images = IMAGES.copy()
    images[7], images[15] = images[6], images[14]
    assert facts_of(encoded(images, **LOSSLESS)).repeats == (7, 15)


def test_a_still_scene_with_noise_has_no_repeats():
    random = np.random.default_rng(0)
    noisy = IMAGES[0] + random.normal(0, 2, (40, *IMAGES[0].shape))
    facts = facts_of(encoded(np.clip(noisy, 0, 255).astype(np.uint8), **LOSSLESS))
    assert facts.repeats == ()


def test_the_brightness_of_dark_frames_is_told():
    images = IMAGES // 12
    facts = facts_of(encoded(images, **LOSSLESS))
    assert facts.bright < 30
    assert facts_of(encoded(IMAGES, **LOSSLESS)).bright > 100


def test_a_cut_without_encoding_again_is_not_called_damage():
    import av

    data = encoded(moving(60), "mp4", options={"g": "12", "x264opts": "open-gop=1"})
    cut = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(cut, "w", format="mp4") as out:
        given = source.streams.video[0]
        stream = out.add_stream_from_template(given)
        packets = [packet for packet in source.demux(given) if packet.size]
        keys = [n for n, packet in enumerate(packets) if packet.is_keyframe]
        for packet in packets[keys[2] :]:
            packet.stream = stream
            out.mux(packet)
    facts = facts_of(cut.getvalue())
    assert facts.damage == ()
    assert 30 <= facts.count <= 60 - keys[2]


def test_an_interlaced_video_that_does_not_say_so_is_recognised():
    base = moving(1, (144, 192), noise=0.5)[0]
    # Still at first: combs are only where something moves.
    images = np.array([np.roll(base, 3 * max(n - 32, 0), axis=1) for n in range(96)])
    woven = images[::2].copy()
    woven[:, 1::2] = images[1::2][:, 1::2]
    data = encoded(woven, options={"qp": "8"})
    facts = facts_of(data)
    assert facts.interlaced == 0
    assert facts.combed
    found = frames_of(data)
    combs = [np.abs(np.diff(image.astype(int), axis=0)).mean() for image in (found[40], woven[40])]
    assert combs[0] < 0.8 * combs[1]


def test_fine_stripes_are_no_combs():
    images = moving(32, (144, 192), noise=0.5)
    images[:, 20:60:2, 30:90] = 0
    assert not facts_of(encoded(images, options={"qp": "8"})).combed
