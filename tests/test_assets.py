import numpy as np
import pytest

from mepipe import assets
from mepipe.errors import DamageError, UsageError


def test_the_template_is_symmetric_and_upright():
    template = assets.template()
    points = template.points
    assert points.shape == (68, 2)
    eyes = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    np.testing.assert_allclose(eyes, [template.inter_ocular, 0], atol=0.005)
    np.testing.assert_allclose(points[:17, 0] + points[16::-1, 0], 1, atol=1e-3)
    assert points[27, 1] < points[30, 1] < points[51, 1] < points[8, 1]


def test_regions_lie_on_the_face_and_come_in_pairs():
    names = {region.name for region in assets.regions()}
    for region in assets.regions():
        for vertex in region.vertices:
            assert sum(weight for _, weight in vertex) == pytest.approx(1)
        centre = region.polygon(assets.template().points).mean(axis=0)
        assert (centre > 0).all()
        assert (centre < 1.05).all()
        if region.name.startswith("left_"):
            other = f"right_{region.name.removeprefix('left_')}"
            assert other in names
    assert {region.role for region in assets.regions()} == {"expressive", "eye", "rigid"}


def test_regions_follow_the_landmarks():
    points = assets.template().points
    for region in assets.regions():
        np.testing.assert_allclose(
            region.polygon(points * 3 + [5, -2]), region.polygon(points) * 3 + [5, -2]
        )


def test_the_model_file_is_the_one_in_the_manifest():
    path = assets.verified_model_path("shape_predictor_68")
    assert path.stat().st_size == assets.model_files()[0].size


@pytest.mark.parametrize("size", [99693937, 3])
def test_a_wrong_model_file_is_refused_with_the_way_out(tmp_path, monkeypatch, size):
    from types import SimpleNamespace

    folder = tmp_path / "models"
    folder.mkdir()
    with (folder / "shape_predictor_68_face_landmarks.dat").open("wb") as file:
        file.truncate(size)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda name: spec)
    assets.verified_model_path.cache_clear()
    with pytest.raises(UsageError, match="sha256" if size > 3 else "3 bytes") as caught:
        assets.verified_model_path("shape_predictor_68")
    assert "pip install" in caught.value.remedy


def test_the_weights_of_the_package_are_found_and_checked(pretrained):
    assert assets.pretrained_path() == pretrained


@pytest.mark.parametrize("name", ["spp.safetensors", "SHA256SUMS"])
def test_weights_that_are_missing_from_an_installation_say_so(name, pretrained):
    (pretrained.parent / name).unlink()
    with pytest.raises(
        UsageError, match="the model pretrained is not in this installation"
    ) as error:
        assets.pretrained_path()
    assert name in error.value.message
    assert "--force-reinstall" in error.value.remedy


@pytest.mark.parametrize("changed", ["a byte", "cut", "empty", "sums", "no sums"])
def test_weights_that_are_not_those_that_were_packed_are_damage(changed, pretrained):
    data, sums = pretrained.read_bytes(), pretrained.parent / "SHA256SUMS"
    if changed == "a byte":  # in the middle of a tensor, where nothing else would notice it
        pretrained.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    elif changed == "cut":
        pretrained.write_bytes(data[:-100])
    elif changed == "empty":
        pretrained.write_bytes(b"")
    else:
        sums.write_bytes(b"\xff\xfe" if changed == "no sums" else b"0" * 64 + b"  spp.safetensors")
    with pytest.raises(DamageError, match="is damaged: its sha256 is") as error:
        assets.pretrained_path()
    assert "--force-reinstall" in error.value.remedy
