"""The recipes of docs/extending.md: the edits are made as they stand, and what they add works.

Each recipe gets a copy of mepipe of its own, links but for what it edits. What follows is
asked in a process that imports this copy.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import cv2
import numpy as np
import pytest
from roads import ROOT, blocks

from mepipe.datasets.registry import GROUP

pytestmark = pytest.mark.slow

PAGE = "docs/extending.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
CLIPS = 2


def recipe(title):
    """Return the text of a recipe, and its blocks."""
    lines = TEXT.splitlines()
    start = lines.index(f"## {title}")
    stop = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("## ")), len(lines))
    return "\n".join(lines[start:stop]), [b for b in blocks(PAGE) if start <= b.line < stop]


def edited(text, how, what, code):
    """Return a file's text with a block put where the page says."""
    lines = text.splitlines(keepends=True)
    if how == "last in":
        (top,) = (n for n, line in enumerate(lines) if re.match(rf"{what}\b.*\{{$", line))
        place = lines.index("}\n", top)
        return "".join([*lines[:place], code, *lines[place:]])
    (place,) = (n for n, line in enumerate(lines) if line.strip() == what)
    if how == "instead of":
        lines[place] = code
    else:
        lines.insert(place + (how == "after"), code)
    return "".join(lines)


@pytest.fixture
def follow(tmp_path):
    """Copy mepipe, follow a recipe in the copy, and return a function that runs a script on it."""
    shutil.copytree(ROOT / "mepipe", tmp_path / "mepipe", copy_function=os.symlink)
    (tmp_path / "landmarks").symlink_to(ROOT / "landmarks")

    def make(title):
        text, found = recipe(title)
        touched = []
        for block in found:
            if block.mark == "edit":
                name, how, what = re.fullmatch(r"(\S+), ([a-z ]+): (.+)", block.told).groups()
                path = tmp_path / name
                content = edited(path.read_text(encoding="utf-8"), how, what, block.code)
                path.unlink()  # the link
            elif block.mark == "file" and block.told.endswith(".py"):
                path = tmp_path / re.search(r"the file is `(mepipe/\S+\.py)`", text)[1]
                assert not path.exists()
                content = block.code
            else:
                continue
            path.write_text(content, encoding="utf-8")
            touched.append(path)
        assert touched, f"nothing to do for {title}"
        for what in (["check"], ["format", "--check", "--diff"]):
            command = ["ruff", *what, "--no-cache", "--config", str(ROOT / "pyproject.toml")]
            done = subprocess.run(
                [sys.executable, "-m", *command, *touched],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0 or "No module named ruff" in done.stderr, done.stdout

        return lambda script, **more: python(tmp_path, script, mepipe=tmp_path, **more)

    return make


def python(folder, script, *, mepipe, path=()):
    """Run a script in ``folder`` with the mepipe of the folder ``mepipe``."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import mepipe\nassert mepipe.__file__.startswith({str(mepipe)!r})\n{script}",
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, [mepipe, *path, ROOT / "tests"])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MEPIPE_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


RUN = f"""
from pathlib import Path
import numpy as np
from mepipe.cache.store import open_store
from mepipe.config import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.execution.context import Context
from mepipe.pipeline import compute
from mepipe.run import Run
from toy_stages import install

install(names=("face", "flow"))
compute.check_models = lambda: None

def run(*settings):
    config = load_config(None, ["flow.engine=opencv", "report.enabled=false", *settings])
    context = Context(open_store(Path("cache")))
    done = Run(open_datasets(["data"]), config, context, out=Path("out"), until="pack").execute()
    assert (done.usable, list(done.failures)) == ({CLIPS}, []), done.failures
    return {{step: number for step, number in done.computed.items() if number}}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A dataset, and the cache of a run over it with mepipe as it is."""
    folder = tmp_path_factory.mktemp("ran")
    random = np.random.default_rng(0)
    rows = ["subject,clip,emotion,onset,apex,offset,fps"]
    for number in range(CLIPS):
        clip = folder / "data" / f"s{number}" / "c0"
        clip.mkdir(parents=True)
        for frame in range(1, 5):
            image = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            cv2.imwrite(str(clip / f"{frame:03d}.png"), image)
        rows.append(f"s{number},c0,happiness,1,2,4,200")
    (folder / "data" / "labels.csv").write_text("\n".join(rows) + "\n")
    python(folder, f"{RUN}\nprint(run())", mepipe=ROOT)
    return folder


@pytest.fixture
def used(ran, tmp_path):
    """The same dataset, cache and output in the folder of a test."""
    for name in ("data", "cache", "out"):
        shutil.copytree(ran / name, tmp_path / name)


def test_a_reader(follow, tmp_path):
    _, found = recipe("A reader")
    for name in ("mine/takes.csv", "my_package/my_reader.py", "my_package/pyproject.toml"):
        (block,) = (b for b in found if b.told == name or b.told == name.rpartition("/")[2])
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(block.code)
    (tmp_path / "mine/takes").mkdir()
    (tmp_path / "mine/takes/anna-3.mp4").touch()
    script = """
from mepipe.datasets.registry import open_dataset, readers
found = open_dataset("mine")
assert (found.reader, len(found.clips), len(found.rejects)) == ("mine", 1, 1)
clip = found.clips[0]
assert (clip.id, clip.apex.number, clip.emotion) == ("mine/anna/anna-3", 28, "happiness")
(entry,) = (entry for entry in readers() if entry.name == "mine")
"""
    follow("A reader")(f"{script}\nassert entry.module == 'mepipe.datasets.mine'")
    # The same from a package, as pip leaves it, with mepipe as it is.
    given = tomllib.loads((tmp_path / "my_package/pyproject.toml").read_text())
    lines = [f"{name} = {value}" for name, value in given["project"]["entry-points"][GROUP].items()]
    about = tmp_path / "my_package/my_reader-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-reader\nVersion: 1\n")
    (about / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]) + "\n")
    own = tmp_path / "elsewhere"
    own.mkdir()
    (own / "mine").symlink_to(tmp_path / "mine")
    script += "assert entry.module == 'my_reader'"
    python(own, script, mepipe=ROOT, path=[tmp_path / "my_package"])


def test_a_setting_of_a_stage(follow, used):
    follow("A setting of a stage")(f"""{RUN}
# Unset, every object of before is found; the file says what settings there were.
assert run() == {{"pack": 1}}, run()
before = mepipe.load("out/features.h5")
x = before.x
assert before.settings["tensor"]["gain"] == 1
assert run("tensor.gain=2") == {{"tensor": {CLIPS}, "pack": 1}}
np.testing.assert_array_equal(mepipe.load("out/features.h5").x, 2 * x)
assert run() == {{"pack": 1}}
""")


def test_a_map_of_features_h5(follow, used):
    follow("A map of features.h5")(f"""{RUN}
from mepipe.errors import UsageError
include = 'pack.include=["speed", "x"]'
# The new version of the stage, and nothing before it.
assert run(include) == {{"tensor": {CLIPS}, "pack": 1}}
features = mepipe.load("out/features.h5")
assert features.maps == ("x", "speed")
u, v, _ = features.x.swapaxes(0, 1)
np.testing.assert_allclose(features.read("speed"), np.hypot(u, v), rtol=1e-6)
speed = features.read("speed")
assert run(include) == {{}}
kept = mepipe.load(run="latest", cache=Path("cache"))
np.testing.assert_array_equal(kept.read("speed"), speed)
assert run() == {{"pack": 1}}
features = mepipe.load("out/features.h5")
assert features.maps == ("x",)
try:
    features.read("speed")
except UsageError as error:
    assert 'pack.include = ["x", "speed"]' in error.remedy
""")


def test_a_network(follow):
    follow("A network")("""
from mepipe.config.classifier import ModelSettings
from mepipe.evaluation.api import evaluate
from mepipe.features import demo_features
assert "mdmo-tree, mine, or" in ModelSettings.model_fields["name"].description
settings = ["train.epochs=1", "train.members=1"]
done = evaluate(demo_features("demo.h5"), "mine", seeds=1, settings=settings)
assert 0 <= done.uf1 <= 1
""")


def test_a_protocol(follow):
    follow("A protocol")("""
from mepipe.cli.evaluate import command
from mepipe.evaluation.api import evaluate
from mepipe.features import demo_features
features = demo_features("demo.h5")
(first, rest), (second, others) = features.splits("halves")
assert sorted([*rest, *others]) == list(range(len(features)))
assert list(first) == list(others)
assert 0 <= evaluate(features, "svm", "halves", seeds=1).uf1 <= 1
(option,) = (one for one in command.params if one.name == "protocol")
assert "halves" in option.type.choices
""")


def test_a_stage(follow, used):
    follow("A stage")(f"""{RUN}
from mepipe.cli.run import command
assert run() == {{"sharpness": {CLIPS}}}, "the others are those of before"
assert run() == {{}}
(option,) = (one for one in command.params if one.name == "until")
assert option.type.choices[:2] == ("sharpness", "face")
""")


def test_every_recipe_is_followed():
    told = re.findall(r"^## (A .*)$", TEXT, re.MULTILINE)
    edits = [title for title in told if any(block.mark == "edit" for block in recipe(title)[1])]
    names = {name.removeprefix("test_") for name in globals()}
    assert {re.sub(r"\W", "_", title).lower() for title in edits} <= names
