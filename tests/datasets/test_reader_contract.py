"""What every reader must hold, whichever dataset it reads."""

import shutil

import pytest
from lookalike_sets import (
    samm_rows,
    smic_e_rows,
    write_casme,
    write_casme3,
    write_casme3_macro,
    write_casme_sq,
    write_dfme,
    write_fourdme,
    write_mmew,
    write_samm,
    write_samm_long,
    write_smic,
    write_smic_e,
    write_whole_casme2,
)
from lookalikes import CASME2_ROWS, write_casme2, write_folder, write_frames

from mepipe.datasets.clip import Images, NotRecognisedError
from mepipe.datasets.emotions import normalise
from mepipe.datasets.recordings import recordings
from mepipe.datasets.registry import BUILTIN, GENERIC, open_dataset, readers


def plain_casme2(root):
    write_casme2(root)
    (root / "CASME2_RAW_selected/sub01/EP03_02/img140.jpg").unlink()


def odd_names_casme2(root):
    write_casme2(root, [*CASME2_ROWS, ("03", "EP é 中", None, 5, 9, 14, None, 4, "fear", 1)])


def plain_folder(root):
    write_folder(root)


def odd_names_folder(root):
    write_frames(root / "Zoé ü" / "clip 1 中", (3, 1, 2), "frame {}.JPG")
    write_frames(root / "b" / ("n" * 200), (1, 2))
    (root / "loose 'one'.mp4").touch()


def compressed_casme2(root):
    write_casme2(root)
    shutil.rmtree(root / "CASME2_RAW_selected")
    for row in CASME2_ROWS:
        path = root / "CASME2_compressed" / f"sub{int(row[0]):02d}" / f"{row[1]}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def both_kinds_casme3(root):
    write_casme3_macro(write_casme3(root))


def nested_casme_sq(root):
    write_casme_sq(root, tree="CAS(ME)^2/rawpic/rawpic")


def plain_samm(root):
    write_samm(root, samm_rows()[:9])


def odd_names_samm(root):
    row = samm_rows()[5]
    write_samm(root, [row, (*row[:1], "006 é 中", *row[2:])], tree="")


def three_smic(root):
    for camera in ("HS", "VIS", "NIR"):
        write_smic(root, camera, names=["s11_ne_01", "s11_po_02", "s12_sur_01"])


def odd_names_smic(root):
    write_smic(root, cropped=True, names=["s1_ne_01"])
    write_frames(root / "SMIC_all_cropped/HS/s1/micro/positive/é 中", (3, 4), "reg {}.BMP")


def plain_smic_e(root):
    write_smic_e(root, smic_e_rows()[:4])


TREES = {
    "4dme": (write_fourdme,),
    "casme": (write_casme,),
    "casme-sq": (write_casme_sq, nested_casme_sq),
    "casme2": (plain_casme2, odd_names_casme2, compressed_casme2, write_whole_casme2),
    "casme3": (write_casme3, both_kinds_casme3),
    "dfme": (write_dfme,),
    "folder": (plain_folder, odd_names_folder),
    "mmew": (write_mmew,),
    "samm": (plain_samm, odd_names_samm),
    "samm-long": (write_samm_long,),
    "smic": (three_smic, odd_names_smic),
    "smic-e": (plain_smic_e,),
}
# People who are the same in several sets are one group there.
PERSONS = {
    "smic-hs": "smic", "smic-vis": "smic", "smic-nir": "smic", "smic-e": "smic",
    "samm-long": "samm",
}  # fmt: skip


def reader(name):
    return next(entry for entry in readers() if entry.name == name).load()


def test_every_reader_of_the_package_is_held_to_this():
    assert set(TREES) == set(BUILTIN)


@pytest.fixture(
    params=[(n, build) for n in TREES for build in TREES[n]], ids=lambda p: p[1].__name__
)
def case(request, tmp_path):
    name, build = request.param
    root = tmp_path / "data set é"
    root.mkdir()
    build(root)
    return reader(name), root


