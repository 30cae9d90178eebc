"""What a check and a run make of sets in which a recording holds several movements."""

import csv
import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from lookalike_sets import (
    write_casme3,
    write_casme3_macro,
    write_casme_sq,
    write_fourdme,
    write_samm_long,
)
from lookalikes import write_xlsx

from mepipe.cli import main
from mepipe.clips.inputs import open_inputs
from mepipe.config import load_config
from mepipe.datasets.registry import open_dataset
from mepipe.execution.progress import NoProgress
from mepipe.features import load

IMAGE = cv2.imencode(".jpg", np.full((8, 10, 3), 90, np.uint8))[1].tobytes()


def check(path, cache, *more):
    done = CliRunner().invoke(main, ["check", str(path), "--cache", str(cache), "--json", *more])
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def recorded(sample, tmp_path):
    """Two long recordings of faces, each the frames of a clip three times."""
    with (sample / "labels.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    coded = []
    for subject, folder, name in ((1, "s15/15_0101x", "s01"), (2, "s16/16_0101x", "s02")):
        row = next(row for row in rows if row["subject"] == name)
        images = sorted((sample / name / row["clip"]).iterdir(), key=lambda p: int(p.stem))
        place = tmp_path / "set" / "rawpic" / folder
        place.mkdir(parents=True)
        for turn in range(3):
            for i, image in enumerate(images):
                number = turn * len(images) + i + 1
                (place / f"img{number:03d}{image.suffix}").write_bytes(image.read_bytes())
        first = int(images[0].stem)
        onset, apex, offset = (int(row[key]) - first + 1 for key in ("onset", "apex", "offset"))
        step = len(images)
        coded.append((subject, "disgust1_1", onset, apex, offset, 4, "negative", "micro", "x"))
        coded.append(
            (subject, "disgust1_2", onset + 2 * step, apex + 2 * step, offset + 2 * step, 12,
             "positive", "macro", "x")
        )  # fmt: skip
    write_xlsx(tmp_path / "set/code.xlsx", coded, [(9, 15, 1), (9, 16, 2)], [("0101", "disgust1")])
    return tmp_path / "set"


def test_a_run_computes_each_movement_from_its_own_frames(recorded, make_run):
    dataset = open_dataset(str(recorded))
    done = make_run(recorded).execute()
    features = load(done.features)
    table = features.table
    assert list(table["clip"]) == [clip.id for clip in dataset.clips]
    assert len(table) == 4
    for row, clip in zip(table.to_dict("records"), dataset.clips, strict=True):
        numbers = clip.source.numbers
        assert row["onset_number"] == clip.onset.number
        assert row["apex_number"] == clip.apex.number
        assert row["offset_number"] == clip.offset.number
        assert row["frames"] < len(numbers)
        # The excerpt begins a second before the onset, so positions count from there.
        begin = max(1, clip.onset.number - 30)
        assert row["onset"] == clip.onset.number - begin
        assert row["offset"] == clip.offset.number - begin
        assert row["onset_source"] == row["apex_source"] == "annotation"


def test_a_correction_outside_the_excerpt_moves_it(recorded, tmp_path):
    dataset = open_dataset(str(recorded))
    clip = dataset.clips[1]
    table = tmp_path / "corrections.csv"
    table.write_text(f"clip,onset,apex,offset\n{clip.id},3,6,9\n")
    config = load_config(None, [f"data.corrections={table}"])
    inputs = open_inputs([dataset], config, tmp_path / "cache", jobs=1, progress=NoProgress())
    prepared = next(one for one in inputs.clips if one.clip.id == clip.id)
    assert (prepared.numbers[0], prepared.numbers[-1]) == (1, 39)
    assert prepared.input.onset.position == 2


def test_the_page_of_a_check_of_recordings(tmp_path):
    write_casme_sq(tmp_path / "set", content=IMAGE)
    for subject, shade in (("s15", 60), ("s16", 120)):  # two people, not one recording twice
        data = cv2.imencode(".jpg", np.full((8, 10, 3), shade, np.uint8))[1].tobytes()
        for image in (tmp_path / "set/rawpic" / subject).rglob("*.jpg"):
            image.write_bytes(data)
    code, page = check(tmp_path / "set", tmp_path / "cache")
    assert (code, page["clips"], page["usable"], page["subjects"]) == (0, 5, 5, 2)
    assert page["fps"] == 30
    assert page["labels"] == {"negative": 2, "positive": 1, "others": 1, "surprise": 1}
    told = {(problem["clip"] or "").partition("/")[2]: problem for problem in page["problems"]}
    assert set(told) == {"", "s15/15_0101disgustingteeth#3", "s16/16_0507climbingthewall"}
    whole = [one["handling"] for one in page["problems"] if one["clip"] is None]
    assert any("--select micro" in handling for handling in whole)
    assert "the offset is 0" in told["s15/15_0101disgustingteeth#3"]["problem"]
    assert "without movements" in told["s16/16_0507climbingthewall"]["handling"]
    code, page = check(tmp_path / "set", tmp_path / "cache", "--select", "micro")
    assert (code, page["clips"]) == (0, 2)


def test_the_page_of_a_check_of_4dme(tmp_path):
    write_fourdme(tmp_path / "set", content=IMAGE)
    code, page = check(tmp_path / "set", tmp_path / "cache")
    assert (code, page["dataset"], page["clips"], page["usable"]) == (0, "4dme", 3, 3)
    told = [problem["problem"] for problem in page["problems"]]
    assert any("names negative and surprise" in text for text in told)
    assert any("has no row" in text for text in told)


def test_the_page_of_a_check_of_samms_long_videos(tmp_path):
    write_samm_long(tmp_path / "set", content=IMAGE)
    code, page = check(tmp_path / "set", tmp_path / "cache")
    assert (code, page["dataset"], page["clips"], page["usable"]) == (0, "samm-long", 3, 3)
    told = {problem["clip"]: problem["handling"] for problem in page["problems"]}
    assert "without movements" in told["samm-long/007_3"]
    assert "--select micro" in told[None]


def test_the_page_of_a_check_of_casme3_names_dropped_frames(tmp_path):
    write_casme3_macro(write_casme3(tmp_path / "set"))
    for image in (tmp_path / "set").rglob("*.jpg"):
        image.write_bytes(IMAGE)
    code, page = check(tmp_path / "set", tmp_path / "cache")
    assert (code, page["dataset"], page["clips"], page["usable"]) == (0, "casme3", 7, 7)
    told = [p["problem"] for p in page["problems"] if p["clip"] == "casme3/spNO.2/b#2"]
    assert "1 frame(s) missing within the clip (178)" in told
    assert "the offset frame 178 is missing" in told
