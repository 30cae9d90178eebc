"""The examples of docs/examples run, and what they print is right."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mepipe.cache.pack import Pack, encode_pack

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
CLASSES = ("negative", "positive", "surprise")
FRAMES = 4
# torch warns of two workers where there is one core.
WARNINGS = ("-W", "error", "-W", "ignore:This DataLoader will create")


def run(*command, cwd, path=()):
    """Run Python with warnings as errors, and with this mepipe."""
    return subprocess.run(
        [sys.executable, *WARNINGS, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT])),
            "MEPIPE_CACHE": str(cwd / "cache"),
            "OMP_NUM_THREADS": "1",
        },
    )


def figures(script, features):
    """Return UF1, UAR and those of always answering the largest class."""
    done = run(EXAMPLES / script, features, cwd=features.parent)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.findall(r"UF1 ([01]\.[0-9]{3}), UAR ([01]\.[0-9]{3})$", done.stdout, re.MULTILINE)
    assert len(found) == 2, done.stdout
    return [float(figure) for pair in found for figure in pair]


@pytest.fixture
def write(tmp_path, write_features):
    """Write made features: a class is a direction of movement, or has nothing to do with it."""

    def make(*, shuffled, sequence=False):
        taken = {}

        def change(x, rows):
            if shuffled:  # within each person, so that the folds stay the same
                random = np.random.default_rng(1)
                for person in range(0, len(rows), 3):
                    for row, y in zip(
                        rows[person : person + 3], random.permutation(3), strict=True
                    ):
                        row["y"], row["label"] = int(y), CLASSES[y]
            rows[0]["y"], rows[0]["label"] = -1, ""  # what has no class is left out
            taken.update(x=x, rows=rows)

        path = write_features(tmp_path / "features.h5", people=6 if shuffled else 4, change=change)
        if sequence:
            # x is small noise and says nothing here: the movement is in the frames.
            rise = np.array([0.3, 1, 0.6, 0.1], dtype=np.float32)[:, None, None, None]
            maps = {"sequence": taken["x"][:, None] * rise}
            targets = np.tile(10 * np.arange(1, FRAMES + 1), (len(taken["rows"]), 1))
            pack = Pack(taken["rows"], CLASSES, {}, {}, targets=targets.tolist())
            path.write_bytes(encode_pack(pack, 0 * taken["x"], maps))
        return path

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", ["scikit_learn_loso.py", "pytorch_loop.py", "sequence_network.py"]
)
def test_an_example_finds_what_is_there_and_nothing_else(script, write):
    sequence = script.startswith("sequence")
    uf1, uar, floor_uf1, floor_uar = figures(script, write(shuffled=False, sequence=sequence))
    assert min(uf1, uar) > 0.9
    assert floor_uf1 < 0.2
    assert floor_uar == pytest.approx(1 / 3, abs=1e-3)
    uf1, uar, *_ = figures(script, write(shuffled=True, sequence=sequence))
    assert max(uf1, uar) < 0.6


def test_a_sequence_network_without_sequences_says_how_to_make_them(write):
    features = write(shuffled=False)
    done = run(EXAMPLES / "sequence_network.py", features, cwd=features.parent)
    assert done.returncode == 1
    assert "has no 'sequence'" in done.stderr
    assert "flow.targets = 8" in done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The reader's package, really installed, without network and into a folder of its own."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(EXAMPLES / "own_reader", folder / "source")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--no-build-isolation", "--no-index", "--target", folder / "site",
            folder / "source",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder / "site"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two made clips in the layout of the invented laboratory."""
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    from mepipe.sample import write

    folder = tmp_path_factory.mktemp("recordings")
    write(folder / "sample", subjects=2, clips=1, seed=1)
    with (folder / "sample" / "labels.csv").open(newline="") as file:
        given = list(csv.DictReader(file))
    words = {"happiness": "glad", "surprise": "startled"}
    lines = ["person,take,rate,onset,apex,offset,judged,units"]
    for row in given:
        person = row["subject"].replace("s", "P")
        take = folder / "brightlab" / "takes" / f"{person}_07"
        take.mkdir(parents=True)
        for image in (folder / "sample" / row["subject"] / row["clip"]).iterdir():
            image.rename(take / f"frame_{int(image.stem):06d}{image.suffix}")
        marks = f"{row['onset']},{row['apex']},{row['offset']}"
        word = words.get(row["emotion"], "repelled")
        lines.append(f"{person},07,{row['fps']},{marks},{word},12")
    (folder / "brightlab" / "takes.csv").write_text("\n".join(lines) + "\n")
    return folder / "brightlab"


def mepipe(*arguments, cwd, site):
    program = "from mepipe.cli import main; main(prog_name='mepipe')"
    return run("-c", program, *arguments, cwd=cwd, path=[site])


@pytest.mark.slow
def test_a_reader_of_ones_own_is_checked_and_run(installed, recordings, tmp_path):
    done = mepipe("check", recordings, "--json", cwd=tmp_path, site=installed)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["dataset"], found["clips"], found["usable"]) == ("brightlab", 2, 2)
    assert (found["subjects"], found["problems"]) == (2, [])
    assert sum(found["labels"].values()) == 2
    done = mepipe(
        "run", recordings, "--until", "face", "--jobs", "1", cwd=tmp_path, site=installed
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 of 2 clips usable" in done.stdout + done.stderr


@pytest.mark.slow
def test_without_the_package_the_frames_are_an_unlabelled_folder(recordings, tmp_path):
    done = mepipe("check", recordings, "--json", cwd=tmp_path, site=tmp_path)
    assert json.loads(done.stdout)["labels"] == {}
    assert json.loads(done.stdout)["subjects"] == 1  # the folder "takes"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda text: text.replace(",judged", ",word"), 2, "has no column judged"),
        (lambda text: text.replace(",200", ",fast"), 2, "line 2: could not convert"),
        (lambda text: text + text.splitlines()[-1] + "\n", 2, "found 2 clips with the id"),
        (lambda text: text + "P09,01,200,,,,glad,\n", 3, "P09_01 cannot be read"),
        (lambda text: text.replace("P02,07", "P02,07\xff"), 1, "raised by the dataset reader"),
    ],
)
def test_what_is_wrong_with_the_recordings_is_said(
    change, code, said, installed, recordings, tmp_path
):
    own = tmp_path / "brightlab"
    shutil.copytree(recordings, own, copy_function=os.link)
    text = (own / "takes.csv").read_text()
    (own / "takes.csv").unlink()
    (own / "takes.csv").write_text(change(text), encoding="latin-1")
    done = mepipe("check", own, cwd=tmp_path, site=installed)
    assert said in done.stdout + done.stderr
    assert done.returncode == code
