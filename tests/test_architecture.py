"""The code keeps to the packages of ARCHITECTURE.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mepipe"
MODULES = sorted(PACKAGE.rglob("*.py"))

TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def table():
    """Room -> the rooms that it may import, as the table in ARCHITECTURE.md says."""
    found = {}
    for row in re.findall(r"^\| `mepipe/(\w+)(?:\.py)?` \|.*\| ([^|]*) \|$", TEXT, re.MULTILINE):
        name, allowed = row
        found[name] = set() if allowed == "nothing" else set(allowed.split(", "))
    return found


ALLOWED = table()


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
    allowed = ALLOWED[room(path)] | {room(path), "errors", "extras", "schema"}
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
    long = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_no_room_for_leftovers():
    for path in MODULES:
        assert path.stem not in {"utils", "util", "helpers", "misc", "common"}, path


def test_every_room_stands_in_the_table_and_every_row_is_a_room():
    rooms = {room(path) for path in MODULES} - {"__init__"}
    assert set(ALLOWED) == rooms
    for name, allowed in ALLOWED.items():
        assert allowed <= rooms - {name}, name


def test_no_two_rooms_import_each_other():
    above = {name: set() for name in ALLOWED}
    for name, allowed in ALLOWED.items():
        for other in allowed:
            above[other].add(name)
    ready = [name for name, allowed in ALLOWED.items() if not allowed]
    left = {name: set(allowed) for name, allowed in ALLOWED.items()}
    while ready:
        done = ready.pop()
        del left[done]
        for name in above[done]:
            left[name].discard(done)
            if not left[name]:
                ready.append(name)
    assert left == {}


def test_what_the_table_allows_is_needed():
    used = {name: set() for name in ALLOWED}
    for path in MODULES:
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "mepipe" and len(parts) > 1:
                used.setdefault(room(path), set()).add(parts[1])
    for name, allowed in ALLOWED.items():
        assert allowed <= used[name], f"{name}: {sorted(allowed - used[name])} never imported"


def test_heavy_libraries_are_not_imported_at_the_top():
    heavy = {"torch", "numba", "dlib", "matplotlib", "skimage", "pandas", "cv2", "openpyxl"}
    # These are only ever imported where torch or numba is needed anyway.
    exempt = {"kernels", "networks", "torch_dataset"}
    for path in MODULES:
        if exempt & {*path.relative_to(PACKAGE).parts, path.stem}:
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
