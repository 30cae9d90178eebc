"""What every reader must hold, whichever dataset it reads."""

import pytest
from lookalikes import CASME2_ROWS, write_casme2, write_folder, write_frames

from mepipe.datasets.labels import normalise
from mepipe.datasets.model import Images, NotRecognisedError
from mepipe.datasets.registry import BUILTIN, readers


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


TREES = {
    "casme2": (plain_casme2, odd_names_casme2),
    "folder": (plain_folder, odd_names_folder),
}


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


def test_ids_groups_and_numbers(case):
    read, root = case
    dataset = read(root, None)
    assert dataset.clips
    ids = [clip.id for clip in dataset.clips]
    assert ids == sorted(set(ids))
    for clip in dataset.clips:
        assert clip.dataset == dataset.name
        assert clip.id.startswith(f"{clip.group}/" if clip.group else f"{dataset.name}/")
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


def test_reading_twice_gives_the_same(case):
    read, root = case
    assert read(root, None) == read(root, None)


def test_the_users_name_is_used(case):
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


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_an_empty_folder_and_a_text_file_are_not_recognised(name, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "empty", tmp_path / "notes.txt"):
        with pytest.raises(NotRecognisedError) as caught:
            reader(name)(root, None)
        assert len(caught.value.message) > 20
