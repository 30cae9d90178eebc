"""From clips to tasks: which annotation can be used."""

import cv2
import numpy as np
import pytest

from mepipe.clips.file_index import DigestIndex
from mepipe.clips.prepare import prepare
from mepipe.config import load_config
from mepipe.datasets.clip import Clip, Dataset, Mark, Video


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "EP02_01f.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 200.0, (64, 48))
    for value in range(30):
        writer.write(np.full((48, 64, 3), 8 * value, np.uint8))
    writer.release()
    return path


def prepared(video, tmp_path, settings=(), *, numbered=False):
    marks = dict(zip(("onset", "apex", "offset"), map(Mark, (46, 55, 60)), strict=True))
    clips = tuple(
        Clip(f"casme2/sub01/{name}", "casme2", "sub01", "casme2/sub01",
             Video(video, numbered=numbered), fps=200.0, **marks)
        for name in ("EP02_01f", "EP03_02")
    )  # fmt: skip
    dataset = Dataset("casme2", "casme2", tmp_path, clips)
    index = DigestIndex(tmp_path / "cache", tmp_path)
    return prepare([dataset], {"casme2": index}, load_config(None, list(settings)))


def test_a_video_that_begins_at_an_unknown_number_keeps_no_marks_and_it_is_said_once(
    video, tmp_path
):
    result = prepared(video, tmp_path)
    assert result.failures == ()
    for clip in result.clips:
        assert (clip.input.onset, clip.input.apex, clip.input.offset) == (None, None, None)
        assert list(clip.numbers) == list(range(30))
    (note,) = result.notes
    assert note.clip is None
    assert "for 2 videos" in note.text
    assert "--set data.first_number=N" in note.text


def test_the_first_number_ties_the_sheet_to_the_video(video, tmp_path):
    result = prepared(video, tmp_path, ["data.first_number=41"])
    assert (result.failures, result.notes) == ((), ())
    for clip in result.clips:
        frames = (clip.input.onset, clip.input.apex, clip.input.offset)
        assert [(frame.position, frame.number) for frame in frames] == [(5, 46), (14, 55), (19, 60)]
        assert list(clip.numbers) == list(range(41, 71))


def test_a_first_number_that_cannot_be_right_is_an_annotation_outside_the_clip(video, tmp_path):
    result = prepared(video, tmp_path, ["data.first_number=1"])
    assert result.clips[0].input.apex is None
    assert any("lies outside the clip" in note.text for note in result.notes)


def test_positions_of_other_videos_are_their_numbers(video, tmp_path):
    result = prepared(video, tmp_path, ["data.first_number=41"], numbered=True)
    assert list(result.clips[0].numbers) == list(range(30))


def test_corrections_of_an_unnumbered_video_are_positions_even_where_the_sheet_says_the_same(
    video, tmp_path
):
    from mepipe.clips.corrections import correct

    table = tmp_path / "corrections.csv"
    # The apex is also the sheet's number for an annotation of 20; here it is the user's.
    table.write_text("clip,onset,apex\nEP02_01f,4,20\n")
    marks = dict(zip(("onset", "apex", "offset"), map(Mark, (46, 20, 60)), strict=True))
    clip = Clip("casme2/sub01/EP02_01f", "casme2", "sub01", "casme2/sub01",
                Video(video, numbered=False), fps=200.0, **marks)  # fmt: skip
    corrected = correct([Dataset("casme2", "casme2", tmp_path, (clip,))], table)
    index = DigestIndex(tmp_path / "cache", tmp_path)
    (found,) = prepare(corrected.datasets, {"casme2": index}, load_config(None, ())).clips
    assert (found.input.onset.position, found.input.apex.position) == (4, 20)
    assert found.input.apex.origin == "correction"
    assert found.input.offset is None
