"""Recordings show what their truth says, and nothing else."""

import csv
import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from mepipe.sample.courses import movement_course, span_of
from mepipe.sample.everyday import Everyday
from mepipe.sample.identity import Subject
from mepipe.sample.movement import EXPRESSIONS, displacement
from mepipe.sample.recordings import inverse_terms, render_frames
from mepipe.sample.timeline import plan_recording

PLAIN = Everyday(blinks=False, head=False, light=False, speech=False)


def made_subject(texture: float = 25.0) -> Subject:
    """A face of landmarks alone: a smooth random pattern on a flat head."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((960, 1280, 3)).astype(np.float32)
    face = cv2.GaussianBlur(noise, (0, 0), 5.0)
    face = np.asarray(120 + texture * face / face.std(), np.float32)
    points = np.array([[320 + 1.25 * x, 200 + 1.25 * y] for x, y in _FACE])
    head = np.zeros((480, 640), np.float32)
    head[20:460, 120:520] = 1
    return Subject(np.clip(face, 0, 255), points, head, np.zeros((480, 640), np.float32))


def _outline() -> list[tuple[float, float]]:
    """68 landmarks about an origin between the eyes, 88 px from eye to eye."""
    jaw = [(90 * np.cos(a), 40 + 110 * np.sin(a)) for a in np.linspace(np.pi, 0, 17)]
    brows = [(x, -28 - 6 * np.sin((x + 70) / 50 * np.pi)) for x in np.linspace(-70, -20, 5)]
    brows += [(-x, y) for x, y in reversed(brows)]
    nose = [(0, y) for y in (0, 14, 28, 42)] + [(x, 52) for x in (-16, -8, 0, 8, 16)]
    eye = [(-20, 0), (-10, -6), (8, -6), (18, 0), (8, 5), (-10, 5)]
    eyes = [(x - 44, y) for x, y in eye] + [(x + 44, y) for x, y in eye]
    mouth = [(30 * np.cos(a), 88 + 10 * np.sin(a)) for a in np.linspace(np.pi, 3 * np.pi, 13)[:12]]
    inner = [(20 * np.cos(a), 88 + 3 * np.sin(a)) for a in np.linspace(np.pi, 3 * np.pi, 9)[:8]]
    return jaw + brows + nose + eyes + mouth + inner


_FACE = _outline()


@pytest.fixture(scope="module")
def subject():
    return made_subject()


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1), fps=st.sampled_from((25, 30, 60, 200)),
    share=st.floats(0, 1), hold=st.booleans(),
)  # fmt: skip
def test_a_course_lasts_as_many_frames_as_asked(seed, fps, share, hold):
    low, high = (0.6, 4.0) if hold else (0.2, 0.48)
    length = int(np.ceil((low + share * (high - low)) * fps))
    start, course = movement_course(np.random.default_rng(seed), 100, length, fps, hold=hold)
    first, apex, last = span_of(course)
    assert (start + first, last - first) == (100, length)
    assert course.max() == 1
    assert (course == 1).sum() == 1
    assert course[0] < 0.1
    assert course[-1] < 0.1
    assert np.all(np.diff(course[: apex + 1]) >= 0)
    assert np.all(np.diff(course[apex:]) <= 0)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), fps=st.sampled_from((25, 30, 50, 100, 200)))
def test_movements_are_micro_or_macro_and_apart(seed, fps):
    plan = plan_recording((seed, 0, 0), seconds=60, fps=fps)
    assert plan.count == 60 * fps
    assert plan.movements
    for one in plan.movements:
        ms = 1000 * (one.offset - one.onset) / fps
        low, high, small, large = {"micro": (200, 480, 0.9, 2.2), "macro": (600, 4000, 2, 6)}[
            one.kind
        ]
        assert low - 1e-6 <= ms <= high + 1e-6
        assert small <= one.px <= large
        assert one.onset < one.apex < one.offset < plan.count
    for one, following in zip(plan.movements, plan.movements[1:], strict=False):
        assert following.onset - one.offset >= round(0.4 * fps) - 1
        assert following.start >= one.start + np.flatnonzero(one.share > 1e-2)[-1]


def test_sixty_recordings_have_the_rates_that_are_said():
    plans = [plan_recording((seed, 0, 0), seconds=60, fps=30) for seed in range(60)]
    blinks = [sum(other.kind == "blink" for other in plan.others) for plan in plans]
    assert 12 < np.mean(blinks) < 16
    gaps = [
        (after.onset - one.offset) / 30
        for plan in plans
        for one, after in zip(plan.movements, plan.movements[1:], strict=False)
    ]
    assert 0.15 < np.mean(np.array(gaps) < 0.65) < 0.45
    kinds = [one.kind for plan in plans for one in plan.movements]
    assert 0.5 < kinds.count("micro") / len(kinds) < 0.7
    speech = [other for plan in plans for other in plan.others if other.kind == "speech"]
    assert {other.kind for plan in plans for other in plan.others} == {
        "blink", "gaze", "turn", "speech"
    }  # fmt: skip
    assert 1 < len(speech) / len(plans) < 4


def test_syllables_come_at_three_to_six_a_second():
    rates = []
    for seed in range(10):
        for stretch in plan_recording((seed, 0, 0), seconds=60, fps=100).speech:
            jaw = stretch.jaw
            tops = (jaw[1:-1] > jaw[:-2]) & (jaw[1:-1] >= jaw[2:]) & (jaw[1:-1] > 0.2)
            rates.append(tops.sum() / (len(jaw) / 100))
    assert 3 < np.median(rates) < 6


def test_what_moves_during_speech_is_no_mouth():
    found = 0
    for seed in range(10):
        plan = plan_recording((seed, 0, 0), seconds=60)
        for stretch in plan.speech:
            for one in plan.movements:
                if one.start < stretch.start + len(stretch.jaw) and (
                    stretch.start < one.start + len(one.share)
                ):
                    found += 1
                    assert not {"9", "12", "15", "25", "26"} & set(one.expression.shares)
    assert found > 5


def test_a_factor_has_draws_of_its_own():
    full = plan_recording((4, 1, 0), seconds=60)
    for name in ("blinks", "head", "light"):
        less = plan_recording((4, 1, 0), seconds=60, everyday=Everyday(**{name: False}))
        spans = [[(m.onset, m.apex, m.offset, m.px) for m in p.movements] for p in (full, less)]
        assert spans[0] == spans[1]
    silent = plan_recording((4, 1, 0), seconds=60, everyday=Everyday(speech=False))
    assert [m.onset for m in silent.movements] == [m.onset for m in full.movements]
    assert not silent.speech
    np.testing.assert_array_equal(silent.closed, full.closed)
    np.testing.assert_array_equal(silent.pose, full.pose)


def test_an_empty_recording_has_no_movement_and_all_else():
    empty = plan_recording((4, 1, 0), seconds=60, everyday=Everyday(still=True))
    full = plan_recording((4, 1, 0), seconds=60)
    assert empty.movements == ()
    assert empty.others == full.others
    plain = plan_recording((4, 1, 0), seconds=60, everyday=replace(PLAIN, still=True))
    assert plain.others == ()


@pytest.mark.slow
def test_the_inverse_of_every_expression_is_exact(subject):
    """Skin at y in the still face is seen at y + share d(y), to a hundredth of a px."""
    y, x = np.mgrid[:480, :640].astype(float)
    for expression in (one for group in EXPRESSIONS.values() for one in group):
        field = displacement(expression, subject.landmarks, (480, 640)) * np.float32(6)
        terms = inverse_terms(field)
        for share in (0.1, 0.4, 0.9):
            seen = np.tensordot(share ** np.arange(1, 5), terms.astype(float), axes=1)
            at = x + seen[..., 0], y + seen[..., 1]
            moved = share * np.stack(
                [map_coordinates(field[..., k], at[::-1], order=3, mode="nearest") for k in (0, 1)],
                axis=-1,
            )
            off = np.hypot(at[0] + moved[..., 0] - x, at[1] + moved[..., 1] - y)
            assert off[8:-8, 8:-8].max() < 0.01


def shift_between(first, second, middle, side=32):
    """Return by how much (x, y) a patch moves, by Gauss-Newton on the gradient."""
    window = np.outer(np.hanning(2 * side + 1), np.hanning(2 * side + 1))
    x0, y0 = middle
    y, x = np.mgrid[y0 - side : y0 + side + 1, x0 - side : x0 + side + 1].astype(float)
    shift = np.zeros(2)
    for _ in range(12):
        there = map_coordinates(second, [y + shift[1], x + shift[0]], order=3)
        gy, gx = np.gradient(there)
        here = map_coordinates(first, [y, x], order=1)
        a = np.stack([(window * gx).ravel(), (window * gy).ravel()], axis=1)
        shift += np.linalg.lstsq(a, (window * (here - there)).ravel(), rcond=None)[0]
    return shift


@pytest.mark.slow
def test_the_frames_move_as_the_truth_says(subject):
    """Where the truth moves the skin of the first frame, a frame shows it, to .03 px."""
    plan = plan_recording((1, 0, 0), seconds=12, everyday=PLAIN)
    plan = replace(plan, pose=np.zeros_like(plan.pose))
    movements = plan.movements[:3]
    wanted = {0, *(t for m in movements for t in (m.onset - 8, m.onset, m.apex, m.offset))}
    seen = {
        position: frame.mean(axis=-1)
        for position, frame in enumerate(render_frames(subject, plan))
        if position in wanted
    }
    for one in movements:
        rng = np.random.default_rng(one.draw)
        field = displacement(one.expression, subject.landmarks, (480, 640), rng=rng)
        length = np.hypot(field[..., 0], field[..., 1])
        row, column = np.unravel_index(np.argmax(length), length.shape)
        assert np.hypot(*shift_between(seen[0], seen[one.onset - 8], (column, row))) < 0.03
        for position in (one.onset, one.apex, one.offset):
            share = one.share[position - one.start] * one.px * subject.eye_distance / 110
            part = np.s_[row - 60 : row + 61, column - 60 : column + 61]
            y, x = (axis[part].astype(float) for axis in np.mgrid[:480, :640])
            skin = np.stack([x, y])
            for _ in range(12):  # which skin has come to each pixel
                moved = [
                    map_coordinates(field[..., k], skin[::-1], order=1, mode="nearest")
                    for k in (0, 1)
                ]
                skin = np.stack([x, y]) - share * np.stack(moved)
            expected = map_coordinates(seen[0], skin[::-1], order=3, mode="nearest")
            off = shift_between(expected, seen[position][part], (60, 60))
            assert np.hypot(*off) < 0.03
            # The measure would see it if a tenth of the motion were missing at the apex.
            if position == one.apex:
                assert np.hypot(*shift_between(seen[0], seen[position], (column, row))) > 0.3


def digest(frames):
    whole = hashlib.sha256()
    for frame in frames:
        whole.update(frame.tobytes())
    return whole.hexdigest()


@pytest.mark.slow
def test_the_same_numbers_give_the_same_frames(subject):
    plans = [plan_recording((0, 0, number), seconds=2) for number in (0, 0, 1)]
    first, again, other = (digest(render_frames(subject, plan)) for plan in plans)
    assert first == again
    assert first != other


@pytest.mark.slow
def test_a_longer_recording_needs_no_more_memory(subject):
    import tracemalloc

    peaks = []
    for seconds in (3, 8):
        frames = render_frames(subject, plan_recording((0, 0, 0), seconds=seconds, fps=25))
        tracemalloc.start()
        for _ in frames:
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 40e6


@pytest.mark.slow
def test_lids_close_and_open_where_the_plan_says(subject):
    everyday = Everyday(blinks=True, head=False, light=False, speech=False, still=True)
    plan = plan_recording((2, 0, 0), seconds=12, everyday=everyday)
    blink = next(o for o in plan.others if o.kind == "blink" and o.onset > 15 and o.size > 0.9)
    frames = dict(enumerate(render_frames(subject, plan)))
    x, y = np.rint(subject.landmarks[36:42].mean(axis=0)).astype(int)
    eye = np.s_[y - 8 : y + 9, x - 15 : x + 16]

    def change(position):
        return np.abs(frames[position][eye] - frames[blink.onset - 6][eye].astype(float)).mean()

    assert change(blink.apex) > 3 * change(blink.onset - 4)


@pytest.mark.slow
def test_the_files_say_what_the_plan_says(tmp_path):
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    from mepipe.datasets.registry import open_dataset
    from mepipe.errors import UsageError
    from mepipe.frames import probe_video
    from mepipe.sample import write_recordings

    out = tmp_path / "made"
    summary = write_recordings(out, subjects=1, clips=2, seconds=6, fps=25)
    assert summary.made
    with (out / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    plans = [plan_recording((0, 0, clip), seconds=6, fps=25) for clip in (0, 1)]
    expected = [
        (f"made/s01/r{clip + 1:02d}", m.onset, m.apex, m.offset, m.kind)
        for clip, plan in enumerate(plans)
        for m in plan.movements
    ]
    assert expected
    assert [
        (r["recording"], int(r["onset"]), int(r["apex"]), int(r["offset"]), r["kind"]) for r in rows
    ] == expected
    dataset = open_dataset(str(out))
    assert [clip.id for clip in dataset.clips] == ["made/s01/r01", "made/s01/r02"]
    assert not [n for n in dataset.notes if "not read" in n.problem]
    with (out / "s01" / "r01.mp4").open("rb") as file:
        facts = probe_video(file)
    assert facts.count == 150
    assert not write_recordings(out, subjects=1, clips=2, seconds=6, fps=25).made
    with pytest.raises(UsageError, match="seconds"):
        write_recordings(out, subjects=1, clips=2, seconds=7, fps=25)


@pytest.mark.parametrize(
    "options", [["--recordings", "--hard"], ["--fps", "50"], ["--without", "speech"],
                ["--recordings", "--layout", "samm"], ["--recordings", "--timing"]]
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(tmp_path, options):
    from click.testing import CliRunner

    from mepipe.cli.sample import command

    result = CliRunner().invoke(command, [str(tmp_path / "made"), *options])
    assert result.exit_code == 2
    assert "--recordings" in result.output
    assert not (tmp_path / "made").exists()
