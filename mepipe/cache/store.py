"""The object store: results that are written once, checked at every read, never changed.

The digest of an object's bytes stands in its name, ``<key>.<sha256>.h5``. So
listing names is enough to plan a run, and a damaged file can never be taken for
a good one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mepipe.cache import disk
from mepipe.cache.identity import OBJECT_FILE, is_contained, mark, require_cache
from mepipe.cache.objects import Declaration, StoredObject, decode, encode, refuse_undeclared
from mepipe.errors import DamageError, SystemProblemError


class GoneError(DamageError):
    """There is no such object any more."""


@dataclass(frozen=True)
class ObjectName:
    """The identity of a stored object: its key, and the sha256 of its bytes."""

    stage: str
    key: str
    digest: str

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.key}.{self.digest}.h5"


class Store:
    """The objects under ``root/objects/<stage>/<first two of the key>/``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> None:
        """Make the folders and the marker, and sweep what killed processes left behind.

        Raises
        ------
        UsageError
            If ``root`` is a folder of something else, or a folder in it is a link.
        SystemProblemError
            If the folder cannot be made or written.
        """
        self.require()
        disk.make_folder(self.root / "objects")
        disk.make_folder(self.scratch)
        if not disk.is_writable(self.scratch):
            raise SystemProblemError(
                f"the cache {self.root} cannot be written", "Choose another one with --cache."
            )
        mark(self.root)
        disk.sweep_stray(self.scratch)

    def require(self) -> None:
        """Raise unless this is a cache, or may become one.

        Raises
        ------
        UsageError
            As `mepipe.cache.identity.require_cache`.
        """
        require_cache(self.root)

    @property
    def scratch(self) -> Path:
        """Folder of files that are being written."""
        return self.root / "tmp"

    @property
    def quarantine_folder(self) -> Path:
        """Folder of damaged files, kept for a look."""
        return self.root / "quarantine"

    def lock(self, key: str) -> Path:
        """Return the lock file of who computes the object with this key."""
        return self.root / "locks" / key

    def live(self, run_id: str) -> Path:
        """Return the lock file that a run holds while it works."""
        return self.root / "live" / run_id

    def touch(self, name: ObjectName) -> None:
        """Note that an object was used, so that it is not taken for forgotten."""
        disk.touch(self.path(name))

    def path(self, name: ObjectName) -> Path:
        """Return where the object ``name`` lies."""
        return self.root / "objects" / name.stage / name.key[:2] / name.file

    def listing(self, stage: str) -> dict[str, ObjectName]:
        """Return the objects of ``stage`` by key. Opens no file."""
        found: dict[str, ObjectName] = {}
        for name in self.every(stage):
            found.setdefault(name.key, name)
        return found

    def every(self, stage: str) -> Iterator[ObjectName]:
        """Yield every object of ``stage``, even several of one key. Opens no file."""
        for _, name in self._files(stage):
            if name is not None:
                yield name

    def foreign(self, stages: Iterable[str]) -> Iterator[Path]:
        """Yield what lies among the objects of ``stages`` without the name of one."""
        for stage in stages:
            for path, name in self._files(stage):
                if name is None:
                    yield path

    def _files(self, stage: str) -> Iterator[tuple[Path, ObjectName | None]]:
        folder = self.root / "objects" / stage
        for part in disk.names(folder):
            for file in disk.names(folder / part):
                name = _parse(stage, file)
                yield folder / part / file, name if name and name.key[:2] == part else None

    def find(self, stage: str, key: str) -> ObjectName | None:
        """Return the object of ``stage`` with this key, if there is one. Opens no file."""
        for file in disk.names(self.root / "objects" / stage / key[:2]):
            if file.startswith(key):
                name = _parse(stage, file)
                if name is not None:
                    return name
        return None

    def read(self, name: ObjectName, declared: Declaration | None = None) -> StoredObject:
        """Return the object ``name``, checked against its digest.

        ``declared`` are the arrays that its stage may give; others are damage, too.

        Raises
        ------
        DamageError
            If the file is gone, or its bytes are not what its name says; then it
            was moved to the quarantine, and a next run computes it anew.
        """
        path = self.path(name)
        try:
            return self.check(name, declared)
        except GoneError:
            raise
        except DamageError as error:
            self.quarantine(path)
            raise DamageError(
                f"the cache object {path} is damaged: {error.message}",
                f"It was moved to {self.quarantine_folder}; run again to compute it anew.",
            ) from error

    def check(self, name: ObjectName, declared: Declaration | None = None) -> StoredObject:
        """Return the object ``name`` as `read` does, but leave a damaged file where it is.

        Raises
        ------
        GoneError
            If there is no such file.
        DamageError
            If it is damaged; says how, not which.
        """
        data = disk.read_bytes(self.path(name))
        if data is None:
            raise GoneError(
                f"the cache object {self.path(name)} is gone", "Run again to compute it anew."
            )
        if hashlib.sha256(data).hexdigest() != name.digest:
            raise DamageError("its bytes do not match its name")
        item = decode(data)
        if (item.stage, item.key) != (name.stage, name.key):
            raise DamageError("it holds another object than its name says")
        if declared is not None:
            refuse_undeclared(item, declared)
        return item

    def quarantine(self, path: Path) -> bool:
        """Move a damaged file to the quarantine; return whether that could be done.

        What lies behind a link, or not among the objects, is not the cache's to move.
        """
        among_objects = is_contained(path, self.root) and path.is_relative_to(self.root / "objects")
        if not among_objects or self.quarantine_folder.is_symlink():
            return False
        # A read-only cache can still be read; the damaged file then stays.
        if not disk.is_writable(path.parent):
            return False
        # An object of the same name was the same; what came here by mistake may be of any name.
        own = OBJECT_FILE.fullmatch(path.name) is not None
        disk.move_aside(path, self.quarantine_folder, replace=own)
        return True

    def write(self, item: StoredObject) -> ObjectName:
        """Store ``item`` and return its name; an older object of the same key gives way.

        Raises
        ------
        SystemProblemError
            If it cannot be written (no space, no permission).
        """
        data = encode(item)
        name = ObjectName(item.stage, item.key, hashlib.sha256(data).hexdigest())
        path = self.path(name)
        earlier = self.find(item.stage, item.key)
        if earlier == name:
            return name
        disk.make_folder(path.parent)
        # The bytes are on the disk before they get their name. The name itself gets there with
        # the next object or record: waiting for it would more than double the time.
        disk.write_atomic(path, data, self.scratch, lasting=False)
        if earlier is not None and is_contained(self.path(earlier), self.root):
            disk.remove(self.path(earlier))
        return name


def open_store(root: Path) -> Store:
    """Return the store at ``root``, its folders made where they can be.

    A cache that is there but cannot be written can still be read.

    Raises
    ------
    SystemProblemError
        If there is none and it cannot be made.
    """
    store = Store(root)
    try:
        store.create()
    except SystemProblemError:
        if not disk.names(root / "objects"):
            raise
    return store


def _parse(stage: str, file: str) -> ObjectName | None:
    found = OBJECT_FILE.fullmatch(file)
    return ObjectName(stage, found[1], found[2]) if found else None
