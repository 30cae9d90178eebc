"""A finished run of toys, odd content for each of its files, and what a command may answer."""

import hashlib
import json
import os
import shutil
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from click.testing import CliRunner
from odd_records import places

from mepipe.errors import (
    EXIT_DAMAGE,
    EXIT_DONE,
    EXIT_ENVIRONMENT,
    EXIT_NOTHING_USABLE,
    EXIT_SOME_FAILED,
    EXIT_USAGE,
)

TOLD = {
    *(EXIT_DONE, EXIT_USAGE, EXIT_SOME_FAILED, EXIT_NOTHING_USABLE),
    *(EXIT_DAMAGE, EXIT_ENVIRONMENT),
}
_LONGEST_S = 300  # far beyond what any of them takes
MISSING = object()
ODD_TEXT = "odd-text-of-nobody"
# In the place of a part of results.json.
ODD_VALUES = (
    *(None, True, 5, -1, 10**30, 0.5, 1e300, float("inf"), float("nan")),
    *(ODD_TEXT, [], [1], {}, {"a": 1}, MISSING),
)
HEADER = b"clip,dataset,group,seed,y,label,predicted,predicted_label,p_negative,p_positive\n"
# In the place of a file. What is not bytes is a function of the path and of what it held.
ODD_CONTENT = {
    "nothing": b"",
    "half": lambda path, data: path.write_bytes(data[: len(data) // 2]),
    "twice": lambda path, data: path.write_bytes(data + data),
    "random bytes": bytes((n * n * 7 + n // 3) % 256 for n in range(4000)),
    "null": b"null",
    "an empty list": b"[]",
    "an empty table": b"{}",
    "a number": b"5",
    "a number of 5000 digits": b"1" * 5000,
    "NaN": b"NaN",
    "a huge number": b'{"uf1": 1e999, "clips": 1' + b"0" * 400 + b"}",
    "a text": b'"x"',
    "no UTF-8": b'{"model": "\xff\xfe"}\n',
    "a mark of UTF-16": b"\xff\xfe{\x00}\x00",
    "deep": b"[" * 200_000,
    "deep and whole": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "blanks": b" " * 10**7,
    "other columns": b"a,b\n1,2\n",
    "a header alone": HEADER,
    "no header": b"toy/s00/c0000,toy,s00,0,1,positive,1,positive,0.5,0.5\n",
    "a row too short": HEADER + b"toy/s00/c0000,toy\n",
    "a long cell": HEADER + b"x" * 300_000 + b",toy,s00,0,1,positive,1,positive,0.5,0.5\n",
    "NUL": HEADER + b"toy/s00/c0\x0000,toy,s00,0,1,positive,1,positive,0.5,0.5\n",
    "an open quote": HEADER + b'"toy/s00/c0000,toy,s00\n',
    "no file": lambda path, data: None,
    "a folder": lambda path, data: path.mkdir(),
    "a link to nothing": lambda path, data: path.symlink_to("/nonexistent/file"),
    "a link to itself": lambda path, data: path.symlink_to(path),
}
if hasattr(os, "mkfifo"):
    ODD_CONTENT["a pipe"] = lambda path, data: os.mkfifo(path)


def put(path, name):
    """Put odd content in the place of a file."""
    data, content = path.read_bytes() if path.exists() else b"", ODD_CONTENT[name]
    path.unlink(missing_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path, data)


def changed(content, place, value):
    """Return a copy of a JSON value with another value at a place."""
    content = json.loads(json.dumps(content))
    *before, last = place
    inner = content
    for key in before:
        inner = inner[key]
    if value is MISSING:
        del inner[last]
    else:
        inner[last] = value
    return content


def parts(content, values=15):
    """Return (place, value) for every part of a JSON value, with so many odd values for each."""
    odd = cycle(ODD_VALUES)
    return [(place, next(odd)) for place in places(content) if place for _ in range(values)]


def with_card(data, card):
    """Return a model file with another card."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["mepipe"] = json.dumps(card)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def claim(out, file, *, digest=False):
    """Make the manifest say that mepipe wrote a file of its own as it is now: size and time."""
    path, manifest = out / file, out / "manifest.json"
    entries = {} if file == manifest.name else json.loads(manifest.read_text())
    if file not in entries or not path.is_file():
        return
    found = path.stat()
    entries[file]["stat"] = [found.st_size, found.st_mtime_ns]
    if digest:
        entries[file]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(entries))


@dataclass
class Kept:
    """A folder as it was, to be made so again after each attack."""

    root: Path
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def __post_init__(self):
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if path.is_dir():
                self.folders.add(name)
            else:
                self.files[name] = (path.read_bytes(), path.stat().st_mtime_ns)

    def restore(self):
        """Make the folder as it was."""
        for path in sorted(self.root.rglob("*"), reverse=True):
            name = str(path.relative_to(self.root))
            if path.is_dir() and not path.is_symlink():
                if name not in self.folders:
                    shutil.rmtree(path, ignore_errors=True)
            elif name not in self.files:
                path.unlink()
        for name in sorted(self.folders):
            path = self.root / name
            if path.is_symlink() or path.is_file():
                path.unlink()
            path.mkdir(exist_ok=True, parents=True)
        for name, (data, stamp) in self.files.items():
            path = self.root / name
            same = path.is_file() and not path.is_symlink() and path.stat().st_mtime_ns == stamp
            if same and path.read_bytes() == data:
                continue
            path.unlink(missing_ok=True)
            path.write_bytes(data)
            os.utime(path, ns=(stamp, stamp))


@dataclass
class Study:
    """A finished run of toys with results of a network."""

    folder: Path
    data: Path
    clips: tuple[str, ...]
    assignments: tuple[str, ...]

    def __post_init__(self):
        self.out, self.cache = self.folder / "out", self.folder / "cache"
        self.features = self.out / "features.h5"
        self.results = json.loads((self.out / "results.json").read_text())
        self.model = self.folder / "model" / "model.safetensors"
        self.kept = tuple(Kept(one) for one in (self.out, self.cache, self.model.parent))

    @contextmanager
    def attacked(self):
        """Let the body change the run, and take it back."""
        try:
            yield
        finally:
            for one in self.kept:
                one.restore()

    def written(self):
        """Return results.json without the time that it took; None if there is none of them."""
        try:
            found = json.loads((self.out / "results.json").read_text())
        except (OSError, ValueError, RecursionError):
            return None
        return {**found, "elapsed_s": 0} if isinstance(found, dict) else found

    @property
    def commands(self):
        """The commands that open the run again, by name."""
        cache = ("--cache", str(self.cache))
        sets = tuple(f"--set={one}" for one in self.assignments)
        out, features, made = str(self.out), str(self.features), str(self.folder / "made")
        network = tuple(one for one in sets if one.startswith(("--set=model", "--set=train")))
        return {
            "report": ("report", out, "--no-faces", "--clips=1", *cache),
            "explain": ("cache", "explain", self.clips[1], *cache, *sets),
            "check": ("check", str(self.data), *cache, *sets),
            "marks": ("marks", "export", out, "--out", made),
            "compare": ("compare", out, f"B={out}", "--resamples=39"),
            "train": (
                *("train", features, "--results", out, "--device=cpu"),
                *("--out", f"{made}.safetensors", *network),
            ),
            "evaluate": (
                *("evaluate", features, "--out", out, "--jobs=1", "--device=cpu"),
                *(*cache, *network),
            ),
            "run": ("run", str(self.data), "--out", out, "--jobs=1", *cache, *sets),
            "predict": (
                "predict",
                str(self.data / "s00" / "c0000"),
                "--fps=200",
                "--no-picture",
                "--model",
                str(self.model),
            ),
            "measure": ("evaluate", features, "--model", str(self.model), "--out", made),
            "start": (
                "train",
                features,
                "--from",
                str(self.model),
                "--device=cpu",
                "--out",
                f"{made}.safetensors",
                *network,
            ),
            "plan": ("run", str(self.data), "--out", out, "--dry-run", *cache, *sets),
        }

    def call(self, name, naming):
        """Call a command; return what is wrong with its answer, or an empty text.

        An answer is the work, or an error that names one of ``naming`` and says what to do. Its
        exit code is kept as ``code``.
        """
        from mepipe.cli import main

        shutil.rmtree(self.folder / "made", ignore_errors=True)
        (self.folder / "made.safetensors").unlink(missing_ok=True)
        with ending(_LONGEST_S):
            found = CliRunner().invoke(main, self.commands[name])
        self.code = found.exit_code
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            return f"{type(found.exception).__name__}: {found.exception}"[:300]
        _, error, said = found.output.partition("mepipe: ")
        if found.exit_code not in TOLD:
            return f"exit {found.exit_code}"
        if error and not any(str(one) in said for one in naming):
            return f"{said.strip()!r} names nothing"[:300]
        return f"{said.strip()!r} says not what to do"[:300] if error and ". " not in said else ""


@contextmanager
def ending(seconds):
    """Let the body fail that does not end: what waits for a pipe would wait for ever."""

    def end(number, frame):
        raise TimeoutError(f"no end after {seconds} s")

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def finished_study(folder, clips=5):
    """Run toys to the end, and return the run that is to be attacked."""
    from toy_stages import QUICK, toy_clips

    from mepipe.cache.store import open_store
    from mepipe.config import load_config
    from mepipe.datasets.registry import open_datasets
    from mepipe.evaluation.api import train
    from mepipe.evaluation.model_card import read_card
    from mepipe.execution.context import Context
    from mepipe.run import Run

    data = toy_clips(folder / "toy", clips)
    assignments = (
        *(one for one in QUICK if not one.startswith(("report", "train"))),
        *("flow.engine=opencv", "report.faces=false", "report.clips=1", "model.width=4"),
        "model.kernels=[2, 3]",
        *("train.epochs=1", "train.members=1", "train.seeds=2"),
    )
    config = load_config(None, list(assignments))
    found, context = open_datasets([str(data)]), Context(open_store(folder / "cache"))
    result = Run(found, config, context, out=folder / "out").execute()
    train(result.features, folder / "model" / "model.safetensors", settings=config, device="cpu")
    # Of other people, so that it can be measured on these.
    model = folder / "model" / "model.safetensors"
    card = {**read_card(model), "clips": ["other/a/1"], "persons": ["other/a"]}
    model.write_bytes(with_card(model.read_bytes(), card))
    return Study(folder, data, tuple(result.load().clip.tolist()), assignments)
