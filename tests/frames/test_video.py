import io

import cv2
import numpy as np
import pytest

from mepipe.errors import BadDataError
from mepipe.frames import Damage, Timing, VideoFacts, probe_video, video_frames


def level(position):
    return 20 + 10 * position


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Twelve frames at 25 fps whose brightness tells their position."""
    path = tmp_path_factory.mktemp("video") / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (640, 480))
    for position in range(12):
        writer.write(np.full((480, 640, 3), level(position), np.uint8))
    writer.release()
    return path.read_bytes()


def test_a_video_is_counted_by_decoding(video):
    facts = probe_video(io.BytesIO(video))
    assert facts.count == 12
    assert facts.fps == pytest.approx(25.0)
    assert facts.times_ms is None


def test_frames_come_in_order_and_are_those_that_were_asked_for(video):
    facts = probe_video(io.BytesIO(video))
    found = dict(video_frames(io.BytesIO(video), {3, 9, 4}, facts=facts))
    assert list(found) == [3, 4, 9]
    for position, image in found.items():
        assert image.shape == (480, 640, 3)
        assert image.mean() == pytest.approx(level(position), abs=2)
    assert [position for position, _ in video_frames(io.BytesIO(video), facts=facts)] == list(
        range(12)
    )


def test_nothing_wanted_is_nothing_read(video):
    assert list(video_frames(io.BytesIO(video), set())) == []


def test_a_video_that_stops_early_says_where(video):
    assert probe_video(io.BytesIO(video[: len(video) // 2])).count < 12
    with pytest.raises(BadDataError, match="ends after 12 frames"):
        list(video_frames(io.BytesIO(video), {20}))


@pytest.mark.parametrize(
    ("data", "words", "convert"),
    [
        (b"", "the file is empty", False),
        (b"text that is no video" * 50, "not a video: it holds text", False),
        ("a clip of Zoé's\n".encode() * 500, "not a video: it holds text", False),
        (b"PK\3\4 no text" + bytes(500), "not a video that can be decoded", True),
        (b"\xff" * 500, "not a video that can be decoded", True),
    ],
)
def test_what_is_no_video_is_said_so(data, words, convert):
    with pytest.raises(BadDataError, match=words) as caught:
        probe_video(io.BytesIO(data))
    assert "Restore" in caught.value.remedy
    assert ("ffmpeg" in caught.value.remedy) == convert


def test_many_videos_in_a_row(video):
    assert {probe_video(io.BytesIO(bytes(video))).count for _ in range(20)} == {12}


def test_a_file_is_decoded_without_being_held_in_memory(video, tmp_path):
    (tmp_path / "v.avi").write_bytes(video)
    with (tmp_path / "v.avi").open("rb") as file:
        facts = probe_video(file)
        assert facts.count == 12
        assert list(dict(video_frames(file, {2, 5}))) == [2, 5]


def test_facts_survive_json():
    facts = VideoFacts(
        3,
        4,
        None,
        (0.0, 33.3, 80.0),
        damage=(Damage(1, 2, "why"),),
        repeats=(2,),
        pixel_shape=(4, 3),
    )
    assert VideoFacts.from_json(facts.to_json()) == facts


def test_times_follow_the_rate_or_the_time_stamps():
    np.testing.assert_allclose(Timing(200.0).times(3), [0, 5, 10])
    np.testing.assert_allclose(Timing(25.0, (0.0, 7.0, 50.0)).times(3), [0, 7, 50])
    assert Timing(None).times(3) is None


def test_a_varying_rate_is_read_from_the_time_stamps(shared_data):
    facts = probe_video(io.BytesIO((shared_data / "videos" / "face_noface.mov").read_bytes()))
    assert facts.count == 169
    assert facts.times_ms is not None
    assert (np.diff(facts.times_ms) > 0).all()


def test_a_header_that_promises_too_much_is_noticed(shared_data):
    facts = probe_video(io.BytesIO((shared_data / "videos" / "no_face.mp4").read_bytes()))
    assert (facts.declared, facts.count) == (98, 95)
