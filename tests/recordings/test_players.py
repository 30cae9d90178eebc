"""What players and coding programs read: WebVTT and ELAN's .eaf."""

import html
import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_recordings import BLINK, EVERY, MACRO, MICRO, OPEN, recording

from mepipe.errors import UsageError
from mepipe.recordings.elan import check_elan, events_eaf, link_from, tiers_of
from mepipe.recordings.events import Event
from mepipe.recordings.web_vtt import events_vtt

_CUE = re.compile(
    r"\d+\n(\d{2,}):(\d\d):(\d\d)\.(\d{3}) --> (\d{2,}):(\d\d):(\d\d)\.(\d{3})\n([^\n]+)\n?"
)


def cues(text):
    """Begin and end in ms, and the words, of each cue; anything else in the file is an error."""
    head, *blocks = text.removesuffix("\n").split("\n\n")
    assert head == "WEBVTT"
    found = []
    for block in blocks:
        match = _CUE.fullmatch(block)
        assert match, block
        times = [int(part) for part in match.groups()[:8]]
        begin, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (times[:4], times[4:]))
        words = match[9]
        assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", words)
        found.append((begin, end, html.unescape(words)))
    return found


def test_each_event_is_a_cue_with_its_words():
    assert cues(events_vtt(recording())) == [
        (1200, 1680, "micro, upper lip + chin, strength 3.2"),
        (1600, 3600, "macro, upper lip + chin, strength 5.0"),
        (2000, 2160, "blink"),
        (4800, 5960, "macro, upper lip + chin, strength 2.5, end not seen"),  # to the cut
    ]
    to_the_end = cues(events_vtt(recording([OPEN], cuts=())))
    assert to_the_end[0][:2] == (4800, 7960)


def test_hours_and_several_faces():
    long = recording([replace(MICRO, face=2), BLINK], cuts=())
    long = replace(long, times_ms=long.times_ms + 100 * 3_600_000 + 0.4)
    (first, _) = cues(events_vtt(long))
    assert first == (360_001_200, 360_001_680, "micro, face 2, upper lip + chin, strength 3.2")


def test_nothing_found_is_an_empty_list_of_cues():
    assert cues(events_vtt(recording([]))) == []


def test_signs_of_the_format_are_escaped(monkeypatch):
    monkeypatch.setattr("mepipe.recordings.events.region_names", lambda: ("<i>&--> b",) * 40)
    text = events_vtt(recording([MICRO], cuts=()))
    assert "&lt;i&gt;&amp;--&gt; b" in text
    assert cues(text)[0][2].startswith("micro, <i>&--> b")


places = st.integers(0, 199)
events = st.lists(
    st.builds(
        Event,
        st.sampled_from(["micro", "macro", "blink", "turn", "speech", "return"]),
        st.integers(1, 2),
        places, places, st.none() | places,
    ).map(
        lambda e: replace(
            e,
            onset=min(e.onset, e.apex, e.apex if e.offset is None else e.offset),
            offset=None if e.offset is None else max(e.onset, e.apex, e.offset),
        )
    ),
    max_size=12,
)  # fmt: skip


@given(events, st.sets(st.integers(1, 199), max_size=3), st.integers(1, 1000))
@settings(deadline=None, max_examples=60)
def test_every_event_is_a_cue_and_in_order(made, cuts, fps):
    one = recording(made, fps=float(fps), cuts=sorted(cuts))
    found = cues(events_vtt(one))
    assert sorted(cue[:2] for cue in found) == sorted(map(one.span_ms, made))
    assert all(begin < end for begin, end, _ in found)
    assert [cue[0] for cue in found] == sorted(cue[0] for cue in found)


@pytest.fixture
def pympi():
    return pytest.importorskip("pympi")


def read_back(pympi, folder, data):
    path = folder / "events.eaf"
    path.write_bytes(data)
    eaf = pympi.Eaf(path)
    return {name: eaf.get_annotation_data_for_tier(name) for name in eaf.get_tier_names()}, eaf


def test_pympi_reads_each_event_back_at_its_times(pympi, tmp_path):
    tiers, eaf = read_back(pympi, tmp_path, events_eaf(recording(), "./interview.mp4"))
    assert tiers == {
        "micro": [(1200, 1680, "upper lip + chin, strength 3.2")],
        "macro": [
            (1600, 3600, "upper lip + chin, strength 5.0"),
            (4800, 5960, "upper lip + chin, strength 2.5, end not seen"),
        ],
        "blink": [(2000, 2160, "blink")],
        "shot": [(0, 6000, "1"), (6000, 7960, "2")],
    }
    (media,) = eaf.get_linked_files()
    assert media["RELATIVE_MEDIA_URL"] == "./interview.mp4"
    assert media["MIME_TYPE"] == "video/mp4"


def test_overlapping_events_of_a_kind_have_tiers_of_their_own(pympi, tmp_path):
    crowd = [MACRO, replace(MACRO, onset=60, apex=80, offset=95), replace(MACRO, onset=90, apex=95)]
    crowd[2] = replace(crowd[2], offset=99)
    tiers, _ = read_back(pympi, tmp_path, events_eaf(recording(crowd, cuts=())))
    assert {name: [row[:2] for row in rows] for name, rows in tiers.items()} == {
        "macro": [(1600, 3600), (3600, 3960)], "macro 2": [(2400, 3800)],
    }  # fmt: skip


