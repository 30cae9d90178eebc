"""A run over recordings: each movement is a clip, and nothing is computed twice."""

import csv
import shutil

import pytest
from test_run import computed
from toy_stages import install

from mepipe.errors import UsageError
from mepipe.features import load
from mepipe.recordings import chunks, spot
from mepipe.recordings.clips import is_recording
from mepipe.recordings.corrected import CorrectedEvent, EventFile, add, delete, move
from mepipe.recordings.tables import EVENT_COLUMNS

pytestmark = pytest.mark.slow


@pytest.fixture
def looks(monkeypatch):
    """How many frames were measured."""
    seen, real = [], chunks.Follower.look

    def look(self, position, time_ms, image):
        seen.append(position)
        real(self, position, time_ms, image)

    monkeypatch.setattr(chunks.Follower, "look", look)
    return seen


@pytest.fixture(scope="module")
def searched(made_recording, tmp_path_factory):
    """A cache that knows the recording."""
    from mepipe.recordings.spot import spot

    cache = tmp_path_factory.mktemp("searched")
    spot(made_recording.path, cache=cache)
    return cache


@pytest.fixture
def films(made_recording, brief, tmp_path):
    """A recording of 11 s, and a clip of 2 s beside it."""
    folder = tmp_path / "films"
    (folder / "s01").mkdir(parents=True)
    (folder / "s01" / "talk.mp4").write_bytes(made_recording.path.read_bytes())
    (folder / "s01" / "clip.mp4").write_bytes(brief)
    (folder / "labels.csv").write_text(
        "subject,clip,emotion\ns01,talk,happiness\ns01,clip,surprise\n"
    )
    return folder


@pytest.fixture
def cache(searched, tmp_path):
    return shutil.copytree(searched, tmp_path / "cache")


@pytest.fixture
def flown(toy):
    """The clips whose flow was computed."""
    from mepipe.stages import STAGES

    install()
    stage = next(stage for stage in STAGES if stage.name == "flow")
    seen, real = [], stage.compute

    def compute(clip, config, upstream):
        seen.append(clip.onset.position if clip.onset else None)
        return real(clip, config, upstream)

    object.__setattr__(stage, "compute", compute)
    return seen


def texts(result):
    return [note.text for note in result.notes]


def ids(result):
    return list(load(result.features).table["clip"])


def test_each_movement_is_a_clip_and_a_second_run_computes_nothing(
    films, cache, toy_run, flown, looks, made_recording
):
    first = toy_run(films, cache=cache).execute()
    assert ids(first) == [
        "films/s01/clip", *(f"films/s01/talk#{n}" for n in (1, 2, 3)),
    ]  # fmt: skip
    assert looks == []  # the recording was known by its frames, not by its name
    table = load(first.features).table.set_index("clip")
    for number, true in enumerate(made_recording.plan.movements, start=1):
        row = table.loc[f"films/s01/talk#{number}"]
        assert abs(row["onset"] - true.onset) <= 2
        assert (row["onset_source"], row["apex_source"]) == ("spotted", "spotted")
        assert row["label"] == "positive"  # that of its recording
        assert row["subject"] == "s01"
    assert len(flown) == 4
    whole = first.features.read_bytes()
    again = toy_run(films, cache=cache).execute()
    assert sum(again.computed.values()) == 0
    assert len(flown) == 4
    assert again.features.read_bytes() == whole


@pytest.mark.slow
def test_another_threshold_computes_no_flow_of_what_stays(films, cache, toy_run, flown, looks):
    every = ids(toy_run(films, cache=cache).execute())
    done = len(flown)
    second = toy_run(films, cache=cache, settings=["recordings.threshold=8"]).execute()
    assert looks == []
    assert len(flown) == done
    assert ids(second) == ["films/s01/clip", "films/s01/talk#1"]
    assert len(every) == 4
    assert ids(toy_run(films, cache=cache).execute()) == every
    assert len(flown) == done


@pytest.mark.slow
def test_no_recordings_gives_one_clip_as_before(films, cache, toy_run, looks):
    done = toy_run(films, cache=cache, settings=["recordings.longer_than_s=0"]).execute()
    assert ids(done) == ["films/s01/clip", "films/s01/talk"]
    assert looks == []
    longer = toy_run(films, cache=cache, settings=["recordings.longer_than_s=20"]).execute()
    assert ids(longer) == ["films/s01/clip", "films/s01/talk"]


def test_a_plan_alone_searches_nothing(films, tmp_path, toy, looks):
    from mepipe.cache.store import open_store
    from mepipe.config import load_config
    from mepipe.datasets.registry import open_datasets
    from mepipe.execution.context import Context
    from mepipe.run import Run

    run = Run(
        open_datasets([str(films)]), load_config(None, []),
        Context(open_store(tmp_path / "fresh")), out=tmp_path / "out", until="pack", search=False,
    )  # fmt: skip
    assert run.searched.waiting == ("films/s01/talk",)
    assert [one.clip.id for one in run.inputs.clips] == ["films/s01/clip", "films/s01/talk"]
    run.plan()
    assert looks == []


def test_annotated_clips_are_left_alone(films, cache, toy_run, looks):
    with (films / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("subject", "clip", "emotion", "onset", "apex", "offset", "fps"),
                ("s01", "talk", "happiness", 61, 84, 100, 25),
                ("s01", "clip", "surprise", "", "", "", 25),
            ]
        )
    done = toy_run(films, cache=cache).execute()
    assert ids(done) == ["films/s01/clip", "films/s01/talk"]
    assert looks == []