def test_ids_groups_and_frame_numbers_are_well_formed(case):
    read, root = case
    dataset = read(root, None)
    assert dataset.clips
    ids = [clip.id for clip in dataset.clips]
    assert ids == sorted(set(ids))
    for clip in dataset.clips:
        assert clip.dataset == dataset.name
        collection = clip.id.split("/")[0]
        if clip.group:
            assert clip.id.startswith(f"{collection}/{clip.subject}/")
            assert clip.group == f"{PERSONS.get(collection, collection)}/{clip.subject}"
        assert bool(clip.group) == bool(clip.subject)
        assert clip.emotion == normalise(clip.emotion)
        assert clip.fps is None or clip.fps > 0
        clip.id.encode()
        if isinstance(clip.source, Images):
            numbers = clip.source.numbers
            assert list(numbers) == sorted(set(numbers))
            assert len(numbers) == len(clip.source.names)
            assert all((clip.source.folder / name).is_file() for name in clip.source.names)
        else:
            assert clip.source.path.is_file()


def test_every_clip_is_a_movement_in_one_recording(case):
    read, root = case
    dataset = read(root, None)
    found = recordings(dataset)
    ids = [one.id for one in found]
    assert ids == sorted(set(ids))
    clips = {clip.id: clip for clip in dataset.clips}
    marked = [event for one in found for event in one.events]
    stated = [clip.id for clip in dataset.clips if clip.onset or clip.apex or clip.offset]
    assert sorted(event.clip for event in marked) == sorted(stated)
    for one in found:
        for event in one.events:
            clip = clips[event.clip]
            assert clip.recording in {"", one.id}
            assert (clip.source, clip.subject, clip.fps) == (one.source, one.subject, one.fps)
            assert event.kind in {"", "micro", "macro"}
            for name in ("onset", "apex", "offset"):
                number, position = getattr(event, f"{name}_number"), getattr(event, name)
                assert position is None or number is not None
                if position is not None and isinstance(one.source, Images):
                    assert abs(one.source.numbers[position] - number) <= 2
    assert {one.id for one in found if not one.events} == {
        *(clip.id for clip in dataset.unmarked),
        *(clip.id for clip in dataset.clips if clip.id not in stated),
    }


def test_reading_twice_gives_the_same(case):
    read, root = case
    assert read(root, None) == read(root, None)


def test_the_users_name_is_the_datasets(case):
    read, root = case
    dataset = read(root, "my name")
    assert dataset.name == "my name"
    assert {clip.dataset for clip in dataset.clips} == {"my name"}
    assert len(dataset.clips) == len(read(root, None).clips)


def test_moving_the_dataset_changes_paths_only(case):
    read, root = case
    before = [clip.id for clip in read(root, "n").clips]
    moved = root.rename(root.with_name("moved"))
    assert [clip.id for clip in read(moved, "n").clips] == before


def test_a_tree_is_recognised_by_its_own_reader_alone(case):
    read, root = case
    own = read(root, None).reader
    assert open_dataset(str(root)).reader == own
    for name in BUILTIN.keys() - {own, GENERIC}:
        with pytest.raises(NotRecognisedError):
            reader(name)(root, None)


@pytest.mark.parametrize("name", sorted(set(BUILTIN) - {GENERIC}))
def test_what_lies_beside_a_tree_does_not_hide_it(name, tmp_path):
    TREES[name][0](tmp_path)
    (tmp_path / "papers").mkdir()
    (tmp_path / "~$sheet.xlsx").write_bytes(b"lock")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "old.xlsx").write_bytes(b"PK cut off")
    (tmp_path / "gt.csv").write_text("casme2,sub01,EP02_01f,1\n")
    assert reader(name)(tmp_path, None).clips


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_an_empty_folder_and_a_text_file_are_not_recognised(name, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "empty", tmp_path / "notes.txt"):
        with pytest.raises(NotRecognisedError) as caught:
            reader(name)(root, None)
        assert len(caught.value.message) > 20
