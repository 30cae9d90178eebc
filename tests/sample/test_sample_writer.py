import csv
import hashlib
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from mepipe.datasets.clip import Mark
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError
from mepipe.sample import write
from mepipe.sample.layout import LAYOUTS
from mepipe.schema import SAMPLE_LAYOUTS

pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def generic(tmp_path_factory):
    out = tmp_path_factory.mktemp("generic") / "made"
    calls = []
    summary = write(out, subjects=2, clips=2, progress=lambda *done: calls.append(done))
    return out, summary, calls


@pytest.fixture(scope="module")
def casme2(tmp_path_factory):
    out = tmp_path_factory.mktemp("casme2") / "made"
    return out, write(out, layout="casme2", subjects=1, clips=2)


@pytest.mark.slow
def test_generic_layout_has_the_documented_files(generic):
    out, summary, calls = generic
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (summary.clips, summary.subjects, summary.made) == (4, 2, True)
    assert "synthetic" in str(summary)
    truth, labels = rows(out / "truth.csv"), rows(out / "labels.csv")
    assert [row["clip"] for row in truth] == [f"made/s0{s}/c0{c}" for s in (1, 2) for c in (1, 2)]
    assert list(labels[0]) == ["subject", "clip", "emotion", "onset", "apex", "offset", "fps"]
    motion = rows(out / "truth_motion.csv")
    for fact, label in zip(truth, labels, strict=True):
        names = sorted(path.name for path in (out / label["subject"] / label["clip"]).iterdir())
        assert len(names) == int(fact["frames"])
        for mark in ("onset", "apex", "offset"):  # numbers in file names, positions in the truth
            assert names[int(fact[mark])] == f"{int(label[mark]):04d}.jpg"
        share = [float(row["share"]) for row in motion if row["clip"] == fact["clip"]]
        assert int(np.argmax(share)) == int(fact["apex"])
        assert len(share) == int(fact["frames"])
        assert 0.8 <= float(fact["amplitude_px"]) <= 2
        assert label["emotion"] in {"disgust", "repression", "happiness", "surprise"}
    assert "no ground for science" in (out / "README.txt").read_text().lower()


@pytest.mark.slow
def test_casme2_layout_is_the_original(casme2):
    import openpyxl

    out, summary = casme2
    book = openpyxl.load_workbook(summary.annotations)
    assert book.sheetnames == ["Sheet1", "Sheet2", "Sheet3"]
    assert [book[name].max_row for name in ("Sheet2", "Sheet3")] == [1, 1]
    header, *sheet = book["Sheet1"].iter_rows(values_only=True)
    assert header == (
        *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
        *("Action Units", "Estimated Emotion", "Objective Classes"),
    )
    for fact, cells in zip(rows(out / "truth.csv"), sheet, strict=True):
        subject, name, _, onset, apex, offset, _, units, emotion, _ = cells
        assert (subject, fact["clip"]) == ("01", f"casme2/sub01/{name}")
        first = int(fact["first_number"])
        assert [onset, apex, offset] == [
            first + int(fact[mark]) for mark in ("onset", "apex", "offset")
        ]
        assert isinstance(units, int) == str(units).isdigit()
        assert emotion == fact["emotion"]
        folder = out / "CASME2_RAW_selected" / "sub01" / name
        numbers = sorted(int(path.stem.removeprefix("img")) for path in folder.iterdir())
        assert numbers == list(range(first, first + int(fact["frames"])))


@pytest.fixture(scope="module", params=["folder", "casme2", "samm", "smic"])
def layout(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param) / "made"
    return request.param, out, write(out, layout=request.param, subjects=1, clips=3)


@pytest.mark.slow
def test_the_reader_of_a_layout_reads_it_back_exactly(layout):
    name, out, _ = layout
    dataset = open_dataset(str(out))
    assert (dataset.reader, dataset.rejects) == (name, ())
    assert ["synthetic" in note.text for note in dataset.notes] == [True]
    truth = rows(out / "truth.csv")
    assert len(truth) == 3
    assert [clip.id for clip in dataset.clips] == sorted(fact["clip"] for fact in truth)
    clips = {clip.id: clip for clip in dataset.clips}
    for fact in truth:
        clip = clips[fact["clip"]]
        first, count = int(fact["first_number"]), int(fact["frames"])
        assert clip.source.numbers == tuple(range(first, first + count))
        assert (clip.subject, clip.emotion) == (fact["subject"], fact["emotion"])
        assert clip.fps == float(fact["fps"])
        assert clip.onset == Mark(first + int(fact["onset"]))
        assert clip.offset == Mark(first + int(fact["offset"]))
        assert clip.apex == (None if name == "smic" else Mark(first + int(fact["apex"])))
        if name in {"casme2", "samm"}:
            assert clip.action_units == fact["action_units"]
    assert {fact["label"] for fact in truth} == {"negative", "positive", "surprise"}