def test_an_id_is_never_given_twice(films, cache, toy_run, brief):
    """A clip may be called as a movement would be."""
    (films / "s01" / "talk#2.mp4").write_bytes(brief)
    with pytest.raises(UsageError, match=r"talk#2") as raised:
        toy_run(films, cache=cache)
    assert "ename" in raised.value.remedy


def test_what_was_found_is_noted(films, cache, toy_run):
    run = toy_run(films, cache=cache)
    assert [one.name for one in run.searched.recordings] == ["films/s01/talk"]
    (note,) = [note for note in run.inputs.notes if note.clip == "films/s01/talk"]
    assert "3 movements" in note.problem
    parts = {one.clip.id: one.clip for one in run.inputs.clips}
    assert parts["films/s01/talk#1"].recording == "films/s01/talk"
    assert parts["films/s01/talk#1"].kind == "macro"
    assert parts["films/s01/talk#2"].kind == "micro"
    assert parts["films/s01/clip"].recording == ""
    whole = next(one for one in run.inputs.clips if one.clip.id == "films/s01/talk#2")
    assert not is_recording(whole, run.config)  # it is not searched again


def test_a_recording_that_cannot_be_searched_is_a_failure_and_the_others_go_on(
    films, cache, toy_run, monkeypatch
):
    from mepipe.errors import BadDataError

    def search(*given):
        raise BadDataError("a frame is damaged", "Record it again.")

    monkeypatch.setattr(spot, "search", search)
    done = toy_run(films, cache=cache).execute()
    assert ids(done) == ["films/s01/clip"]
    (failure,) = done.failures
    assert (failure.clip, failure.stage) == ("films/s01/talk", "recording")


@pytest.fixture
def edited(films, cache, toy_run, tmp_path):
    """A run over a recording, the file of its movements, and these as they were spotted."""
    made = toy_run(films, cache=cache)
    made.execute()
    numbers = made.searched.recordings[0].numbers
    events = tuple(
        CorrectedEvent(
            numbers[one.onset],
            numbers[one.apex],
            None if one.offset is None else numbers[one.offset],
        )
        for one in made.searched.recordings[0].movements
    )
    return EventFile(tmp_path / "out" / "corrected-events.csv", who="kim"), events


@pytest.mark.slow
def test_only_movements_whose_frames_changed_are_computed_again(
    films,
    cache,
    toy_run,
    edited,
    flown,
    looks,
    tmp_path,
):
    file, events = edited
    file.set_events("films/s01/talk", events)
    assert computed(toy_run(films, cache=cache).execute()) == {}, "as they were spotted"
    within = (0, 10_000)
    moved = move(events, 1, within, apex=events[1].apex + 1)
    file.set_events("films/s01/talk", moved)
    result = toy_run(films, cache=cache).execute()
    # The toy flow of another apex is the same, so its tensor is there already.
    assert computed(result) == {"spot": 1, "flow": 1, "pack": 1}
    assert looks == []
    table = load(result.features).table.set_index("clip")
    assert list(table["onset_source"]) == [
        table.loc["films/s01/clip", "onset_source"], "spotted", "correction", "spotted",
    ]  # fmt: skip
    # One more before all others: the ids of those behind it change, and none is computed again.
    more = add(moved, CorrectedEvent(1, 4, 9, emotion="surprise"), within)
    file.set_events("films/s01/talk", more)
    result = toy_run(films, cache=cache).execute()
    assert {**computed(result), "tensor": 0} == {
        "face": 1, "spot": 1, "flow": 1, "tensor": 0, "pack": 1,
    }  # fmt: skip
    table = load(result.features).table.set_index("clip")
    assert list(table.loc[[f"films/s01/talk#{n}" for n in range(1, 5)], "label"]) == [
        "surprise", "positive", "positive", "positive",
    ]  # fmt: skip
    first = table.loc["films/s01/talk#1"]
    assert (first["onset"], first["apex"], first["offset"]) == (1, 4, 9)
    assert any("the 4 movements of the corrections" in text for text in texts(result))
    lines = (tmp_path / "out" / "events.csv").read_text().splitlines()
    assert lines[0] == ",".join(EVENT_COLUMNS)
    assert sum(line.endswith(",correction") for line in lines) == 4
    # None at all is an answer, too.
    file.set_events("films/s01/talk", ())
    assert ids(toy_run(films, cache=cache).execute()) == ["films/s01/clip"]
    file.set_events("films/s01/talk", None)
    assert computed(toy_run(films, cache=cache).execute()) == {"pack": 1}
    assert len(ids(toy_run(films, cache=cache).execute())) == 4


def test_what_cannot_be_used_is_said_with_file_and_row(films, cache, toy_run, edited):
    file, events = edited
    file.set_events("films/s01/talk", delete(events, 0))
    file.set_events("films/s09/none", events)
    text = "corrected-events.csv has movements of 1 that are no recordings here: films/s09/none"
    assert f"{text}: not used" in texts(toy_run(films, cache=cache).execute())
    file.set_events("films/s01/talk", (CorrectedEvent(1, 4, 90_000),))
    with pytest.raises(UsageError, match=r"corrected-events.csv: row \d+: frame 90000 is no frame"):
        toy_run(films, cache=cache)
    file.set_events("films/s01/talk", (CorrectedEvent(1, 4, 9, emotion="hapiness"),))
    with pytest.raises(UsageError, match=r"row \d+: unknown emotion 'hapiness'"):
        toy_run(films, cache=cache)
    with pytest.raises(UsageError, match=r"data.events: there is no file"):
        toy_run(films, cache=cache, settings=["data.events=none.csv"])