def test_faces_have_tiers_of_their_own(pympi, tmp_path):
    two = recording([MICRO, replace(BLINK, face=2)], cuts=())
    tiers, _ = read_back(pympi, tmp_path, events_eaf(two))
    assert list(tiers) == ["micro, face 1", "blink, face 2"]


@pytest.mark.parametrize(
    ("video", "kind"),
    [("./a.MP4", "video/mp4"), ("./a.mov", "video/quicktime"), ("../v/a.avi", "video/*"),
     ("./ä & <b>.mkv", "video/*")],
)  # fmt: skip
def test_the_video_is_linked_by_its_type(pympi, tmp_path, video, kind):
    _, eaf = read_back(pympi, tmp_path, events_eaf(recording(), video))
    (media,) = eaf.get_linked_files()
    assert (media["MEDIA_URL"], media["MIME_TYPE"]) == (video, kind)


def test_no_path_and_no_time_of_this_machine_is_in_the_file(pympi, tmp_path):
    video = tmp_path / "videos" / "a.mp4"
    data = events_eaf(recording(), link_from(tmp_path / "found", video))
    assert str(tmp_path).encode() not in data
    assert str(Path.home()).encode() not in data
    assert b"../videos/a.mp4" in data
    assert b"file:" not in data
    assert data == events_eaf(recording(), "../videos/a.mp4")
    root = ElementTree.fromstring(data)
    assert root.get("DATE") == "1980-01-01T00:00:00+00:00"
    times = [int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")]
    assert times == sorted(times)


def test_images_link_no_video(pympi, tmp_path):
    _, eaf = read_back(pympi, tmp_path, events_eaf(recording()))
    assert eaf.get_linked_files() == []


@given(events, st.sets(st.integers(1, 199), max_size=3), st.integers(1, 1000))
@settings(deadline=None, max_examples=40)
def test_no_event_is_lost_or_cut_and_none_overlap_in_a_tier(tmp_path_factory, made, cuts, fps):
    pympi = pytest.importorskip("pympi")
    one = recording(made, fps=float(fps), cuts=sorted(cuts))
    tiers, _ = read_back(pympi, tmp_path_factory.mktemp("elan"), events_eaf(one))
    shots = tiers.pop("shot", [])
    assert len(shots) == (len(one.shots) if one.cuts else 0)
    rows = [row for rows in tiers.values() for row in rows]
    assert sorted(row[:2] for row in rows) == sorted(map(one.span_ms, made))
    for begin, end, _ in rows:
        assert begin < end
    for rows in tiers.values():
        assert all(before[1] <= after[0] for before, after in pairwise(rows))
    for event in made:
        begin, end = one.span_ms(event)
        assert abs(begin - one.times_ms[event.onset]) <= 0.5
        if event.offset is not None and event.offset > event.onset:
            assert abs(end - one.times_ms[event.offset]) <= max(1.0, 1000 / fps)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda p: (p[0], sum(p)))))
def test_tiers_are_free_of_overlap_and_as_few_as_can_be(spans):
    tiers = tiers_of(spans)
    most = max((sum(b <= t < e for b, e in spans) for t in range(70)), default=0)
    assert len(set(tiers)) == most
    for i, one in enumerate(spans):
        for j, other in enumerate(spans[:i]):
            overlap = one[0] < other[1] and other[0] < one[1]
            assert not (overlap and tiers[i] == tiers[j])


def test_the_link_is_seen_from_the_folder_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/anna"))
    assert link_from(Path("/home/anna/out"), Path("/home/anna/v/a.mp4")) == "../v/a.mp4"
    assert link_from(Path("/home/anna/v"), Path("/home/anna/v/a.mp4")) == "./a.mp4"
    assert link_from(Path("/home/anna/v"), Path("/home/anna/v/b/a.mp4")) == "./b/a.mp4"
    assert link_from(Path("/home/bob/out"), Path("/home/anna/v/a.mp4")) == "./a.mp4"
    assert link_from(Path("/srv/out"), Path("/home/anna/v/a.mp4")) == "./a.mp4"
    monkeypatch.chdir(tmp_path)
    assert link_from(Path("out"), Path("a.mp4")) == "../a.mp4"


def test_a_missing_extra_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pympi", None)
    for call in (check_elan, lambda: events_eaf(recording())):
        with pytest.raises(UsageError, match="pympi-ling") as error:
            call()
        assert error.value.remedy == "Install it: pip install 'mepipe[elan]'"


def test_many_events_are_written(pympi, tmp_path):
    many = [replace(MICRO, onset=i, apex=i, offset=i + 1) for i in range(2999)]
    one = recording(many, count=3000, cuts=())
    tiers, _ = read_back(pympi, tmp_path, events_eaf(one))
    assert sum(map(len, tiers.values())) == len(many) == len(cues(events_vtt(one)))
    assert np.diff([row[0] for row in tiers["micro"]]).min() > 0


def test_every_kind_has_words():
    assert all(words for _, _, words in cues(events_vtt(recording(EVERY))))