@pytest.mark.slow
def test_samm_layout_is_the_original(tmp_path):
    import openpyxl

    summary = write(tmp_path / "made", layout="samm", subjects=1, clips=1)
    (sheet,) = openpyxl.load_workbook(summary.annotations).worksheets
    cells = list(sheet.iter_rows(values_only=True))
    assert (sheet.title, cells[13][:3]) == (
        "MICRO_ONLY",
        ("Subject", "Filename", "Inducement Code"),
    )
    assert len(cells) == 15
    subject, name, _, onset, apex, offset, duration, *_ = cells[14]
    assert (subject, duration) == ("001", "=F15-D15+1")
    assert onset < apex < offset
    files = sorted((tmp_path / "made/SAMM/001" / name).iterdir())
    assert all(re.fullmatch(r"001_\d{5}\.jpg", file.name) for file in files)
    assert cv2.imread(str(files[0]), cv2.IMREAD_UNCHANGED).ndim == 2


@pytest.mark.slow
def test_smic_layout_is_the_original(tmp_path):
    summary = write(tmp_path / "made", layout="smic", subjects=1, clips=1)
    assert summary.annotations == tmp_path / "made/SMIC_all_raw"
    (fact,) = rows(summary.truth)
    assert fact["clip"] == "smic-hs/s01/s01_ne_01"
    assert (fact["onset"], fact["fps"]) == ("0", "100")
    assert int(fact["offset"]) == int(fact["frames"]) - 1
    folder = summary.annotations / "HS/s1/micro/negative/s1_ne_01"
    files = sorted(folder.iterdir())
    assert all(re.fullmatch(r"image\d{5,8}\.bmp", file.name) for file in files)
    assert cv2.imread(str(files[0])).shape == (480, 640, 3)
    motion = [float(row["share"]) for row in rows(tmp_path / "made/truth_motion.csv")]
    assert int(np.argmax(motion)) == int(fact["apex"])


def test_the_command_offers_every_layout():
    assert tuple(LAYOUTS) == SAMPLE_LAYOUTS


@pytest.mark.slow
def test_layouts_hold_the_same_clips(generic, casme2):
    fact = rows(casme2[0] / "truth.csv")[0]
    one = generic[0] / "s01" / "c01" / "0001.jpg"
    other = casme2[0] / "CASME2_RAW_selected" / "sub01" / fact["clip"].split("/")[2]
    first = other / f"img{fact['first_number']}.jpg"
    assert one.read_bytes() == first.read_bytes()


@pytest.mark.slow
def test_a_clip_has_the_same_bytes_in_a_sample_of_another_size(generic, tmp_path):
    write(tmp_path / "made", subjects=1, clips=1)
    few, many = digests(tmp_path / "made" / "s01"), digests(generic[0] / "s01")
    assert few
    assert few.items() <= many.items()


@pytest.mark.slow
def test_another_seed_is_another_clip(generic, tmp_path):
    write(tmp_path / "made", subjects=1, clips=1, seed=5)
    ours = set(digests(tmp_path / "made" / "s01").values())
    assert not ours & set(digests(generic[0]).values())


@pytest.mark.slow
def test_the_same_sample_is_left_alone(generic):
    out, summary, _ = generic
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = write(out, subjects=2, clips=2)
    assert again.made is False
    assert again.labels == summary.labels
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}


@pytest.mark.slow
def test_an_interrupted_sample_is_finished(casme2, tmp_path):
    out, whole = tmp_path / "made", digests(casme2[0])

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(out, layout="casme2", subjects=1, clips=2, progress=stop)
    assert not (out / "truth.csv").exists()
    assert write(out, layout="casme2", subjects=1, clips=2).made
    assert digests(out) == whole


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"seed": 1}, {"clips": 3}, {"layout": "casme2"}])
def test_another_sample_is_refused(generic, change):
    with pytest.raises(UsageError, match="with other options"):
        write(generic[0], **{"subjects": 2, "clips": 2, **change})


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not empty"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_photographs_without_a_face_are_refused(tmp_path):
    import cv2

    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    (photos / "empty.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match="no face in any of the 2 images"):
        write(tmp_path / "made", photos=photos)
    with pytest.raises(UsageError, match="does not exist"):
        write(tmp_path / "made", photos=tmp_path / "nowhere")


@pytest.mark.parametrize("wrong", [{"subjects": 0}, {"clips": 0}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(UsageError, match="out of range"):
        write(tmp_path / "made", **wrong)


def test_without_scikit_image_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(UsageError, match=r"mepipe\[sample\]"):
        write(tmp_path / "made")


def test_importing_the_sample_imports_nothing_heavy():
    code = (
        "import sys, mepipe.sample; "
        "heavy = {'cv2', 'dlib', 'torch', 'skimage', 'openpyxl'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
