"""Scores of events: cases counted by hand, and what must hold for any events."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mepipe
from mepipe.errors import UsageError
from mepipe.evaluation import spotting_metrics as spotting
from mepipe.evaluation.spotting_events import reaches
from mepipe.evaluation.spotting_metrics import Event, iou, kind_of, match, score

FPS = 30


def events(recording, *spans, fps=FPS, **more):
    return [Event(recording, onset, offset, fps, **more) for onset, offset in spans]


def counts(result):
    return {
        name: tuple(getattr(result, name)[key] for key in ("tp", "fp", "fn"))
        for name in ("all", "macro", "micro")
    }


# Ten cases: truth, predictions, and (TP, FP, FN) in all, macro, micro, by hand. At 30 fps
# micro is at most 15 frames from onset to offset.
CASES = {
    # 10..19 and 12..21 share 8 of 12 frames; 60..119 and 55..114 share 55 of 65.
    "all found": (
        events("a", (10, 19), (60, 119)),
        events("a", (12, 21), (55, 114)),
        ((2, 0, 0), (1, 0, 0), (1, 0, 0)),
    ),
    # 0..9 and 5..9 share 5 of 10 frames: just .5. 20..29 and 26..29: 4 of 10.
    "at the threshold and below it": (
        events("a", (0, 9), (20, 29)),
        events("a", (5, 9), (26, 29)),
        ((1, 1, 1), (0, 0, 0), (1, 1, 1)),
    ),
    # 0..19 overlaps 0..9 and 10..19 by half each; it can be right for one only. It has 20
    # frames, so it is macro: nothing fits in the kinds.
    "one prediction on two truths": (
        events("a", (0, 9), (10, 19)),
        events("a", (0, 19)),
        ((1, 0, 1), (0, 1, 0), (0, 0, 2)),
    ),
    # Both predictions overlap the truth; the second is a false positive.
    "two predictions on one truth": (
        events("a", (10, 19)),
        events("a", (10, 19), (11, 20)),
        ((1, 1, 0), (0, 0, 0), (1, 1, 0)),
    ),
    # 0..9 fits both truths (1.0 and .67), 0..7 only the first (.8). Best first would find one.
    "the best pair first would lose a pair": (
        events("a", (0, 9), (2, 11)),
        events("a", (0, 9), (0, 7)),
        ((2, 0, 0), (0, 0, 0), (2, 0, 0)),
    ),
    "a recording without truth": (
        events("a", (10, 19)),
        [*events("a", (10, 19)), *events("b", (10, 19), (100, 199))],
        ((1, 2, 0), (0, 1, 0), (1, 1, 0)),
    ),
    "a recording without predictions": (
        [*events("a", (10, 19)), *events("b", (10, 19), (100, 199))],
        events("a", (10, 19)),
        ((1, 0, 2), (0, 0, 1), (1, 0, 1)),
    ),
    # 15 frames from onset to offset are .5 s: micro. 16 are macro. They share 16 of 17.
    "a micro prediction on a macro truth": (
        events("a", (100, 116)),
        events("a", (100, 115)),
        ((1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ),
    # The same frames in another recording are another event.
    "the same frames elsewhere": (
        [*events("a", (10, 19)), *events("b", (50, 59))],
        [*events("a", (50, 59)), *events("b", (10, 19))],
        ((0, 2, 2), (0, 0, 0), (0, 2, 2)),
    ),
    # Overlapping truths, each with its own prediction (10..69: 50 of 70; 40..99: 50 of 70).
    "truths that overlap, of stated kinds": (
        [*events("a", (0, 59), kind="macro"), *events("a", (50, 99), kind="micro")],
        [*events("a", (10, 69), kind="macro"), *events("a", (40, 99), kind="micro")],
        ((2, 0, 0), (1, 0, 0), (1, 0, 0)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_worked_out_by_hand(name):
    truth, found, (every, macro, micro) = CASES[name]
    result = score(truth, found)
    assert counts(result) == {"all": every, "macro": macro, "micro": micro}
    # The order of the rows changes nothing.
    again = score(truth[::-1], found[::-1])
    assert counts(again) == counts(result)


def test_figures_of_pooled_counts():
    truth, found = [], []
    for number, case in enumerate(CASES.values()):
        truth += [Event(f"{number}{one.recording}", one.onset, one.offset, FPS) for one in case[0]]
        found += [Event(f"{number}{one.recording}", one.onset, one.offset, FPS) for one in case[1]]
    result = score(truth, found)
    # Summed by hand over the cases above; of the last, the kinds are by length now: all macro.
    assert counts(result)["all"] == (12, 6, 6)
    assert result.all["precision"] == pytest.approx(12 / 18)
    assert result.all["recall"] == pytest.approx(12 / 18)
    assert result.all["f1"] == pytest.approx(12 / 18)


def test_both_kinds_added_up():
    content = score(*CASES["a micro prediction on a macro truth"][:2]).content
    assert [content["macro_and_micro"][key] for key in ("tp", "fp", "fn")] == [0, 1, 1]
    truth = [*events("a", (0, 9), (20, 59)), *events("b", (0, 9))]
    content = score(truth, [*events("a", (0, 9), (20, 59)), *events("b", (30, 39))]).content
    assert [content["macro_and_micro"][key] for key in ("tp", "fp", "fn")] == [2, 1, 1]
    assert content["ci"]["macro_and_micro"] == content["ci"]["all"]


def test_kinds_at_half_a_second():
    assert kind_of(0, 15, 30) == "micro"
    assert kind_of(0, 16, 30) == "macro"
    assert kind_of(0, 100, 200) == "micro"
    assert kind_of(0, 101, 200) == "macro"
    assert kind_of(0, 15, 29.97) == "macro"  # 500.5 ms


def test_what_cannot_be_divided_is_null_and_nothing_found_is_zero():
    nothing = score(events("a", (0, 9)), [])
    assert (nothing.all["precision"], nothing.all["recall"], nothing.all["f1"]) == (None, 0, 0)
    assert nothing.macro["f1"] is None
    empty = score([], events("a", (0, 9)))
    assert (empty.all["precision"], empty.all["recall"], empty.all["f1"]) == (0, None, 0)


def test_the_rule_of_the_public_script_counts_otherwise():
    two_on_one = CASES["one prediction on two truths"][:2]
    assert counts(score(*two_on_one, rule="strs-script"))["all"] == (2, 0, 0)
    # Neither the recording without truth nor that without predictions is seen.
    truth = [*events("a", (0, 9)), *events("b", (0, 9))]
    found = [*events("a", (0, 9)), *events("c", (0, 9))]
    assert counts(score(truth, found))["all"] == (1, 1, 1)
    assert counts(score(truth, found, rule="strs-script"))["all"] == (1, 0, 0)
    # A person with predictions elsewhere is seen.
    truth = [Event(one.recording, 0, 9, FPS, subject="s") for one in truth]
    found = [Event(one.recording, 0, 9, FPS, subject="s") for one in found]
    assert counts(score(truth, found, rule="strs-script"))["all"] == (1, 0, 1)
    # The first prediction in the file takes the truth, however little it overlaps.
    late = [*events("a", (4, 13)), *events("a", (0, 9), (1, 9))]
    result = score(events("a", (0, 13)), late, rule="strs-script")
    assert counts(result)["all"] == (1, 2, 0)
    assert result.tallies["all"].hits[0].predicted.onset == 4


def test_spot_then_recognise():
    truth = [
        Event("a", 0, 9, FPS, emotion="anger"),
        Event("a", 20, 29, FPS, emotion="anger"),
        Event("a", 40, 49, FPS, emotion="joy"),
        Event("a", 60, 69, FPS, emotion="others"),
        Event("a", 80, 89, FPS, emotion="fear"),
    ]
    found = [
        Event("a", 0, 9, FPS, emotion="anger"),
        Event("a", 20, 29, FPS, emotion="joy"),
        Event("a", 40, 49, FPS, emotion="joy"),
        Event("a", 60, 69, FPS, emotion="others"),
        Event("a", 200, 209, FPS, emotion="joy"),
    ]
    # Spotting: 4 of 5 and 5. Anger: F1 2/3, joy 2/3, others 1; fear has no true positive.
    result = score(truth, found)
    one = result.content["recognition"]["all"]
    assert result.all["f1"] == pytest.approx(0.8)
    assert one["uf1"] == pytest.approx(7 / 9)
    assert result.strs == pytest.approx(0.8 * 7 / 9)
    assert one["events"] == 4
    chosen = score(truth, found, classes=["anger", "joy"]).content["recognition"]["all"]
    assert (chosen["events"], chosen["left_out"]) == (3, 1)
    assert chosen["strs"] == pytest.approx(0.8 * 2 / 3)
    # The script: precisions 1, 1/2, 1, 0 and recalls 1/2, 1, 1, 0 of anger, joy, others, fear.
    script = score(truth, found, rule="strs-script").content["recognition"]["all"]
    assert script["f1"] == pytest.approx(2.5 / 4)
    assert script["macro_precision"] == pytest.approx(2.5 / 3)  # over those that are there


def test_nothing_spotted_is_a_strs_of_zero_and_no_class_none():
    truth = events("a", (0, 9), emotion="anger")
    assert score(truth, events("a", (50, 59), emotion="anger")).strs == 0
    assert score(truth, events("a", (0, 9))).strs is None
    unlike = score(truth, events("a", (0, 9), emotion="negative"))
    assert unlike.strs is None
    assert "none in common" in unlike.notes[0]


def test_rates_that_differ_compare_times():
    truth = events("a", (30, 39), fps=30)  # 1.000 to 1.333 s
    assert counts(score(truth, events("a", (200, 265), fps=200)))["all"] == (1, 0, 0)
    assert counts(score(truth, events("a", (30, 39), fps=200)))["all"] == (0, 1, 1)
    result = score(truth, events("a", (200, 265), fps=200))
    assert "times are compared" in result.notes[-1]
    assert result.content["errors_ms"]["all"]["onset"] == 0
    assert result.content["errors_ms"]["all"]["offset"] == pytest.approx(25)  # 1.3 and 1.325 s


def test_a_rate_of_one_side_is_enough_and_without_any_it_is_asked_for():
    truth = events("a", (0, 9), fps=None)
    assert score(truth, events("a", (0, 9))).micro["tp"] == 1
    assert score(truth, truth, fps=25).micro["tp"] == 1
    with pytest.raises(UsageError, match="micro or macro depends on the frames per second"):
        score(truth, truth)
    with pytest.raises(UsageError, match="says 30 frames per second of a, and 25 was given"):
        score(events("a", (0, 9)), truth, fps=25)
    stated = events("a", (0, 9), fps=None, kind="macro")
    assert score(stated, stated).macro["tp"] == 1


def test_errors_of_found_events():
    truth = [Event("a", 10, 19, FPS, apex=15), Event("a", 60, 80, FPS)]
    found = [Event("a", 13, 19, FPS, apex=18), Event("a", 60, 83, FPS)]
    apart = score(truth, found).content["errors_ms"]
    assert apart["all"] == {
        "onset": pytest.approx(50), "apex": pytest.approx(100), "offset": pytest.approx(50),
    }  # fmt: skip
    assert apart["macro"] == {"onset": 0, "apex": None, "offset": pytest.approx(100)}


def test_intervals_are_of_subjects_and_the_same_every_time():
    truth, found = [], []
    for number in range(24):
        subject = f"s{number % 8}"
        truth += events(f"r{number}", (0, 9), (50, 59), subject=subject)
        found += events(f"r{number}", (0, 9), *([(50, 59)] if number % 4 else [(90, 99)]))
    result = score(truth, found, resamples=500)
    assert (result.content["unit"], result.content["units"]) == ("subject", 8)
    low, high = result.content["ci"]["all"]["f1"]
    assert low < result.all["f1"] < high
    assert score(truth, found, resamples=500).content == result.content
    without = [Event(one.recording, one.onset, one.offset, FPS) for one in truth]
    of_recordings = score(without, found, resamples=500).content
    assert (of_recordings["unit"], of_recordings["units"]) == ("recording", 24)
    # Recordings of one person are alike here: the interval over persons is the wider one.
    narrow = of_recordings["ci"]["all"]["f1"]
    assert high - low > narrow[1] - narrow[0]
    assert "with 8 subjects a 95 % interval is too narrow" in result.markdown().casefold()
    assert of_recordings["ci_note"] is None
    first = {one.recording for one in truth if one.subject == "s0"}
    few = [[one for one in side if one.recording not in first] for side in (truth, found)]
    result = score(*few, resamples=500)
    assert result.content["units"] == 7
    assert all(bounds["f1"] is None for bounds in result.content["ci"].values())
    assert "of 7 subjects" in result.content["ci_note"]
    assert "No 95 % interval is given" in result.markdown()
    assert "resamples of" not in result.markdown()


def test_names_that_differ_by_folders_and_endings_are_one_recording():
    truth = [*events("casme2/s1/a_01", (0, 9)), *events("casme2/s2/b", (0, 9))]
    result = score(truth, [*events("A_01.MP4", (0, 9)), *events("s2/b", (0, 9))])
    assert counts(result)["all"] == (2, 0, 0)
    assert "is taken as" in result.notes[0]
    # Which of two is meant cannot be known.
    two = [*events("x/a", (0, 9)), *events("y/a", (0, 9)), *events("b", (0, 9))]
    assert counts(score(two, [*events("a", (0, 9)), *events("b", (0, 9))]))["all"] == (1, 1, 2)


def test_no_recording_in_common_is_an_error_and_others_are_named():
    with pytest.raises(UsageError, match="no recording is in both files: the truth has a") as error:
        score(events("a", (0, 9)), events("b", (0, 9)))
    assert error.value.remedy
    notes = score(events("a", (0, 9)), [*events("a", (0, 9)), *events("b", (0, 9))]).notes
    assert any("(b)" in note and "(1 events)" in note for note in notes)


def test_the_table_has_a_row_for_every_event():
    table = score(*CASES["a micro prediction on a macro truth"][:2]).table
    assert table.loc[0, ["outcome", "kind", "onset", "predicted_offset"]].tolist() == [
        "tp", "macro", 100, 115,
    ]  # fmt: skip
    table = score(*CASES["at the threshold and below it"][:2]).table
    assert table.outcome.tolist() == ["tp", "fn", "fp"]
    assert table.iou.tolist()[0] == 0.5


def test_the_files_say_the_same(tmp_path):
    result = score(*CASES["all found"][:2])
    result.write(tmp_path)
    content = json.loads((tmp_path / "spotting.json").read_text())
    assert content == {"schema": 1, **result.content}
    assert "| all | 2 | 0 | 0 | 1.000 |" in (tmp_path / "spotting.md").read_text()
    assert (tmp_path / "events_scored.csv").read_text().count("\ntp,") == 2
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(UsageError, match="was not written by mepipe"):
        result.write(tmp_path)


def test_impossible_events_and_options():
    with pytest.raises(UsageError, match="ends before it begins"):
        Event("a", 10, 9)
    with pytest.raises(UsageError, match="ends before it begins"):
        iou([[3, 2]], [[0, 1]])
    with pytest.raises(UsageError, match="frames per second"):
        Event("a", 1, 2, fps=math.nan)
    with pytest.raises(UsageError, match="kind 'small'"):
        Event("a", 1, 2, kind="small")
    some = events("a", (0, 9))
    for options, words in (
        ({"rule": "mecg"}, "did you mean 'megc'"),
        ({"threshold": 0}, "threshold 0"),
        ({"fps": -1}, "-1 frames per second"),
        ({"resamples": 0}, "0 resamples"),
        ({"classes": ["anger"]}, "no true event is of the class anger"),
    ):
        with pytest.raises(UsageError, match=words):
            score(some, some, **options)
    with pytest.raises(UsageError, match="column fps: 25, and 30"):
        score([*some, *events("a", (20, 29), fps=25)], some)


def test_the_door_offers_it_beside_the_other_figures():
    assert mepipe.metrics.spotting is spotting
    assert mepipe.metrics.uf1([[1, 0], [0, 1]]) == 1
    with pytest.raises(AttributeError, match="spoting"):
        mepipe.metrics.spoting  # noqa: B018


frames = st.integers(0, 60)
spans = st.tuples(frames, st.integers(0, 20)).map(lambda two: (two[0], two[0] + two[1]))
lists = st.lists(spans, max_size=5)


def as_array(some):
    return np.array(some).reshape(-1, 2)


@given(lists, lists)
@settings(deadline=None)
def test_overlap_is_symmetric_and_of_frames(truth, found):
    overlap = iou(as_array(truth), as_array(found))
    assert overlap.shape == (len(truth), len(found))
    np.testing.assert_array_equal(overlap, iou(as_array(found), as_array(truth)).T)
    for (i, one), (j, other) in itertools.product(enumerate(truth), enumerate(found)):
        a, b = set(range(one[0], one[1] + 1)), set(range(other[0], other[1] + 1))
        assert overlap[i, j] == len(a & b) / len(a | b)


def most_pairs(fits):
    """Return the size of the largest matching, by trying all."""
    if not fits.shape[0]:
        return 0
    rest = [
        1 + most_pairs(np.delete(fits[1:], column, axis=1)) for column in np.flatnonzero(fits[0])
    ]
    return max([most_pairs(fits[1:]), *rest])


@given(lists, lists, st.sampled_from([0.2, 0.5, 0.8]))
@settings(deadline=None)
def test_a_matching_is_as_large_as_brute_force_finds_it(truth, found, threshold):
    overlap = iou(as_array(truth), as_array(found))
    pairs = match(overlap, threshold)
    assert len(pairs) <= min(len(truth), len(found))
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert all(overlap[i, j] >= threshold for i, j in pairs)
    assert len(pairs) == most_pairs(reaches(overlap, threshold))


@given(lists, lists)
@settings(deadline=None)
def test_all_counts_add_up(truth, found):
    result = score(events("a", *truth), events("a", *found), resamples=1)
    for name, (tp, fp, fn) in counts(result).items():
        for counted, stated in ((tp + fp, found), (tp + fn, truth)):
            kinds = [kind_of(*span, FPS) for span in stated]
            assert counted == (len(stated) if name == "all" else kinds.count(name))
    assert result.all["tp"] >= result.macro["tp"] + result.micro["tp"]
    assert len(result.table) == sum(counts(result)["all"])


@given(lists.filter(bool), lists.filter(bool), lists.filter(bool))
@settings(deadline=None)
def test_what_is_found_in_a_recording_without_truth_lowers_precision(truth, found, more):
    before = score(events("a", *truth), events("a", *found), resamples=1)
    after = score(events("a", *truth), [*events("a", *found), *events("b", *more)], resamples=1)
    assert after.all["fp"] == before.all["fp"] + len(more)
    assert after.all["recall"] == before.all["recall"]
    if before.all["tp"]:
        assert after.all["precision"] < before.all["precision"]
