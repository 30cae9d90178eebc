"""The code keeps to the rooms of ARCHITECTURE.md."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mepipe"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Room -> rooms that it may import. Itself and errors go without saying.
ALLOWED = {
    "errors": set(),
    "assets": set(),
    "plausible": set(),
    "smoothing": set(),
    "config": {"flow", "plausible"},
    "datasets": {"plausible"},
    "frames": {"plausible"},
    "face": {"assets", "smoothing"},
    "spotting": {"smoothing"},
    "kernels": set(),
    "flow": {"face", "kernels"},
    "cache": set(),
    "stages": {"assets", "config", "datasets", "frames", "face", "spotting", "flow", "cache"},
    "networks": {"assets"},
    "evaluation": {"networks"},
    "report": set(),
    "features": {"cache", "evaluation"},
    "export": {"cache", "features", "report"},
    "sample": {"assets", "datasets", "face"},
    "pipeline": {
        "assets", "config", "datasets", "face", "frames", "stages", "cache", "evaluation",
        "export", "flow", "kernels", "networks", "plausible", "report",
        "features",
    },
    "bench": {
        "assets", "cache", "config", "datasets", "face", "features", "flow", "frames", "kernels",
        "pipeline", "sample", "stages",
    },
    "cli": {
        "assets", "bench", "cache", "config", "datasets", "evaluation", "export", "features",
        "pipeline", "report", "sample",
    },
}  # fmt: skip


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # `from mepipe import assets` names a room too.
            if node.module == "mepipe":
                yield from (f"mepipe.{alias.name}" for alias in node.names)


def room(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_they_may(path):
    if room(path) == "__init__":
        return
    allowed = ALLOWED[room(path)] | {room(path), "errors"}
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "mepipe" and len(parts) > 1 and parts[1] != "__version__":
            assert parts[1] in allowed, f"{path} imports {name}"


def test_only_the_cache_writes_hdf5():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        if room(path) != "cache":
            assert "create_dataset" not in text, path


def test_modules_are_short():
    long = {path.name: len(path.read_text().splitlines()) for path in MODULES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_no_room_for_leftovers():
    for path in MODULES:
        assert path.stem not in {"utils", "util", "helpers", "misc", "common"}, path


def test_every_room_stands_in_the_architecture():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for name in {room(path) for path in MODULES} - {"__init__"}:
        assert f"mepipe/{name}" in text, name


def test_heavy_libraries_are_not_imported_at_the_top():
    heavy = {"torch", "numba", "dlib", "matplotlib", "skimage", "pandas", "cv2", "openpyxl"}
    # These are only ever imported where torch or numba is needed anyway.
    exempt = {"kernels", "networks", "torch_dataset"}
    for path in MODULES:
        if room(path) in exempt or path.stem in exempt:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                assert name.split(".")[0] not in heavy, f"{path} imports {name} at the top"
