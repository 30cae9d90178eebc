from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalike_sets import smic_e_rows, write_smic_e
from lookalikes import write_casme2, write_folder

from mepipe.datasets import casme2, folder, smic_e
from mepipe.datasets.clip import Clip, Dataset, Images, Mark, Video
from mepipe.datasets.recordings import kind_by_length, recordings


def dataset(*clips, unmarked=()):
    return Dataset("d", "r", Path("root"), tuple(clips), unmarked=tuple(unmarked))


def clip(source, onset=None, apex=None, offset=None, name="d/s/c", **more):
    marks = (None if n is None else Mark(n) for n in (onset, apex, offset))
    return Clip(name, "d", "s", "d/s", source, 30.0, *marks, **more)


def images(*numbers, folder="f"):
    return Images(Path(folder), tuple(f"{n}.jpg" for n in numbers), numbers)


def positions(source, *marks):
    ((event,),) = (one.events for one in recordings(dataset(clip(source, *marks))))
    return (event.onset, event.apex, event.offset)


def test_a_clip_of_an_ordinary_set_is_a_recording_with_one_movement(tmp_path):
    found = recordings(casme2.read(write_casme2(tmp_path), None))
    assert [one.id for one in found] == [
        "casme2/sub01/EP02_01f",
        "casme2/sub01/EP03_02",
        "casme2/sub02/EP01_2",
        "casme2/sub17/EP06_02_01",
    ]
    (event,) = found[0].events
    assert (event.clip, event.kind, event.emotion) == (found[0].id, "micro", "happiness")
    assert (event.onset_number, event.apex_number, event.offset_number) == (46, 59, 86)
    assert (event.onset, event.apex, event.offset) == (2, 15, 42)
    assert (found[0].fps, found[0].group, event.action_units) == (200.0, "casme2/sub01", "4+7+L10")


def test_expressions_of_one_video_are_one_recording(tmp_path):
    found = recordings(smic_e.read(write_smic_e(tmp_path, smic_e_rows()[:4]), None))
    assert [len(one.events) for one in found] == [2, 2, 3, 2]
    assert not any("#" in one.id for one in found)
    for one in found:
        assert [event.onset for event in one.events] == sorted(e.onset for e in one.events)


def test_videos_without_key_frames_are_recordings_without_movements(tmp_path):
    found = {one.id: one for one in recordings(folder.read(write_folder(tmp_path), "d"))}
    assert found["d/loose"].events == ()
    (event,) = found["d/s2/a"].events
    assert (event.onset, event.apex, event.offset, event.kind) == (0, 4, 8, "micro")
    (half,) = found["d/s1/b"].events
    assert (half.onset, half.apex, half.offset, half.kind) == (None, 5, None, "")


def test_numbers_that_are_no_frames_are_unknown():
    assert positions(images(*range(1, 50)), 0, 9, -1) == (None, 8, None)
    assert positions(images(*range(50)), 0, 9, 12) == (0, 9, 12)
    (event,) = recordings(dataset(clip(images(1, 2, 3), 0, 2)))[0].events
    assert (event.onset_number, event.apex_number) == (None, 2)


def test_a_missing_frame_is_the_nearest_within_two():
    numbers = (10, 11, 12, 15, 22, 23)
    assert positions(images(*numbers), 13, 14, 21) == (2, 3, 4)
    assert positions(images(*numbers), 8, 18, 26) == (0, None, None)


def test_a_video_that_begins_with_an_unknown_number_has_numbers_and_no_positions():
    assert positions(Video(Path("a.avi")), 3, 5, 9) == (3, 5, 9)
    (event,) = recordings(dataset(clip(Video(Path("a.avi"), numbered=False), 3, 5, 9)))[0].events
    assert (event.onset, event.apex_number, event.kind) == (None, 5, "micro")


def test_text_in_the_place_of_a_number_is_unknown():
    broken = Clip("d/s/c", "d", "s", "d/s", images(1, 2, 3), 30.0, Mark(1), Mark(None, text="/"))
    (event,) = recordings(dataset(broken))[0].events
    assert (event.onset, event.apex, event.apex_number) == (0, None, None)


def test_what_the_coders_say_goes_before_the_length():
    long = clip(images(*range(99)), 1, 5, 90, kind="micro")
    assert recordings(dataset(long))[0].events[0].kind == "micro"


@pytest.mark.parametrize(
    ("fps", "longest"),
    [(25.0, 12), (29.97, 14), (30.0, 15), (59.94, 29), (100.0, 50), (200.0, 100)],
)
def test_half_a_second_is_the_longest_micro_expression(fps, longest):
    assert kind_by_length(7, 7 + longest, fps) == "micro"
    assert kind_by_length(7, 8 + longest, fps) == "macro"


def test_without_a_rate_an_end_or_an_order_there_is_no_kind():
    assert {
        kind_by_length(1, 5, None),
        kind_by_length(None, 5, 30.0),
        kind_by_length(1, None, 30.0),
        kind_by_length(5, 1, 30.0),
    } == {""}


@settings(deadline=None)
@given(
    st.sets(st.integers(0, 400), min_size=1, max_size=60),
    st.lists(st.tuples(*[st.none() | st.integers(-3, 410)] * 3), min_size=1, max_size=6),
)
def test_no_movement_is_lost_and_no_position_is_far(numbers, marks):
    source = images(*sorted(numbers))
    clips = [clip(source, *m, name=f"d/s/c#{i}", recording="d/s/c") for i, m in enumerate(marks)]
    (one,) = recordings(dataset(*clips))
    assert one.id == "d/s/c"
    assert len(one.events) == sum(any(n is not None for n in m) for m in marks)
    for event in one.events:
        for position, number in (
            (event.onset, event.onset_number),
            (event.apex, event.apex_number),
            (event.offset, event.offset_number),
        ):
            near = number is not None and min(abs(n - number) for n in numbers) <= 2
            assert (position is not None) == near
            if near:
                distance = abs(source.numbers[position] - number)
                assert distance == min(abs(n - number) for n in numbers)
