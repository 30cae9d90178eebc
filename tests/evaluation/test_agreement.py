import pytest

from mepipe.evaluation.agreement import Coded, agreement, event_agreement


def test_differences_of_key_frames_by_hand():
    first = {name: Coded(onset=100, apex=110) for name in "abcde"}
    second = {
        name: Coded(onset=100 + step, apex=None)
        for name, step in zip("abcde", (0, 1, -1, 4, -2), strict=True)
    }
    found = agreement(first, second, fps={"a": 100.0, "b": 100.0, "c": 200.0})
    onset = found.marks["onset"]
    assert (onset.n, onset.median, onset.median_absolute, onset.within_one) == (5, 0, 1, 0.6)
    assert onset.absolute_95 == pytest.approx(3.6)  # 2 + 0.8 * (4 - 2)
    # 0, 10 and -5 ms
    assert (onset.n_ms, onset.median_ms, onset.median_absolute_ms) == (3, 0, 5)
    assert onset.absolute_95_ms == pytest.approx(9.5)
    assert found.marks["apex"].n == 0
    assert found.marks["apex"].median is None


def test_kappa_by_hand():
    # Cohen's kappa of the table 20 5 / 10 15: (0.7 - 0.5) / (1 - 0.5) = 0.4
    said = [("fear", "fear")] * 20 + [("fear", "anger")] * 5
    said += [("anger", "fear")] * 10 + [("anger", "anger")] * 15
    first = {str(i): Coded(emotion=a, movement=a == "fear") for i, (a, _) in enumerate(said)}
    second = {str(i): Coded(emotion=b, movement=b == "fear") for i, (_, b) in enumerate(said)}
    found = agreement(first, second)
    assert (found.emotion.n, found.emotion.same) == (50, 0.7)
    assert found.emotion.kappa == pytest.approx(0.4)
    assert found.movement.kappa == pytest.approx(0.4)


def test_kappa_is_undefined_where_both_say_one_thing():
    one = {"a": Coded(movement=True), "b": Coded(movement=True)}
    found = agreement(one, one)
    assert (found.movement.n, found.movement.same, found.movement.kappa) == (2, 1.0, None)
    assert found.emotion.n == 0


def test_what_only_one_coded_is_counted_and_not_compared():
    found = agreement(
        {"a": Coded(onset=1), "b": Coded(onset=2), "e": Coded()},
        {"a": Coded(onset=1), "e": Coded(2)},
    )
    assert (found.both, found.only_first, found.only_second) == (1, 1, 1)


def test_movements_of_recordings_are_paired_by_their_overlap():
    first = {
        "r": [Coded(0, 4, 9, "fear"), Coded(20, 25, 29), Coded(100, 104, 109)],
        "q": [],
        "only": [Coded(0, 1, 2)],
    }
    # Frames 5..14 share 5 of 15 with the first: no pair. 22..29 share 8 of 10 with the second.
    second = {"r": [Coded(5, 9, 14), Coded(22, 24, 29, "fear")], "q": [Coded(0, 1, 2)]}
    found = event_agreement(first, second, fps=50)
    assert (found.recordings, found.both, found.only_first, found.only_second) == (2, 1, 2, 2)
    assert found.f1 == pytest.approx(2 / 6)
    assert (found.marks["onset"].median, found.marks["apex"].median_ms) == (2, -20)
    assert found.emotion.n == 0
    assert event_agreement({"r": []}, {"r": []}).f1 is None
