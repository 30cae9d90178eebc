import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from lookalike_sets import samm_rows, write_mmew, write_samm, write_smic
from lookalikes import write_casme2, write_folder, write_frames

from mepipe.datasets import registry
from mepipe.datasets.clip import Clip, Dataset, Video
from mepipe.datasets.registry import BUILTIN, GROUP, open_dataset, open_datasets, parse_spec
from mepipe.errors import UsageError


@pytest.fixture
def registered(monkeypatch):
    """Stand in for what is installed."""

    def register(*entries):
        monkeypatch.setattr(registry, "entry_points", lambda group: entries)

    register()
    return register


def test_builtin_readers_need_no_metadata(registered):
    names = [entry.name for entry in registry.readers()]
    assert names == [*sorted(BUILTIN.keys() - {"folder"}), "folder"]


def test_installed_readers_come_before_the_generic_folder(registered):
    registered(
        EntryPoint("zoo", "os:getcwd", GROUP), EntryPoint("folder", BUILTIN["folder"], GROUP)
    )
    assert [entry.name for entry in registry.readers()][-2:] == ["zoo", "folder"]


def test_two_readers_of_one_name_are_refused(registered):
    registered(EntryPoint("casme2", "other:read", GROUP))
    with pytest.raises(UsageError, match=r"mepipe.datasets.casme2:read and other:read"):
        registry.readers()


def foreign_reader(root, name):
    if name == "bug":
        raise ZeroDivisionError("a bug of the other package")
    if name == "told":
        raise UsageError("there is no sheet")
    if name == "list":
        return []
    if name == "twice":
        clip = Clip("twice/s1/c1", "twice", "s1", "twice/s1", Video(root / "c1.mp4"))
        return Dataset(name, "foreign", root, (clip, clip))
    return Dataset(name or "foreign", "foreign", root, ())


def test_a_third_party_reader_is_asked_and_its_bugs_name_it(registered, tmp_path):
    registered(EntryPoint("foreign", f"{__name__}:foreign_reader", GROUP))
    write_folder(tmp_path)
    assert open_dataset(str(tmp_path)).reader == "foreign"
    with pytest.raises(ZeroDivisionError) as caught:
        open_dataset(f"bug={tmp_path}")
    (note,) = caught.value.__notes__
    assert "the dataset reader foreign" in note
    assert f"{__name__}:foreign_reader" in note
    assert str(tmp_path) in note
    with pytest.raises(UsageError, match="no sheet") as told:
        open_dataset(f"told={tmp_path}")
    assert not hasattr(told.value, "__notes__")


def test_a_third_party_reader_that_returns_no_dataset_is_named(registered, tmp_path):
    registered(EntryPoint("foreign", f"{__name__}:foreign_reader", GROUP))
    with pytest.raises(TypeError, match="a Dataset, not list") as caught:
        open_dataset(f"list={tmp_path}")
    assert "the dataset reader foreign" in caught.value.__notes__[0]


def test_a_third_party_reader_that_returns_a_clip_twice_is_refused(registered, tmp_path):
    registered(EntryPoint("foreign", f"{__name__}:foreign_reader", GROUP))
    with pytest.raises(UsageError, match=r"foreign.*found 2 clips with the id twice/s1/c1"):
        open_dataset(f"twice={tmp_path}")


def test_a_third_party_reader_that_cannot_be_imported_is_refused(registered, tmp_path):
    registered(EntryPoint("broken", "a_package_that_is_gone.reader:read", GROUP))
    with pytest.raises(UsageError, match=r"reader broken .*No module named") as caught:
        open_dataset(str(tmp_path))
    assert "uninstall a_package_that_is_gone" in caught.value.remedy
    write_folder(tmp_path)
    assert open_dataset(str(tmp_path), "folder").reader == "folder"


