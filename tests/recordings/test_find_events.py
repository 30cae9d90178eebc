"""From the motion of stretches to events: what is joined, what is found once, what has no end."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mepipe.recordings.chunks import Chunk, Measured, Signals, chunks_of
from mepipe.recordings.curve import motion_curve
from mepipe.recordings.events import find_events, region_names
from mepipe.recordings.faces import linked
from mepipe.spotting.along import Course
from mepipe.spotting.motion import FaceMotion

FPS = 30.0
K = len(region_names())
# A smile, in inter-ocular distances: many regions move, so that no blink explains it.
SMILE = 0.012 * np.random.default_rng(5).normal(size=(K, 2))


def times(seconds):
    return np.arange(round(seconds * FPS)) * 1000.0 / FPS


def move(start, rise, hold=0.0, fall=None):
    full = start + rise
    down = (np.inf, np.inf) if fall is None else (full + hold, full + hold + fall)
    return Course(start, full, *down, 0.0, SMILE.ravel(), 0.0, 0.0)


class Face:
    """The motion of a face through a recording, in stretches as `measure` gives them."""

    def __init__(self, t, *courses, left=100.0, seed=0, pattern=SMILE):
        rng = np.random.default_rng(seed)
        self.t, self.left = t, left
        self.regions = 5e-4 * rng.normal(size=(len(t), K, 2))
        for one in courses:
            self.regions += one.share(t)[:, None, None] * pattern
        self.head = 1e-4 * rng.normal(size=(len(t), 6))
        self.eyes = 0.01 * rng.normal(size=(len(t), 2))

    def signals(self, first, stop, *, number=1, begins="start", ends="end"):
        part = slice(first, stop)
        return Signals(
            number, 100.0,
            np.array([[0.004, 0.0, -0.004 * self.left], [0.0, 0.004, -0.4]]), begins, ends,
            np.arange(first, stop),
            FaceMotion(self.regions[part], self.head[part], self.eyes[part]),
        )  # fmt: skip


def events_of(t, *faces, cuts=(), gaps=(), movements=True):
    """Find the events of faces that are seen everywhere but in ``gaps``, over all chunks."""
    measured = []
    for chunk in chunks_of(t):
        edges = sorted({chunk.first, chunk.stop, *(c for c in cuts if chunk.sees(c))})
        edges += [e for gap in gaps for e in gap if chunk.sees(e)]
        edges = sorted(edges)
        signals = [
            face.signals(
                a, b, number=number,
                begins="cut" if a in cuts else "start", ends="cut" if b in cuts else "end",
            )
            for a, b in pairwise(edges)
            if b - a >= 8 and not any(low <= a < high for low, high in gaps)
            for number, face in enumerate(faces, start=1)
        ]  # fmt: skip
        inside = tuple(cut for cut in cuts if chunk.sees(cut))
        measured.append(Measured(chunk, tuple(signals), inside))
    found = find_events(linked(measured), t)
    assert [one.onset for one in found] == sorted(one.onset for one in found)
    for one in found:
        assert one.onset <= one.apex
        assert one.offset is None or one.apex <= one.offset
        assert one.is_movement == (one.confidence > 0)
    return [one for one in found if one.motion is not None or not movements]


def at(ms):
    return round(ms * FPS / 1000)


def test_a_movement_is_found_with_its_regions_and_size():
    t = times(10)
    (one,) = events_of(t, Face(t, move(4000, 180, 40, 200)))
    assert (one.kind, one.face) == ("micro", 1)
    assert abs(one.onset - at(4040)) <= 1
    assert abs(one.offset - at(4380)) <= 1
    assert one.onset < one.apex < one.offset
    assert one.px == pytest.approx(100 * np.linalg.norm(SMILE, axis=1).max(), rel=0.2)
    assert one.regions[0] == region_names()[int(np.argmax(np.linalg.norm(SMILE, axis=1)))]


def test_half_a_second_is_micro_and_more_is_macro():
    t = times(30)
    face = Face(t, move(5000, 200, 0, 200), move(12000, 400, 600, 400), move(21000, 700, 2500, 700))
    assert [one.kind for one in events_of(t, face)] == ["micro", "macro", "macro"]


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-900, -450, -200, 0, 200, 450])
def test_a_movement_on_the_border_of_two_chunks_is_found_once(shift):
    t = times(40)
    border = chunks_of(t)[1].core_first
    (one,) = events_of(t, Face(t, move(t[border] + shift, 250, 50, 300)))
    assert abs(one.onset - border - at(shift + 51)) <= 2


@pytest.mark.slow
def test_movements_all_along_are_found_once_each_whatever_the_chunks():
    t = times(65)
    starts = np.arange(2000, 63000, 2500.0)
    found = events_of(t, Face(t, *(move(start, 170, 40, 190) for start in starts)))
    assert len(found) == len(starts)
    assert np.abs([one.onset - at(s + 35) for one, s in zip(found, starts, strict=True)]).max() <= 1


def test_a_held_expression_is_one_event_with_its_return():
    t = times(40)
    held = move(6000, 400, 12000, 500)  # longer than any course, and over the border of chunks
    found = events_of(t, Face(t, held))
    assert [one.kind for one in found] == ["macro"]
    assert abs(found[0].onset - at(6080)) <= 2
    assert abs(found[0].offset - at(18820)) <= 3


def test_the_return_from_what_was_not_seen_to_begin_is_a_return():
    t = times(20)
    (one,) = events_of(t, Face(t, move(-5000, 300, 8000, 300)))
    assert (one.kind, one.offset, one.confidence) == ("return", None, 0.0)
    assert not one.is_movement
    assert abs(one.onset - at(3350)) <= 3


def test_an_expression_that_a_cut_ends_has_no_offset():
    t = times(16)
    face = Face(t, move(6500, 300))
    face.regions[at(8000) :] -= SMILE  # another scene: the face is at rest
    (one,) = events_of(t, face, cuts=(at(8000),))
    assert (one.kind, one.offset) == ("macro", None)
    assert one.apex < at(8000)


@pytest.mark.slow
@pytest.mark.parametrize("before", [100.0, 160.0, 250.0])
def test_no_movement_goes_over_a_cut(before):
    """A fall that is cut off has no end that was seen."""
    t = times(16)
    cut = at(8000)
    face = Face(t, move(8000 - 300 - before, 300, 0, 350))
    face.regions[cut:] = Face(t, seed=1).regions[cut:]
    (one,) = events_of(t, face, cuts=(cut,))
    assert one.apex < cut
    assert one.offset is None if before < 200 else one.offset < cut


def test_what_two_scenes_show_is_not_joined():
    """A smile that stays until the cut, and in the next scene one that was there and goes."""
    t = times(16)
    cut = at(8000)
    face = Face(t, move(6000, 300))
    # The second stretch has its own reference: what counts is the change.
    face.regions[cut:] = Face(t, move(-9000, 300, 19000, 300), seed=1).regions[cut:]
    found = events_of(t, face, cuts=(cut,))
    assert [one.offset for one in found] == [None, None]
    assert found[0].apex < cut < found[1].onset


@pytest.mark.slow
def test_the_same_movement_of_two_faces_is_two_events():
    """In a mirror, or two people who laugh: all times are the same."""
    t = times(10)
    smile = move(4000, 180, 40, 200)
    faces = Face(t, smile), Face(t, smile, left=500.0)
    found = events_of(t, *faces)
    assert [(one.face, one.kind) for one in found] == [(1, "micro"), (2, "micro")]
    assert found[0].onset == found[1].onset
    t = times(20)  # of a rise and its return, joined
    twice = [Face(t, move(4000, 300, 5000, 300), left=left) for left in (100.0, 500.0)]
    assert [one.face for one in events_of(t, *twice)] == [1, 2]


def test_blinks_turns_and_speech_are_events_of_their_own():
    t = times(40)
    border = float(t[chunks_of(t)[1].core_first])
    face = Face(t)
    for middle in (3000.0, border, 30000.0):
        face.eyes[:, 0] += 0.5 * np.exp(-(((t - middle) / 80) ** 2))
    face.head[:, 4] += np.radians(5) * np.clip((t - 8000) / 300, 0, 1)
    jaw = [region_names().index(name) for name in ("lower_lip", "chin")]
    speaks = np.clip((t - border + 4000) / 150, 0, 1) * np.clip((border + 5000 - t) / 150, 0, 1)
    face.regions[:, jaw, 1] += (0.01 * np.sin(2 * np.pi * 4.5 * t / 1000) * speaks)[:, None]
    found = events_of(t, face, movements=False)
    kinds = [one.kind for one in found]
    assert kinds.count("blink") == 3
    assert kinds.count("turn") == 1
    assert kinds.count("speech") == 1  # over the border of two chunks
    assert not [one for one in found if one.is_movement]
    (speech,) = [one for one in found if one.kind == "speech"]
    assert abs(speech.onset - at(border - 4000)) < 12
    assert abs(speech.offset - at(border + 5000)) < 12
    assert (speech.strength, speech.px, speech.regions) == (0.0, 0.0, ())


@pytest.mark.slow
@pytest.mark.parametrize("offset", range(-4, 5))
def test_a_blink_on_the_border_of_two_chunks_is_found_once(offset):
    t = times(40)
    face = Face(t)
    border = chunks_of(t)[1].core_first
    face.eyes[border + offset - 2 : border + offset + 3, 0] += (0.2, 0.5, 0.6, 0.5, 0.2)
    (one,) = events_of(t, face, movements=False)
    assert (one.kind, one.apex) == ("blink", border + offset)


def test_a_threshold_takes_the_weak_away():
    t = times(10)
    measured = [
        Measured(Chunk(0, 0, 300, 300), (Face(t, move(4000, 180, 40, 200)).signals(0, 300),), ())
    ]
    (one,) = find_events(measured, t)
    assert find_events(measured, t, threshold=1.01 * one.strength) == []
    assert len(find_events(measured, t, threshold=0.8 * one.strength)) == 1


def test_a_recording_without_a_face_has_no_events():
    t = times(40)
    assert find_events([Measured(one, (), ()) for one in chunks_of(t)], t) == []
    assert np.isnan(motion_curve([Measured(one, (), ()) for one in chunks_of(t)], t)).all()


def test_the_curve_shows_the_motion_and_no_step_at_a_border():
    t = times(40)
    border = chunks_of(t)[1].core_first
    face = Face(t, move(float(t[border]) - 150, 150, 0, 150), move(5000, 200, 0, 200))
    measured = [Measured(one, (face.signals(one.first, one.stop),), ()) for one in chunks_of(t)]
    curve = motion_curve(measured, t)
    assert curve.dtype == np.float32
    assert np.isfinite(curve).all()
    most = 100 * np.linalg.norm(SMILE, axis=1).max()
    for apex in (border, at(5200)):
        assert curve[apex - 2 : apex + 3].max() == pytest.approx(most, rel=0.3)
    assert np.median(curve) < 0.25


# Faces through the chunks.


def chunk_with(t, index, *signals):
    return Measured(chunks_of(t)[index], tuple(signals), ())


def test_a_face_has_one_number_in_all_chunks_whatever_each_calls_it():
    t = times(70)
    one, other = Face(t, left=100.0), Face(t, left=600.0)
    first, second, third = chunks_of(t)[:3]
    result = linked(
        [
            chunk_with(t, 0, one.signals(first.first, first.stop, number=1)),
            chunk_with(
                t, 1,
                other.signals(second.first, second.stop, number=1),
                one.signals(second.first, second.stop, number=2),
            ),
            chunk_with(t, 2, other.signals(third.first, third.stop, number=1)),
        ]
    )  # fmt: skip
    assert [[s.face for s in measured.signals] for measured in result] == [[1], [2, 1], [2]]


def test_two_faces_of_a_chunk_never_become_one():
    t = times(40)
    one, near = Face(t, left=100.0), Face(t, left=130.0)
    first, second = chunks_of(t)[:3]
    result = linked(
        [
            chunk_with(t, 0, one.signals(first.first, first.stop)),
            chunk_with(
                t, 1,
                one.signals(second.first, second.stop, number=1),
                near.signals(second.first, second.stop, number=2),
            ),
        ]
    )  # fmt: skip
    assert [s.face for s in result[1].signals] == [1, 2]


def test_a_face_of_another_size_or_place_is_another():
    t = times(40)
    first, second = chunks_of(t)
    one = Face(t).signals(first.first, first.stop)
    for other, number in (
        (Face(t, left=900.0).signals(second.first, second.stop), 2),
        (replace(Face(t).signals(second.first, second.stop), eyes_px=220.0), 2),
        (replace(Face(t).signals(second.first, second.stop), eyes_px=120.0), 1),
    ):
        (_, result) = linked([chunk_with(t, 0, one), chunk_with(t, 1, other)])
        assert result.signals[0].face == number


def test_a_face_that_was_away_for_a_chunk_is_the_same_in_its_place():
    t = times(70)
    face = Face(t)
    first, _, third = chunks_of(t)[:3]
    result = linked(
        [
            chunk_with(t, 0, face.signals(first.first, first.core_stop - 60)),
            chunk_with(t, 1),
            chunk_with(t, 2, face.signals(third.core_first, third.stop)),
        ]
    )
    assert [s.face for one in result for s in one.signals] == [1, 1]
    assert linked([]) == []
