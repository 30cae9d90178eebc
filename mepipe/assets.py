"""The face data in ``landmarks/``, the model files that it lists, and mepipe's own weights.

The folder is beside the package in a checkout or an editable install, and inside
it (``mepipe/_landmarks``) in a wheel. The weights are in ``mepipe/weights``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mepipe.errors import DamageError, UsageError
from mepipe.schema import PRETRAINED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Role = Literal["expressive", "eye", "rigid"]

_WEIGHTS, _SUMS = "spp.safetensors", "SHA256SUMS"
_REINSTALL = "Run: pip install --force-reinstall --no-deps mepipe"


@dataclass(frozen=True)
class ModelFile:
    """An entry of ``models.json``: a file that an installed package ships."""

    name: str
    file: str
    package: str
    distribution: str
    folder: str
    size: int
    sha256: str
    source: str
    licence: str


@dataclass(frozen=True)
class Region:
    """A facial region: a polygon whose vertices are combinations of landmarks.

    ``vertices`` holds, for each vertex, pairs (landmark, weight) that sum to 1.
    """

    name: str
    role: Role
    action_units: tuple[str, ...]
    vertices: tuple[tuple[tuple[int, float], ...], ...]

    def polygon(self, landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the vertices (V, 2) for landmarks (68, 2), in the unit of the landmarks.

        Examples
        --------
        >>> from mepipe.assets import regions, template
        >>> regions()[0].polygon(template().points).shape[1]
        2
        """
        import numpy as np

        return np.array(
            [
                np.sum([w * landmarks[i] for i, w in vertex], axis=0, dtype=np.float64)
                for vertex in self.vertices
            ]
        )


@dataclass(frozen=True)
class Template:
    """The aligned face.

    ``points`` is (68, 2) in fractions of the side of the square aligned face,
    x right and y down. ``inter_ocular`` is the distance of the eye centres in that
    unit. ``rigid`` lists the landmarks that alignment fits.
    """

    points: NDArray[np.float64]
    inter_ocular: float
    rigid: tuple[int, ...]


def landmarks_dir() -> Path:
    """Return the folder of face data, in a checkout or in an installed wheel."""
    package = Path(__file__).resolve().parent
    for folder in (package / "_landmarks", package.parent / "landmarks"):
        if (folder / "template.json").is_file():
            return folder
    raise UsageError(
        f"mepipe's face data (template.json) is missing beside {package}",
        "Reinstall mepipe.",
    )


def _read(name: str) -> Any:
    return json.loads((landmarks_dir() / name).read_text(encoding="utf-8"))


@cache
def asset_digest(name: str) -> str:
    """Return the sha256 of the content of a JSON asset, independent of its white space."""
    canonical = json.dumps(_read(name), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@cache
def template() -> Template:
    """Return the 68-point template."""
    import numpy as np

    data = _read("template.json")
    points = np.array(data["points"], dtype=np.float64)
    points.setflags(write=False)
    return Template(points, float(data["inter_ocular"]), tuple(data["rigid"]))


@cache
def regions() -> tuple[Region, ...]:
    """Return every facial region, in the order of the file."""
    return tuple(
        Region(
            name=entry["name"],
            role=entry["role"],
            action_units=tuple(entry["action_units"]),
            vertices=tuple(
                ((vertex, 1.0),)
                if isinstance(vertex, int)
                else tuple((int(i), float(w)) for i, w in vertex.items())
                for vertex in entry["polygon"]
            ),
        )
        for entry in _read("regions.json")["regions"]
    )


@cache
def model_files() -> tuple[ModelFile, ...]:
    """Return the list of model files."""
    return tuple(ModelFile(**entry) for entry in _read("models.json")["models"])


def model_path(name: str) -> Path:
    """Return the path of the model file ``name``, after a check of its size.

    Raises
    ------
    UsageError
        If the file is missing or has another size than expected.
    """
    # The package that ships the file is located and not imported: its import needs
    # pkg_resources, which current setuptools does not have.
    model = next(m for m in model_files() if m.name == name)
    install = f"Run: pip install --force-reinstall {model.distribution}"
    spec = importlib.util.find_spec(model.package)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"the model file {model.file} is missing", install)
    path = Path(next(iter(spec.submodule_search_locations))) / model.folder / model.file
    if not path.is_file():
        raise UsageError(f"the model file {path} is missing", install)
    if path.stat().st_size != model.size:
        raise UsageError(
            f"the model file {path} has {path.stat().st_size} bytes, not {model.size}", install
        )
    return path


@cache
def verified_model_path(name: str) -> Path:
    """Return the path of the model file ``name``, after a check of its sha256.

    Raises
    ------
    UsageError
        If the file is missing or has another size or sha256 than expected.
    """
    path = model_path(name)
    model = next(m for m in model_files() if m.name == name)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != model.sha256:
        raise UsageError(
            f"the model file {path} has the sha256 {digest}, not {model.sha256}",
            f"Run: pip install --force-reinstall {model.distribution}",
        )
    return path


def weights_dir() -> Path:
    """Return the folder of the weights that come with mepipe."""
    return Path(__file__).resolve().parent / "weights"


def pretrained_measured() -> list[dict[str, Any]]:
    """Return what was measured of the model ``pretrained`` on clips that it was not made for.

    The entries of ``measured.json`` for weights of this sha256: ``on`` (which clips), ``uf1`` and
    ``uar``. They cannot stand in the card, which is made where these clips are not. Empty
    where there are none of these weights.
    """
    path = weights_dir() / "measured.json"
    if not path.is_file():
        return []
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        digest, figures = told["sha256"], list(told["figures"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamageError(f"{path} is damaged: {error}", _REINSTALL) from error
    return figures if digest == hashlib.sha256(pretrained_path().read_bytes()).hexdigest() else []


def pretrained_path() -> Path:
    """Return the path of the model ``pretrained``, after a check of its sha256.

    Raises
    ------
    UsageError
        If the file, or that of its digest, is missing from this installation.
    DamageError
        If it has another digest.
    """
    path, sums = (weights_dir() / name for name in (_WEIGHTS, _SUMS))
    for file in (path, sums):
        if not file.is_file():
            raise UsageError(
                f"the model {PRETRAINED} is not in this installation of mepipe: {file} is missing",
                _REINSTALL,
            )
    words = sums.read_text(encoding="utf-8", errors="replace").split()
    known = dict(zip(words[1::2], words[::2], strict=False))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if known.get(_WEIGHTS) != digest:
        raise DamageError(
            f"{path} is damaged: its sha256 is {digest}, not {known.get(_WEIGHTS, 'known')}",
            _REINSTALL,
        )
    return path
