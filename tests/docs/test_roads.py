"""Every code block of the user's road runs, in one folder, in the order of the pages.

What users type is run as it stands, with three changes that save time: samples are
small, settings that cost time are low (`QUICK`), and there is one process.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from roads import PAGES, ROOT, blocks

from mepipe.cli import main

SMALL = ["--subjects", "2", "--clips", "3"]
QUICK = {
    "flow.size": 64, "flow.scales": 3, "flow.outer_iterations": 2,
    "train.epochs": 2, "train.seeds": 1, "train.members": 1,
}  # fmt: skip
BLOCKS = [block for page in PAGES for block in blocks(page)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the pages take for granted: datasets, videos and models of the reader's own."""
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    import cv2

    from mepipe.sample import write

    place = tmp_path_factory.mktemp("road")
    write(place / "path/to/CASME2", layout="casme2", subjects=2, clips=2, seed=1)
    write(place / "path/to/videos", subjects=2, clips=2, seed=1)
    frames = sorted((place / "path/to/videos/s01/c01").glob("*.jpg"))
    (place / "frames").symlink_to(frames[0].parent)
    (place / "CASME2").symlink_to(place / "path/to/CASME2")
    video = cv2.VideoWriter(
        str(place / "smile.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 200, (640, 480)
    )
    for path in frames:
        video.write(cv2.imread(str(path)))
    video.release()
    program = place / "bin" / "mepipe"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nfrom mepipe.cli import main\nmain(prog_name='mepipe')\n"
    )
    program.chmod(0o755)
    (place / "DATA").symlink_to(place / "path/to/videos")
    x = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 3), dtype=np.uint8)
    x[:, 0, 0], x[:, 0, 1] = 0, 255  # each channel from end to end, as published features are
    np.savez(
        place / "published.npz",
        x=x,
        y=np.arange(6) % 3,
        subject=np.repeat(["s1", "s2"], 3),
        dataset=np.full(6, "own"),
        clip=np.array([f"c{number}" for number in range(6)]),
    )
    for block in BLOCKS:  # a page may name what a later one shows
        if block.mark == "file":
            content = place / block.told
            content.parent.mkdir(parents=True, exist_ok=True)
            content.write_text(block.code)
    return place


@pytest.fixture
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MEPIPE_CACHE", str(folder / "cache"))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    # Other tests have a module of this name, too.
    monkeypatch.delitem(sys.modules, "my_nets", raising=False)
    yield folder
    sys.modules.pop("my_nets", None)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(in_folder, page):
    names = {}
    for block in blocks(page):
        if block.runs and block.language == "python":
            exec(compile(block.code, block.where, "exec"), names)
        elif block.runs:
            run_shell(block)


def test_what_is_not_run_says_why():
    left_out = [block for block in BLOCKS if block.mark == "not run"]
    for block in left_out:
        assert len(block.told) > 10, block.where
    ran = [block for block in BLOCKS if block.runs]
    print(f"\n{len(ran)} blocks of {len(PAGES)} pages run; {len(left_out)} do not:")
    for block in left_out:
        print(f"  {block.where}: {block.told}")
    assert len(ran) > 3 * len(left_out)


def run_shell(block):
    """Run a block's commands one by one: those of mepipe in this process, others in bash."""
    *lines, last = commands(block.code)
    for line in lines:
        assert run_line(line, block.where) == 0, f"{block.where}: {line}"
    expected = int(block.told.split()[0]) if block.mark == "exit" else 0
    assert run_line(last, block.where) == expected, f"{block.where}: {last}"


def commands(code):
    """Return the commands of a block of shell; a backslash goes on in the next line."""
    joined = re.sub(r"\\\n\s*", " ", code)
    return [line for line in joined.splitlines() if line.split("#")[0].strip()]


def run_line(line, where):
    words = shlex.split(line, comments=True)
    if words[0] != "mepipe":
        # The shell's own commands, and those that set a variable.
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{where}: {line}: {done.stderr}"
        return done.returncode
    target = None
    if ">" in words:
        at = words.index(">")
        words, target = words[:at], words[at + 1]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = mepipe(words[1:])
    print(f"$ {line}\n{said.getvalue()}")
    if target:
        Path(target).write_text(said.getvalue())
    return code


def mepipe(arguments):
    try:
        main([*arguments, *savings(arguments)], prog_name="mepipe")
    except SystemExit as ended:
        return ended.code or 0
    return 0


def savings(arguments):
    """Return what is added to a command so that it takes less time."""
    if arguments[0] == "sample" and "--subjects" not in arguments:
        return SMALL
    told = " ".join(arguments)
    if arguments[0] in {"run", "show", "evaluate", "train", "ablate", "config"}:
        return [f"--set={key}={value}" for key, value in QUICK.items() if f"{key}=" not in told]
    return []


def test_a_block_that_fails_is_noticed(tmp_path, monkeypatch):
    from roads import Block

    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match=r"page\.md:3"):
        run_shell(Block("page.md", 3, "bash", "mepipe run none\n", "", ""))


def test_every_page_of_the_road_is_on_the_site():
    nav = (ROOT / "mkdocs.yml").read_text()
    for page in PAGES:
        assert page == "README.md" or page.removeprefix("docs/") in nav
