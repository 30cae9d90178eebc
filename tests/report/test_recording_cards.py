"""What the report shows of recordings, and what the record of a run keeps of them."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from odd_outputs import changed, parts

from mepipe.recordings.events import Event
from mepipe.recordings.result import RecordingEvents
from mepipe.report.content import ClipCard, KeyFrame, Pictures
from mepipe.report.page import render
from mepipe.report.recordings import (
    ShownRecording,
    from_table,
    recording_cards,
    to_table,
    with_curves,
)

FPS = 25.0


def recording(name="lab/talk", *, count=1000, events=(), cuts=(), lost=()):
    curve = np.abs(np.sin(np.arange(count) / 9)).astype(np.float32)
    curve[list(lost)] = np.nan
    times = np.arange(count) * 1000 / FPS
    return RecordingEvents(
        name, "s1", FPS, times, range(1, count + 1), tuple(events), tuple(cuts), curve
    )


def movement(at, kind="micro"):
    return Event(kind, 1, at, at + 3, at + 8, 3.0, 0.9)


def card(clip, at, apex=b"webp", fps=FPS):
    marks = tuple(
        KeyFrame(name, at + step, at + step + 1, "spotted", 0.9)
        for name, step in (("onset", 0), ("apex", 3), ("offset", 8))
    )
    pictures = Pictures(apex=apex)
    return ClipCard(clip, "lab", "s1", "", "", 1000, fps, True, marks, "", pictures=pictures)


BOTH = recording(events=[movement(50), Event("blink", 1, 80, 82, 84), movement(100, "macro")])


def test_what_the_record_keeps_gives_the_same_cards():
    found = [
        ShownRecording.of(one)
        for one in (BOTH, recording("lab/long", count=20_000, cuts=(300,), lost=range(9000, 9400)))
    ]
    kept = from_table(json.loads(json.dumps(to_table(found))))
    assert recording_cards(kept, []) == recording_cards(found, [])


@pytest.mark.parametrize("table", [None, [], {}, {"version": 2, "recordings": [{}]}])
def test_a_table_that_is_gone_or_newer_is_no_recording(table):
    assert from_table(table) == ()
    assert to_table([]) is None


def test_a_table_with_odd_parts_shows_no_recording_or_what_it_says():
    table = to_table([ShownRecording.of(recording(count=12, events=[movement(0)], cuts=(3,)))])
    refused = 0
    for place, value in parts(json.loads(json.dumps(table)))[::7]:
        kept = from_table(changed(table, place, value))
        refused += not kept
        shown = with_curves([card("lab/talk#1", 0)], kept)
        assert len(recording_cards(kept, shown)) == len(kept)
    assert refused > 20


def test_a_long_curve_is_thinned_and_keeps_its_peaks_ends_and_gaps():
    whole = recording(count=90_000, lost=range(4000, 5000))
    whole.curve[70_001] = 77.0
    line = ShownRecording.of(whole).timeline
    assert len(line.times_ms) <= 6002
    assert (line.times_ms[0], line.times_ms[-1]) == (0, whole.times_ms[-1])
    assert line.times_ms[np.nanargmax(line.curve)] == whole.times_ms[70_001]
    inside = (line.times_ms > 165_000) & (line.times_ms < 195_000)
    assert inside.any()
    assert np.isnan(line.curve[inside]).all()
    assert len(json.dumps(to_table([ShownRecording.of(whole)]))) < 150_000


def test_movements_lead_to_their_cards_where_there_are_any():
    cards = [card("lab/other", 5), card("lab/talk#2", 100, b"two")]
    (one,) = recording_cards([ShownRecording.of(BOTH)], cards)
    assert [(m.number, m.kind, m.apex, m.place, m.picture) for m in one.movements] == [
        (1, "micro", "0:02.1", None, None),
        (2, "macro", "0:04.1", 1, b"two"),
    ]
    assert (one.counts, one.length) == ("1 micro movement, 1 macro movement, 1 blink", "0:40")
    assert one.picture[8:12] == b"WEBP"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (recording(cuts=(3, 9)), "no movement above the noise, 2 cuts"),
        (recording(lost=range(1000)), "no face was found"),
        (recording(lost=range(500)), "no movement above the noise, a face in 50% of the frames"),
        (
            recording(events=[Event("turn", 1, k, k, k) for k in (1, 2)]
                      + [Event("speech", 1, k, k, k + 9) for k in (3, 20)]),
            "no movement above the noise, 2 turns of the head, 2 stretches of speech",
        ),
    ],
)  # fmt: skip
def test_the_counts_in_words(found, words):
    (one,) = recording_cards([ShownRecording.of(found)], [])
    assert one.counts == words


def test_a_page_does_not_grow_without_end(monkeypatch):
    png = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    monkeypatch.setattr("mepipe.report.recordings.timeline_png", lambda line: png)
    many = recording(events=[movement(9 * k) for k in range(100)])
    shown = [ShownRecording.of(many) for _ in range(63)]
    cards = recording_cards(shown, [])
    assert [one.picture is None for one in cards] == [False] * 60 + [True] * 3
    assert (len(cards[0].movements), cards[0].not_shown) == (24, 76)
    numbers = [m.number for m in cards[0].movements]
    assert numbers == sorted(set(numbers))


@pytest.mark.slow
def test_the_timeline_of_an_hour_stays_small():
    events = [movement(250 * k, "micro" if k % 2 else "macro") for k in range(350)]
    events += [Event("blink", 1, 110 * k, 110 * k + 2, 110 * k + 4) for k in range(800)]
    events.sort(key=lambda one: one.onset)
    found = recording(count=90_000, events=events)
    found.curve[:] = 0.12 + 0.04 * np.abs(np.random.default_rng(0).normal(size=90_000))
    for one in found.movements:
        found.curve[one.onset : one.onset + 9] += 1.2 * np.sin(np.linspace(0, np.pi, 9))
    (card,) = recording_cards([ShownRecording.of(found)], [])
    assert len(card.picture) < 160_000


def test_a_card_of_a_movement_shows_the_curve_around_it():
    cards = [card("lab/talk#1", 50), card("lab/talk#2", 5), card("lab/alone", 9)]
    first, early, other = with_curves(cards, [ShownRecording.of(BOTH)])
    assert first.part == (38, 71)
    assert first.pictures.curve_from == 38
    assert first.pictures.curve == pytest.approx(BOTH.curve[38:71].tolist(), abs=2e-3)
    assert early.part == (0, 26)
    assert other == cards[2]
    (unknown,) = with_curves([card("lab/talk#1", 50, fps=None)], [ShownRecording.of(BOTH)])
    assert unknown.part is None


def test_where_the_face_was_lost_there_is_no_curve():
    gone = ShownRecording.of(recording(events=[movement(50)], lost=range(60, 64)))
    (one,) = with_curves([card("lab/talk#1", 50)], [gone])
    assert one.part == (38, 71)
    assert one.pictures.curve == ()


def test_names_of_recordings_are_escaped(make_page):
    name = "<script>alert(1)</script>"
    cards = recording_cards([ShownRecording.of(recording(name, events=[movement(9)]))], [])
    page = render(make_page(recordings=cards))
    assert name not in page
    assert "&lt;script&gt;alert(1)" in page
    assert '<a href="#recordings">' in page
    assert "recordings" not in render(make_page(recordings=())).split("<main>")[0].split("<nav")[1]


def test_without_faces_movements_have_no_picture(make_page):
    shown = [ShownRecording.of(BOTH)]
    bare = recording_cards(shown, [card("lab/talk#1", 50, apex=None)])
    page = render(replace(make_page(faces=False), recordings=bare))
    assert "Aligned face at the apex of movement" not in page
    assert page.count("macro, 0:04.1") == 1
