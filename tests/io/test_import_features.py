import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import mepipe
from mepipe.cache.pack import COLUMNS
from mepipe.datasets.subjects import subject_id
from mepipe.errors import BadDataError, MepipeError, UsageError
from mepipe.features.measured import MEASURED
from mepipe.io import published_arrays as published
from mepipe.io.import_features import import_features, is_minmax


def arrays(**changes):
    """Five clips of four people, min-max scaled, not in the order of their ids."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (5, 6, 6, 3)).astype(np.uint8)
    x[:, 0, 0], x[:, 5, 5] = 0, 255
    made = {
        "x": x,
        "y": np.array([2, 0, 1, 0, 1], dtype=np.int8),
        "subject": np.array(["s01", "sub02", "s2", "006", "s01"]),
        "dataset": np.array(["smic", "casme2", "smic", "samm", "smic"]),
        "clip": np.array(["b", "a", "a", "a", "a"]),
    }
    return {**made, **changes}


@pytest.fixture
def npz(tmp_path):
    def write(name="p.npz", **changes):
        np.savez(tmp_path / name, **arrays(**changes))
        return tmp_path / name

    return write


def test_a_published_file_becomes_one_that_mepipe_reads(npz, tmp_path):
    pytest.importorskip("torch")
    made, source, out = arrays(), npz(), tmp_path / "new" / "features.h5"
    done = import_features(source, out)
    features = mepipe.load(out)
    assert features.clip.tolist() == [
        "casme2/sub02/a", "samm/006/a", "smic/s01/a", "smic/s01/b", "smic/s2/a",
    ]  # fmt: skip
    order = [1, 3, 4, 0, 2]
    expected = made["x"][order].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(features.x, expected)
    assert features.y.tolist() == made["y"][order].tolist()
    assert features.classes == ("negative", "positive", "surprise")
    assert features.columns["label"].tolist() == [features.classes[y] for y in features.y]
    assert features.subject.tolist() == ["sub02", "006", "s01", "s01", "s2"]
    # As the readers name these people.
    assert features.group.tolist() == [
        "casme2/sub02", "samm/006", "smic/s01", "smic/s01", "smic/s02",
    ]  # fmt: skip
    assert features.settings["tensor"] == {"size": 6, "scale": "minmax"}
    assert features.settings["imported"]["sha256"] == done.sha256
    assert (done.scale_seen, done.subjects, done.clips["smic"]) == (True, 4, 3)
    assert done.labels == {"negative": 2, "positive": 2, "surprise": 1}
    for name, kind in COLUMNS.items():
        values = features.columns[name]
        if name in {"onset", "apex", "frames", "apex_number"}:
            assert (values == -1).all(), name
        elif kind == "float":
            assert np.isnan(values).all(), name
    assert len(set(features.columns["object"])) == 5
    assert list(features.table.columns) == [*COLUMNS, *MEASURED]
    assert (features.micro == -1).all()  # no frames, no length
    tensor, y = features.torch()[3]
    assert (tuple(tensor.shape), y) == ((3, 6, 6), 2)


def test_the_same_input_gives_the_same_bytes(npz, tmp_path):
    one, two = tmp_path / "1.h5", tmp_path / "2.h5"
    source = npz()
    import_features(source, one)
    import_features(source, two)
    import_features(source, two)
    assert one.read_bytes() == two.read_bytes()


def test_floats_other_classes_and_numbered_subjects(npz, tmp_path):
    x = arrays()["x"] / 255.0
    source = npz(x=x.astype(">f8"), subject=np.arange(5), y=np.array([0.0, 1, 1, 0, 0]))
    done = import_features(source, tmp_path / "f.h5", classes=("calm", "moved"))
    features = mepipe.load(tmp_path / "f.h5")
    assert done.scale == "minmax"
    assert features.classes == ("calm", "moved")
    np.testing.assert_array_equal(features.x[0], x[1].transpose(2, 0, 1).astype(np.float32))
    assert features.group[-1] == "smic/s04"


def test_a_scale_that_does_not_show_must_be_said(npz, tmp_path):
    x = arrays()["x"].astype(np.float32) / 255 - 0.5
    source, out = npz(x=x), tmp_path / "f.h5"
    with pytest.raises(UsageError, match=r"does not show how it was scaled: .* -0.5 to 0.5"):
        import_features(source, out)
    assert not out.exists()
    assert import_features(source, out, scale="fixed").notes == ()
    assert mepipe.load(out).settings["tensor"]["scale"] == "fixed"
    (note,) = import_features(npz(x=x + 1), out, scale="clip").notes
    assert "nowhere below 0" in note
    (note,) = import_features(source, out, scale="minmax").notes
    assert "not each clip and channel spans" in note


def test_what_counts_as_minmax():
    x = arrays()["x"]
    assert is_minmax(x)
    assert is_minmax(x / 255.0)
    assert not is_minmax(x.astype(float))
    still = x.copy()
    still[1, ..., 2] = 0
    assert is_minmax(still)
    assert not is_minmax(np.zeros_like(x))
    short = x.copy()
    short[2, ..., 1] = np.minimum(short[2, ..., 1], 254)
    assert not is_minmax(short)


@pytest.mark.parametrize(
    ("dataset", "subject", "name"),
    [
        ("casme2", "sub01", "casme2/sub01"),
        ("CASME II", "1", "casme2/sub01"),
        ("smic", "s3", "smic/s03"),
        ("SMIC-HS", "s03", "smic/s03"),
        ("smic-nir", "3", "smic/s03"),
        ("SMIC-VIS-E", "3", "smic/s03"),
        ("SMIC-HS-raw", "3", "smic/s03"),
        ("CASME2-cropped", "sub1", "casme2/sub01"),
        ("CASME", "sub01", "CASME/sub01"),
        ("SAMM", "6", "samm/006"),
        ("SAMM-MW", "6", "samm/006"),
        ("samm", "who", "samm/who"),
        ("lab", "s3", "lab/s3"),
    ],
)
def test_a_person_has_one_name(dataset, subject, name):
    assert subject_id(dataset, subject) == name


def changed(name, row, value, dtype=None):
    values = arrays()[name].astype(dtype) if dtype else arrays()[name].copy()
    values[row] = value
    return {name: values}


X = arrays()["x"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": X[..., :2]}, r"x is \(5, 6, 6, 2\), not \(N, H, W, 3\)"),
        ({"x": X.transpose(0, 3, 1, 2)}, r"Move the channels to the end: x.transpose\(0, 2, 3, 1"),
        ({"x": X[0]}, r"x is \(6, 6, 3\)"),
        ({"x": X[:, :4]}, "4 rows and 6 columns, not square"),
        ({"x": X[:0]}, "there is no clip"),
        ({"x": X.astype(np.int16)}, "x has the type int16, not uint8 or float"),
        ({"x": X.astype(complex)}, "x has the type complex128"),
        (changed("x", (2, 1, 1, 0), np.nan, "f4"), r"x\[2\] \(smic/s2/a\) holds NaN"),
        (changed("x", (2, 1, 1, 0), 1e300, "f8"), r"x\[2\] \(smic/s2/a\) holds NaN or infinity"),
        ({"x": X[:4]}, r"y is \(5,\), and x has 4 clips"),
        ({"clip": np.array(["a"])}, r"clip is \(1,\), and x has 5 clips"),
        (changed("y", 1, 3), r"y\[1\] \(casme2/sub02/a\) is 3, and the classes are 0 to 2"),
        (changed("y", 1, -1), r"y\[1\] .* is -1"),
        (changed("y", 1, 0.5, "f4"), "y has the type float32 and is not a list of whole"),
        (changed("y", 1, 1e300, "f8"), r"y\[1\] .* the classes are 0 to 2"),
        ({"y": np.array(list("abcde"))}, "y has the type <U1"),
        (changed("clip", 0, "a"), "rows 0 and 4 are both the clip smic/s01/a"),
        (changed("subject", 3, ""), r"subject\[3\] is '', which names nothing"),
        (changed("dataset", 3, "a\n"), r"dataset\[3\] is 'a\\n', which names nothing"),
        (changed("subject", 3, "a/b", "U9"), r"subject\[3\] is 'a/b', and / stands between"),
        ({"subject": np.arange(5) / 2}, "subject has the type float64, not text"),
        ({"clip": np.array([b"\xff", b"a", b"b", b"c", b"d"])}, "clip holds text that is no Uni"),
        ({"clip": np.array(list("abcde"), dtype=object)}, "clip holds Python objects"),
        ({"y": np.zeros(5, dtype=[("a", "i4")])}, "y has the type .* a record"),
    ],
)
def test_content_that_cannot_be_imported(npz, tmp_path, changes, message):
    with pytest.raises(BadDataError, match=message) as caught:
        import_features(npz(**changes), tmp_path / "f.h5")
    assert caught.value.remedy
    assert not (tmp_path / "f.h5").exists()


def test_files_that_are_no_published_features(npz, tmp_path):
    out = tmp_path / "f.h5"
    np.savez(tmp_path / "less.npz", x=X, labels=arrays()["y"])
    np.save(tmp_path / "one.npy", X)
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_bytes(b"")
    whole = npz().read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    for file, message in (
        ("none.npz", "there is no file"),
        (".", "is a folder"),
        ("less.npz", "has no array y, subject, dataset, clip; it has x, labels"),
        ("one.npy", "is no .npz file"),
        ("text.npz", "is no .npz file"),
        ("empty.npz", "is no .npz file"),
        ("cut.npz", "is no .npz file"),
    ):
        with pytest.raises(UsageError, match=message):
            import_features(tmp_path / file, out)
    with pytest.raises(UsageError, match="not names of classes"):
        import_features(npz(), out, classes=("a", "a"))


def test_nothing_is_unpickled(npz, tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    source = npz(subject=np.array([Trap()] * 5))
    with pytest.raises(BadDataError, match="subject holds Python objects"):
        import_features(source, tmp_path / "f.h5")


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def packed(path, **members):
    made = {name: npy(array) for name, array in arrays().items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**made, **members}.items():
            archive.writestr(f"{name}.npy", data)
    return path


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "_SUSPICIOUS_BYTES", 10**6)
    zeros = packed(tmp_path / "zeros.npz", x=npy(np.zeros((100, 100, 100, 3), dtype=np.uint8)))
    with pytest.raises(BadDataError, match=r"would unpack from \d+ to 30\d+ bytes"):
        import_features(zeros, tmp_path / "f.h5")
    monkeypatch.setattr(published, "LARGEST_BYTES", 2 * 10**6)
    with pytest.raises(BadDataError, match="would unpack"):
        import_features(zeros, tmp_path / "f.h5")
    monkeypatch.setattr(published, "LARGEST_BYTES", 100)
    with pytest.raises(UsageError, match="larger than"):
        import_features(zeros, tmp_path / "f.h5")


def test_a_header_that_claims_more_than_there_is(tmp_path):
    header = npy(X).replace(b"(5, 6, 6, 3), }", b"(5, 6, 60000000, 3), }")
    with pytest.raises(BadDataError, match=r"x says it is \(5, 6, 60000000, 3\)"):
        import_features(packed(tmp_path / "p.npz", x=header), tmp_path / "f.h5")
    short = npy(X)[:-10]
    with pytest.raises(BadDataError, match="x is damaged"):
        import_features(packed(tmp_path / "p.npz", x=short), tmp_path / "f.h5")
    with pytest.raises(UsageError, match="y is not an array that NumPy wrote"):
        import_features(packed(tmp_path / "p.npz", y=b"hello"), tmp_path / "f.h5")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(1341, 4)  # the method of a member becomes bz2
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_damaged_byte_is_an_error_of_ours_or_harmless(tmp_path, place, flip):
    data = bytearray(packed(tmp_path / "p.npz").read_bytes())
    data[place % len(data)] ^= flip
    (tmp_path / "p.npz").write_bytes(data)
    out = tmp_path / "f.h5"
    out.unlink(missing_ok=True)
    try:
        import_features(tmp_path / "p.npz", out)
    except MepipeError:
        assert not out.exists()
    else:
        # What the flipped byte did not reach: its clips are all there.
        assert len(mepipe.load(out)) == 5


def test_only_an_earlier_import_is_replaced(npz, tmp_path):
    source = npz()
    for name in ("p.npz", "notes.txt"):
        (tmp_path / "notes.txt").write_text("mine")
        before = (tmp_path / name).read_bytes()
        with pytest.raises(UsageError, match="is there already and was not made by an import"):
            import_features(source, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(UsageError, match="is there already"):
        import_features(source, tmp_path)
    out = tmp_path / "f.h5"
    import_features(source, out)
    import_features(source, out, classes=("a", "b", "c"))
    assert mepipe.load(out).classes == ("a", "b", "c")


def test_one_recording_under_two_persons_is_said(npz, tmp_path):
    x = X.copy()
    x[3] = x[1]
    (note,) = import_features(npz(x=x), tmp_path / "f.h5").notes
    assert note.startswith("casme2/sub02/a and samm/006/a have the same values")


def test_the_real_published_features(shared_data, tmp_path):
    source = shared_data / "features" / "casme2_smic_uvs28.npz"
    if not source.is_file():
        pytest.skip("the published features are not here")
    done = import_features(source, tmp_path / "f.h5")
    assert done.clips == {"casme2": 145, "smic": 164}
    assert done.labels == {"negative": 158, "positive": 83, "surprise": 68}
    assert (done.subjects, done.size, done.scale, done.scale_seen) == (40, 28, "minmax", True)
    assert mepipe.load(tmp_path / "f.h5").x.shape == (309, 3, 28, 28)
