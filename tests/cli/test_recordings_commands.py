"""What the commands make of a dataset of recordings: outputs, report, check, explain, show."""

import csv
import json
import re
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from quick import QUICK

pytest.importorskip("skimage", reason="the recordings are made from a photograph of scikit-image")

from mepipe.cli import main
from mepipe.features import load

pytestmark = pytest.mark.slow

SET = (*QUICK, "--set=recordings.longer_than_s=5")
NAMES = ["videos/s01/talk", "videos/s02/look", "videos/s02/still"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three recordings of two subjects, one of them without a movement; their run; their truth."""
    from mepipe.sample.everyday import Everyday
    from mepipe.sample.identity import make_subject
    from mepipe.sample.photos import astronaut
    from mepipe.sample.recordings import write_recording
    from mepipe.sample.timeline import plan_recording

    place = tmp_path_factory.mktemp("recordings")
    rows = []
    for name, index, take, seconds in zip(NAMES, (0, 1, 1), (0, 0, 1), (12, 12, 6), strict=True):
        still = take == 1
        beside = Everyday(blinks=not still, head=False, light=False, speech=False, still=still)
        plan = plan_recording((5, index, take), seconds=seconds, fps=25, everyday=beside)
        path = place / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_recording(path, make_subject(astronaut(), index, 5), plan)
        rows += [(name, one.onset, one.offset, 25, one.kind) for one in plan.movements]
        if still:
            rows.append((name, "", "", 25, ""))
    (place / "videos/labels.csv").write_text(
        "subject,clip,emotion\ns01,talk,happiness\ns02,look,disgust\n"
    )
    with (place / "truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("recording", "onset", "offset", "fps", "kind"), *rows])

    def call(*arguments, code=0, cache="cache"):
        options = (
            [] if arguments[0] in {"evaluate-events", "show"} else [f"--cache={place / cache}"]
        )
        done = CliRunner().invoke(main, [*map(str, arguments), *options])
        assert done.exit_code == code, (done.output, done.exception)
        return done

    data, out = place / "videos", place / "out"
    first = call("run", data, "--out", out, "--until", "pack", "--jobs=1", *SET)
    return SimpleNamespace(place=place, data=data, out=out, call=call, first=first)


@pytest.fixture
def run(made):
    """Run again over the same recordings, with other arguments."""

    def call(*arguments, out=None, code=0, **options):
        where = made.out if out is None else out
        command = ("run", made.data, "--out", where, "--until", "pack", "--jobs=1", *SET)
        return made.call(*command, *arguments, code=code, **options)

    return call


def events(out):
    with (out / "events.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def movements(out):
    return [row for row in events(out) if row["kind"] in {"micro", "macro"}]


def ids(out):
    """The ids that the movements of events.csv have as clips."""
    count = dict.fromkeys(NAMES, 0)
    found = []
    for row in movements(out):
        count[row["recording"]] += 1
        found.append(f"{row['recording']}#{count[row['recording']]}")
    return found


def test_a_run_says_what_it_found_and_writes_it(made):
    assert len(ids(made.out)) >= 5
    said = made.first.output
    found = f"3 recordings: {len(ids(made.out))} movements"
    assert said.index(found) < said.index("clips usable")
    assert f"events      {made.out / 'events.csv'}" in said
    assert {row["recording"] for row in events(made.out)} == set(NAMES)


def test_a_warm_run_writes_nothing_again(made, run):
    before = {path.name: path.stat().st_mtime_ns for path in made.out.iterdir()}
    told = json.loads(run("--json").stdout)
    assert (told["recordings"], told["movements"]) == (3, len(ids(made.out)))
    assert told["clips"] == told["usable"] == told["movements"]
    assert not any(told["computed"].values())
    assert {path.name: path.stat().st_mtime_ns for path in made.out.iterdir()} == before


def test_a_run_is_scored_like_what_spot_writes(made):
    told = json.loads(
        made.call("evaluate-events", made.place / "truth.csv", made.out, "--json").stdout
    )
    assert told["recordings"] == {"truth": 3, "predicted": 3, "both": 3}
    assert told["all"]["tp"] >= 4
    assert told["all"]["tp"] + told["all"]["fp"] == len(ids(made.out))


def test_the_clips_have_what_is_known_of_their_recording(made):
    features = load(made.out / "features.h5")
    table = features.table
    assert list(table["clip"]) == sorted(ids(made.out))
    for row in table.to_dict("records"):
        name = row["clip"].rpartition("#")[0]
        subject = name.split("/")[1]
        assert (row["subject"], row["group"]) == (subject, f"videos/{subject}")
        assert row["label"] == {"s01": "positive", "s02": "negative"}[subject]
        assert row["apex_source"] == "spotted"
    rows = {row["clip"]: row for row in table.to_dict("records")}
    for clip, event in zip(ids(made.out), movements(made.out), strict=True):
        for mark in ("onset", "apex"):
            assert rows[clip][mark] == int(event[mark])


def test_all_movements_of_a_person_are_on_one_side_of_a_fold(made):
    features = load(made.out / "features.h5")
    folds = features.loso()
    assert len(folds) == 2
    for train, test in folds:
        held = {clip.rpartition("#")[0] for clip in features.clip[test]}
        assert len(held) == 1
        assert not held & {clip.rpartition("#")[0] for clip in features.clip[train]}


def test_events_of_an_earlier_run_do_not_stay(made, run, tmp_path):
    run("--until", "face", out=tmp_path)
    assert (tmp_path / "events.csv").exists()
    told = json.loads(
        run("--until", "face", "--set=recordings.longer_than_s=0", "--json", out=tmp_path).stdout
    )
    assert (told["recordings"], told["movements"], told["clips"]) == (0, 0, 3)
    assert not (tmp_path / "events.csv").exists()


def test_what_spot_wrote_in_the_folder_stays(made, run, tmp_path):
    made.call("spot", made.data, "--out", tmp_path, "--no-pictures")
    before = (tmp_path / "events.csv").read_bytes()
    run("--until", "face", "--set=recordings.longer_than_s=0", out=tmp_path)
    assert (tmp_path / "events.csv").read_bytes() == before


def test_a_file_of_the_user_is_not_replaced(made, run, tmp_path):
    (tmp_path / "events.csv").write_text("mine")
    answer = run(out=tmp_path, code=2)
    assert "events.csv was not written by mepipe" in answer.output
    assert (tmp_path / "events.csv").read_text() == "mine"


def test_a_plan_names_the_recordings_that_were_not_searched(made, run, tmp_path):
    answer = run("--dry-run", cache="other", out=tmp_path)
    assert "3 recordings (videos/s01/talk, videos/s02/look, videos/s02/still)" in answer.output
    assert "0.5 minutes of video would be searched for movements first" in answer.output
    told = json.loads(run("--dry-run", "--json", cache="other", out=tmp_path).stdout)
    assert told["waiting"] == NAMES
    assert told["waiting_s"] == pytest.approx(30, abs=0.2)
    assert (told["recordings"], told["movements"]) == (0, 0)
    known = json.loads(run("--dry-run", "--json").stdout)
    assert (known["waiting"], known["waiting_s"]) == ([], 0)
    assert known["movements"] == len(ids(made.out))


def section(out):
    page = (out / "report.html").read_text(encoding="utf-8")
    begin = page.index('<section id="recordings">')
    return page[begin : page.index("</section>", begin)]


def test_the_report_shows_each_recording_with_its_movements(made):
    shown = section(made.out)
    assert [name for name in NAMES if f"<h3>{name}</h3>" in shown] == NAMES
    assert shown.count('<img class="timeline"') == 3
    assert shown.count('alt="Aligned face at the apex of movement') == len(ids(made.out))
    assert "0:06 · no movement above the noise" in shown
    page = (made.out / "report.html").read_text(encoding="utf-8")
    for place in re.findall(r'href="#clip-(\d+)"', shown):
        card = page[page.index(f'id="clip-{place}"') :]
        assert re.search("<h3><a[^>]*>(.*?)</a></h3>", card)[1] in ids(made.out)
    assert len(shown) < 3 * 100_000


def test_the_report_is_made_again_from_the_record(made, tmp_path):
    out = shutil.copytree(made.out, tmp_path / "out")
    (out / "report.html").unlink()
    made.call("report", out)
    assert section(out) == section(made.out)


def test_a_report_without_faces_still_has_the_timelines(made, tmp_path):
    out = shutil.copytree(made.out, tmp_path / "out")
    made.call("report", out, "--no-faces")
    shown = section(out)
    assert "Aligned face" not in shown
    assert shown.count('<img class="timeline"') == 3
    assert shown.count('<li><a href="#clip-') == len(ids(out))


def test_a_run_without_recordings_has_no_such_section(run, tmp_path):
    run("--set=recordings.longer_than_s=0", "--set=spot.fallback=middle", out=tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'id="recordings"' not in page
    assert 'href="#recordings"' not in page


def test_a_check_says_that_a_run_will_search_recordings(made):
    answer = made.call("check", made.data, *SET)
    assert "videos/s02/still: a recording of 6 s" in answer.output
    assert "-> a run finds their movements and makes a clip of each" in answer.output
    told = json.loads(made.call("check", made.data, "--json", *SET).stdout)
    assert [one["clip"] for one in told["recordings"]] == NAMES
    assert told["recordings"][2]["seconds"] == pytest.approx(5.96)
    none = made.call("check", made.data, *SET, "--set=recordings.longer_than_s=0")
    assert "a recording of" not in none.output


def test_explain_tells_of_a_movement_and_of_its_recording(made):
    first, *_, last = ids(made.out)
    told = json.loads(made.call("cache", "explain", first, "--json", *SET).stdout)
    assert [one["stage"] for one in told["stages"]] == [
        "recording", "face", "spot", "flow", "tensor",
    ]  # fmt: skip
    assert {one["state"] for one in told["stages"]} == {"hit"}
    text = made.call("cache", "explain", "s01/talk", *SET).output
    assert re.search(r"recording hit +all its stretches .* videos/s01/talk#1 to videos/s01", text)
    assert "no movement" in made.call("cache", "explain", "still", *SET).output
    changed = made.call("cache", "explain", last, *SET, "--set=flow.size=80").output
    assert re.search(r"spot +hit", changed)
    assert re.search(r"flow +miss", changed)


def test_explain_says_what_became_of_a_movement(made):
    first = ids(made.out)[0]
    other = json.loads(
        made.call("cache", "explain", first, "--json", *SET, "--set=spot.size=64").stdout
    )
    assert [one["state"] for one in other["stages"]] == ["miss", *["waits"] * 4]
    gone = made.call("cache", "explain", first, *SET, "--set=recordings.threshold=90", code=2)
    assert f"has 0 movement(s), and there is no {first}" in gone.output
    whole = made.call("cache", "explain", first, *SET, "--set=recordings.longer_than_s=0", code=2)
    assert "is one clip with these settings" in whole.output


def test_show_draws_one_movement_of_a_recording(made, tmp_path, monkeypatch):
    monkeypatch.setenv("MEPIPE_CACHE", str(made.place / "cache"))
    path, target = made.data / "s01/talk.mp4", tmp_path / "shown.png"
    answer = made.call("show", path, "--out", target, *SET, code=2)
    assert "is a recording of 12 s" in answer.output
    assert "--event N" in answer.output
    answer = made.call("show", path, "--out", target, "--event", 99, *SET, code=2)
    assert "and no number 99" in answer.output
    assert not target.exists()
    made.call("show", path, "--out", target, "--event", 1, *SET)
    picture = cv2.imread(str(target))
    assert np.std(picture) > 20