def test_the_entry_points_of_the_package_are_the_built_in_readers():
    project = tomllib.loads((Path(registry.__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["entry-points"][GROUP] == BUILTIN


def test_parse_spec_splits_name_and_path(tmp_path, monkeypatch):
    (tmp_path / "a=b").mkdir()
    (tmp_path / "c").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_spec("c") == (None, tmp_path / "c")
    assert parse_spec("n=c") == ("n", tmp_path / "c")
    assert parse_spec("n=a=b") == ("n", tmp_path / "a=b")
    assert parse_spec("a=b") == (None, tmp_path / "a=b")
    assert parse_spec(f"{tmp_path}/a=b") == (None, tmp_path / "a=b")
    assert parse_spec("ü 1=.") == ("ü 1", tmp_path)


def test_parse_spec_expands_home_after_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_spec("n=~") == ("n", tmp_path)


@pytest.mark.parametrize(
    "spec", ["", "gone", "n=", "=.", " =.", "n=gone", "x/n=.", "..=.", "a\0b", "g" * 9999, "\x1b=."]
)
def test_parse_spec_refuses_what_names_nothing(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        parse_spec(spec)
    assert caught.value.remedy


def test_nothing_recognised_says_what_each_reader_looked_for(tmp_path):
    with pytest.raises(UsageError) as caught:
        open_dataset(str(tmp_path))
    for part in (str(tmp_path), "CASME2_RAW_selected or Cropped", "subject/clip.mp4"):
        assert part in caught.value.message
    assert "\n" not in str(caught.value)


def test_a_hint_comes_before_what_was_looked_for(tmp_path):
    write_frames(tmp_path / "s1" / "c1", range(3))
    for given in ("s1", "s1/c1"):
        with pytest.raises(UsageError) as caught:
            open_dataset(str(tmp_path / given))
        text = str(caught.value)
        assert text.index(f": {tmp_path}. ") < text.index("Looked for")
        assert text.count("Give ") == 1


def test_a_file_that_is_not_a_video_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError) as caught:
        open_dataset(str(tmp_path / "notes.txt"))
    text = str(caught.value)
    assert text.count("not a file") == 1
    assert "one video (mp4, " in text
    assert len(text) < len(str(tmp_path)) + 200


def test_open_datasets_reads_several_datasets(tmp_path):
    write_casme2(tmp_path / "a")
    write_folder(tmp_path / "b")
    datasets = open_datasets([str(tmp_path / "a"), f"mine={tmp_path / 'b'}"])
    assert [dataset.name for dataset in datasets] == ["casme2", "mine"]


def test_a_folder_of_several_datasets_reads_one_and_notes_the_others(tmp_path):
    write_casme2(tmp_path)
    write_samm(tmp_path, samm_rows()[:3])
    write_smic(tmp_path, names=["s1_ne_01"])
    dataset = open_dataset(str(tmp_path))
    assert (dataset.reader, len(dataset.clips)) == ("casme2", 4)
    (note,) = dataset.notes
    assert "also holds samm and smic: only casme2 is read" in note.text
    (tmp_path / "CASME2-coding-20190701.xlsx").unlink()
    assert len(open_dataset(str(tmp_path / "SAMM")).clips) == 3


def test_sets_beside_each_other_keep_their_own_sheets(tmp_path):
    write_casme2(tmp_path)
    write_samm(tmp_path, samm_rows()[:3])
    write_mmew(tmp_path)
    counts = {"SAMM": 3, "CASME2_RAW_selected": 4, "MMEW": 3}
    for folder, count in counts.items():
        dataset = open_dataset(str(tmp_path / folder))
        assert (len(dataset.clips), dataset.rejects) == (count, ())


def test_two_datasets_of_one_name_are_refused(tmp_path):
    for parent in ("x", "y"):
        write_folder(tmp_path / parent / "data")
    specs = [str(tmp_path / parent / "data") for parent in ("x", "y")]
    with pytest.raises(UsageError, match="two datasets are called data"):
        open_datasets(specs)
    assert len(open_datasets([specs[0], f"other={specs[1]}"])) == 2


def test_a_folder_given_twice_is_reported_before_its_name(tmp_path):
    data = write_folder(tmp_path / "data")
    for specs in ([f"a={data}"] * 2, [str(data)] * 2, [str(data), f"b={data}"]):
        with pytest.raises(UsageError, match=f"{data} is given twice") as caught:
            open_datasets(specs)
        assert "NAME" not in caught.value.remedy


def test_two_trees_of_one_set_are_refused_under_any_name(tmp_path):
    write_casme2(tmp_path)
    write_casme2(tmp_path, tree="Cropped", sheet=None)
    specs = [f"a={tmp_path / 'CASME2_RAW_selected'}", f"b={tmp_path / 'Cropped'}"]
    with pytest.raises(UsageError, match="casme2/sub01/EP02_01f is in both"):
        open_datasets(specs)


def test_reading_a_folder_imports_nothing_heavy(tmp_path):
    write_folder(tmp_path)
    code = (
        "import sys; from mepipe.clips import labels; from mepipe.datasets import registry\n"
        f"registry.open_dataset({str(tmp_path)!r})\n"
        "heavy = {'numpy', 'cv2', 'pandas', 'torch', 'openpyxl', 'h5py'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(heavy)) or None)"
    )
    root = Path(registry.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_synthetic_sample_is_noted_as_such(tmp_path):
    from mepipe.datasets.registry import SYNTHETIC_MARKER, open_dataset

    write_folder(tmp_path / "mine")
    assert not any("synthetic" in n.text for n in open_dataset(str(tmp_path / "mine")).notes)
    (tmp_path / "mine" / SYNTHETIC_MARKER).write_text("{}")
    assert "synthetic" in open_dataset(str(tmp_path / "mine")).notes[0].text
