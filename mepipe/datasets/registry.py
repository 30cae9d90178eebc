"""Finds the reader for a tree, and reads it: from ``[NAME=]PATH`` to a dataset.

A reader is one function (`mepipe.datasets.Reader`). Another package adds one
with two lines in its pyproject.toml::

    [project.entry-points."mepipe.datasets"]
    mydata = "mypackage.reader:read"

Readers are asked in the order of their names, the generic folder last. The
first that recognises the tree reads it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from mepipe.datasets.clip import Dataset, Note, NotRecognisedError
from mepipe.datasets.frames_on_disk import is_utf8
from mepipe.errors import MepipeError, UsageError, suggest

GROUP = "mepipe.datasets"
GENERIC = "folder"
SYNTHETIC_MARKER = ".mepipe-sample.json"
"""The file that `mepipe sample` leaves in what it writes."""
# The same list as in pyproject.toml: a checkout on PYTHONPATH has no entry points.
BUILTIN = {
    "4dme": "mepipe.datasets.fourdme:read",
    "casme": "mepipe.datasets.casme:read",
    "casme-sq": "mepipe.datasets.casme_sq:read",
    "casme2": "mepipe.datasets.casme2:read",
    "casme3": "mepipe.datasets.casme3:read",
    "dfme": "mepipe.datasets.dfme:read",
    GENERIC: "mepipe.datasets.folder:read",
    "mmew": "mepipe.datasets.mmew:read",
    "samm": "mepipe.datasets.samm:read",
    "samm-long": "mepipe.datasets.samm:read_long",
    "smic": "mepipe.datasets.smic:read",
    "smic-e": "mepipe.datasets.smic_e:read",
}


def readers() -> tuple[EntryPoint, ...]:
    """Return every registered reader, in the order in which they are asked.

    Raises
    ------
    UsageError
        If two packages register different readers under one name.
    """
    found = {name: EntryPoint(name, value, GROUP) for name, value in BUILTIN.items()}
    for entry in entry_points(group=GROUP):
        # mepipe's own, perhaps as an earlier installation wrote it: the list above is right.
        if entry.name in BUILTIN and entry.module.startswith("mepipe.datasets."):
            continue
        known = found.setdefault(entry.name, entry)
        if known.value != entry.value:
            raise UsageError(
                f"two dataset readers are called {entry.name}: {known.value} and {entry.value}",
                "Uninstall one of the packages.",
            )
    # Almost any tree is a generic folder: its reader would take them all.
    return tuple(sorted(found.values(), key=lambda entry: (entry.name == GENERIC, entry.name)))


def parse_spec(spec: str) -> tuple[str | None, Path]:
    """Split ``[NAME=]PATH`` into the name and the path.

    Text that is a path that exists is a path, even with ``=`` in it.

    Raises
    ------
    UsageError
        If nothing lies at the path, or the name is empty.
    """
    if not is_utf8(spec):
        raise UsageError(f"{spec!a} is not a valid UTF-8 path", "Rename the folder.")
    name, equals, path = spec.partition("=")
    if not _exists(spec) and equals and not set(name) & set("/\\"):
        if not name.strip() or name in {".", ".."} or not name.isprintable():
            raise UsageError(
                f"{spec!r}: {name!r} cannot be the name of a dataset",
                "Write NAME=PATH, or only PATH.",
            )
        return name.strip(), _existing(path)
    return None, _existing(spec)


def read_dataset(path: str | Path, *, reader: str | None = None) -> Dataset:
    """Return what a dataset says of its clips; nothing is decoded and nothing computed.

    >>> import mepipe
    >>> dataset = mepipe.read_dataset("sample")
    >>> dataset.reader, len(dataset.clips)
    ('folder', 3)
    >>> dataset.clips[0].id, dataset.clips[0].emotion
    ('sample/s01/c01', 'disgust')

    Parameters
    ----------
    path
        The folder of CASME II, SAMM, SMIC or another known set, a folder of videos or of
        image folders, or one video. ``"NAME=PATH"`` gives the dataset another name.
    reader
        The name of the only reader to ask, as ``"folder"``; None asks all in turn.

    Raises
    ------
    UsageError
        If the path does not exist or no reader recognises what is there; if the reader
        that recognises it cannot read it as a whole.
    """
    return open_dataset(str(path), reader)


def open_dataset(spec: str, reader: str | None = None) -> Dataset:
    """Read the dataset at ``[NAME=]PATH``.

    Parameters
    ----------
    spec
        The path, or NAME=PATH to give the dataset another name.
    reader
        The name of the only reader to ask; None asks all in turn.

    Returns
    -------
    Dataset
        What the first reader that recognised the tree found.

    Raises
    ------
    UsageError
        If the path does not exist or no reader recognises what is there. If the
        reader that recognises it cannot read it as a whole. If there is no reader
        of that name. If another package's reader cannot be imported or gives two
        clips one id.

    Examples
    --------
    >>> open_dataset("lab=sample").name
    'lab'
    """
    name, root = parse_spec(spec)
    looked_for, hints = [], []
    asked = readers() if reader is None else (_reader(reader),)
    for index, entry in enumerate(asked):
        try:
            dataset = _call_reader(entry, root, name)
        except NotRecognisedError as error:
            looked_for.append(error.message)
            hints += [f": {error.remedy}"] if error.remedy else []
        else:
            return _with_sample_note(_with_other_sets_noted(dataset, asked[index + 1 :]))
    raise UsageError(
        f"no dataset was recognised in {root}{''.join(hints[:1])}. Looked for "
        + "; or for ".join(dict.fromkeys(looked_for)),
        "" if hints else "Give one of these, or the folder that holds it.",
    )


def _call_reader(entry: EntryPoint, root: Path, name: str | None) -> Dataset:
    """Return what a reader finds.

    An error of another package's reader names the package, so that users know
    whom to ask.
    """
    if entry.name in BUILTIN:
        dataset: Dataset = entry.load()(root, name)
        return dataset
    package = entry.dist.name if entry.dist is not None else entry.module
    whose = f"the dataset reader {entry.name} ({entry.value}, of {package})"
    try:
        try:
            read = entry.load()
        except ImportError as error:
            raise UsageError(
                f"{whose} cannot be imported: {error}",
                f"Install what it lacks, or uninstall {package}.",
            ) from error
        dataset = read(root, name)
        if not isinstance(dataset, Dataset):
            raise TypeError(f"a reader returns a Dataset, not {type(dataset).__name__}")
    except MepipeError:
        raise
    except Exception as error:
        # Foreign code may raise anything. The error is not swallowed, only given its origin.
        error.add_note(f"raised by {whose} for {root}")
        raise
    for clip, count in Counter(clip.id for clip in dataset.clips).most_common(1):
        if count > 1:
            raise UsageError(
                f"{whose} found {count} clips with the id {clip}",
                "Name each clip once in the dataset's own table, or correct the reader.",
            )
    return dataset


def _with_other_sets_noted(dataset: Dataset, others: Sequence[EntryPoint]) -> Dataset:
    """Add a note that names other datasets under the same folder: only one is read."""
    found = []
    for entry in others:
        if entry.name not in BUILTIN or entry.name == GENERIC:
            # Another package's reader may be slow or broken, and the user did not ask it.
            continue
        try:
            entry.load()(dataset.root, None)
        except NotRecognisedError:
            continue
        except UsageError:
            pass  # it recognised the tree as its own, even though it cannot read it
        found.append(entry.name)
    if not found:
        return dataset
    text = (
        f"{dataset.root} also holds {' and '.join(found)}: only {dataset.reader} is read. Give "
        "each of them the folder of its own"
    )
    return replace(dataset, notes=(*dataset.notes, Note(None, text)))


def _reader(name: str) -> EntryPoint:
    known = {entry.name: entry for entry in readers()}
    if name not in known:
        raise UsageError(
            f"there is no reader {name!r}{suggest(name, known)}",
            f"Known are: {', '.join(known)}.",
        )
    return known[name]


def _check_overlap(dataset: Dataset, others: Iterable[Dataset]) -> None:
    """Raise if a dataset lies inside another: its subjects would be on both sides of a split."""
    root = dataset.root.resolve()
    for other in others:
        known = other.root.resolve()
        if dataset.root == other.root:
            raise UsageError(f"{dataset.root} is given twice", "Give it once.")
        if root == known or root in known.parents or known in root.parents:
            raise UsageError(
                f"{dataset.root} and {other.root} are the same folder, or one is inside the other",
                "Give each folder once.",
            )


def _with_sample_note(dataset: Dataset) -> Dataset:
    """Add a note to what `mepipe sample` made, so that nobody reports its numbers."""
    if not (dataset.root / SYNTHETIC_MARKER).is_file():
        return dataset
    note = Note(None, f"{dataset.name} is a synthetic sample: no figure on it says anything "
                "about people")  # fmt: skip
    return replace(dataset, notes=(note, *dataset.notes))


def open_datasets(specs: Sequence[str]) -> tuple[Dataset, ...]:
    """Read several datasets for one run.

    Raises
    ------
    UsageError
        As `open_dataset`. Also if two datasets have the same name, lie inside each
        other, or share a clip id.
    """
    return _together(open_dataset(spec) for spec in specs)


def as_datasets(given: Iterable[str | Path | Dataset]) -> tuple[Dataset, ...]:
    """Return the datasets that a caller in Python means: texts and paths are opened.

    Raises
    ------
    UsageError
        As `open_datasets`.
    """
    return _together(one if isinstance(one, Dataset) else open_dataset(str(one)) for one in given)


def _together(found: Iterable[Dataset]) -> tuple[Dataset, ...]:
    """Return the datasets if they can be in one run: no clip may be in two of them."""
    datasets: dict[str, Dataset] = {}
    owners: dict[str, Dataset] = {}
    for dataset in found:
        _check_overlap(dataset, datasets.values())
        if dataset.name in datasets:
            raise UsageError(
                f"two datasets are called {dataset.name}: {datasets[dataset.name].root} and "
                f"{dataset.root}",
                "Give one another name, as NAME=PATH; the two trees of one set cannot be used "
                "together.",
            )
        datasets[dataset.name] = dataset
        for clip in dataset.clips:
            if clip.id in owners:
                raise UsageError(
                    f"the clip {clip.id} is in both {owners[clip.id].root} and {dataset.root}",
                    "Where these are two trees of one set, give one of them.",
                )
            owners[clip.id] = dataset
    return tuple(datasets.values())


def _exists(path: str) -> bool:
    # os.path answers False where Path.exists raises (names too long, NUL).
    return bool(path) and os.path.exists(os.path.expanduser(path))  # noqa: PTH110, PTH111


def _existing(path: str) -> Path:
    if not _exists(path):
        raise UsageError(f"there is no file or folder {path!r}", "Check the path.")
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111
