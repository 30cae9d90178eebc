"""Which reader reads what: ``[NAME=]PATH`` to a dataset.

A reader is one function (`mepipe.datasets.clip.Reader`). Another package adds
one with three lines in its pyproject.toml::

    [project.entry-points."mepipe.datasets"]
    mydata = "mypackage.reader:read"

Readers are asked in the order of their names, the generic folder last; the
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
# Also here, because a checkout on PYTHONPATH has no metadata.
BUILTIN = {
    "casme": "mepipe.datasets.further_sets:read_casme",
    "casme2": "mepipe.datasets.casme2:read",
    "casme3": "mepipe.datasets.further_sets:read_casme3",
    "dfme": "mepipe.datasets.further_sets:read_dfme",
    GENERIC: "mepipe.datasets.folder:read",
    "mmew": "mepipe.datasets.further_sets:read_mmew",
    "samm": "mepipe.datasets.samm:read",
    "samm-long": "mepipe.datasets.samm:read_long",
    "smic": "mepipe.datasets.smic:read",
    "smic-e": "mepipe.datasets.smic_e:read",
}


def readers() -> tuple[EntryPoint, ...]:
    """Return every registered reader in the order in which they are asked.

    Raises
    ------
    UsageError
        If two packages register different readers under one name.
    """
    found = {name: EntryPoint(name, value, GROUP) for name, value in BUILTIN.items()}
    for entry in entry_points(group=GROUP):
        known = found.setdefault(entry.name, entry)
        if known.value != entry.value:
            raise UsageError(
                f"two dataset readers are called {entry.name}: {known.value} and {entry.value}",
                "Uninstall one of the packages.",
            )
    return tuple(sorted(found.values(), key=lambda entry: (entry.name == GENERIC, entry.name)))


def parse_spec(spec: str) -> tuple[str | None, Path]:
    """Split ``[NAME=]PATH``; a path that exists is a path, whatever it contains.

    Raises
    ------
    UsageError
        If nothing lies at the path, or the name is empty.
    """
    if not is_utf8(spec):
        raise UsageError(f"{spec!a} is no UTF-8 path", "Rename the folder.")
    name, equals, path = spec.partition("=")
    if not _exists(spec) and equals and not set(name) & set("/\\"):
        if not name.strip() or name in {".", ".."} or not name.isprintable():
            raise UsageError(
                f"{spec!r}: {name!r} is no name for a dataset", "Write NAME=PATH, or only PATH."
            )
        return name.strip(), _existing(path)
    return None, _existing(spec)


def open_dataset(spec: str, reader: str | None = None) -> Dataset:
    """Read the dataset at ``[NAME=]PATH``.

    Parameters
    ----------
    spec
        Where it is.
    reader
        The name of the only reader to ask; None: all, until one recognises it.

    Raises
    ------
    UsageError
        If there is nothing, no reader recognises it, or the one that does
        cannot read it as a whole; or there is no such reader, or one of another
        package cannot be imported or gives two clips one id.
    """
    name, root = parse_spec(spec)
    looked_for, hints = [], []
    asked = readers() if reader is None else (_reader(reader),)
    for index, entry in enumerate(asked):
        try:
            dataset = _ask(entry, root, name)
        except NotRecognisedError as error:
            looked_for.append(error.message)
            hints += [f": {error.remedy}"] if error.remedy else []
        else:
            return _marked(_with_others_noted(dataset, asked[index + 1 :]))
    raise UsageError(
        f"no dataset was recognised in {root}{''.join(hints[:1])}. Looked for "
        + "; or for ".join(dict.fromkeys(looked_for)),
        "" if hints else "Give one of these, or the folder that holds it.",
    )


def _ask(entry: EntryPoint, root: Path, name: str | None) -> Dataset:
    """Return what a reader makes of a tree; whatever goes wrong in another's says whose it is."""
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
        # Nothing is caught for good: other people's code may raise anything, and is named.
        error.add_note(f"raised by {whose} for {root}")
        raise
    for clip, count in Counter(clip.id for clip in dataset.clips).most_common(1):
        if count > 1:
            raise UsageError(
                f"{whose} found {count} clips with the id {clip}",
                "Name each clip once in the dataset's own table, or correct the reader.",
            )
    return dataset


def _with_others_noted(dataset: Dataset, others: Sequence[EntryPoint]) -> Dataset:
    """Say which other sets lie under the same folder: only one is read of it."""
    found = []
    for entry in others:
        if entry.name not in BUILTIN or entry.name == GENERIC:
            continue  # what another package's reader makes of it is no matter here
        try:
            entry.load()(dataset.root, None)
        except NotRecognisedError:
            continue
        except UsageError:
            pass  # it is that set, if not whole
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


def _refuse_overlap(dataset: Dataset, others: Iterable[Dataset]) -> None:
    """Refuse a folder within another: its people would stand on both sides of a split."""
    root = dataset.root.resolve()
    for other in others:
        known = other.root.resolve()
        if dataset.root == other.root:
            raise UsageError(f"{dataset.root} is given twice", "Give it once.")
        if root == known or root in known.parents or known in root.parents:
            raise UsageError(
                f"{dataset.root} and {other.root} are one folder, or one within the other",
                "Give each clip once.",
            )


def _marked(dataset: Dataset) -> Dataset:
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
        As `open_dataset`, and if two datasets have one name or share a clip id.
    """
    datasets: dict[str, Dataset] = {}
    owners: dict[str, Dataset] = {}
    for spec in specs:
        dataset = open_dataset(spec)
        _refuse_overlap(dataset, datasets.values())
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
