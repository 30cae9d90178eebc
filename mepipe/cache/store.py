"""The object store: results are written once, verified at every read, never changed.

The name of an object contains the digest of its bytes, ``<key>.<sha256>.h5``. So
listing names is enough to plan a run, and a damaged file never passes for a good one.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mepipe.cache import disk
from mepipe.cache.declared import Declaration
from mepipe.cache.marker import OBJECT_FILE, STAGE_FOLDER, is_contained, mark, require_cache
from mepipe.cache.objects import StoredObject, decode, encode, refuse_undeclared
from mepipe.errors import DamageError, SystemProblemError
from mepipe.schema import FACE_ARRAYS


class GoneError(DamageError):
    """The object does not exist any more."""


@dataclass(frozen=True)
class ObjectName:
    """The identity of a stored object: its key, and the sha256 of its bytes."""

    stage: str
    key: str
    digest: str

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.key}.{self.digest}.h5"


def object_name(stage: str, key: str, digest: str) -> ObjectName:
    """Return the name of an object that a record names.

    Raises
    ------
    ValueError
        If the texts are no names of mepipe: they would lead out of the cache.
    """
    name = ObjectName(stage, key, digest)
    if not STAGE_FOLDER.fullmatch(stage) or not OBJECT_FILE.fullmatch(name.file):
        raise ValueError(f"{name.file} in {stage} is no object")
    return name


class Store:
    """The objects under ``root/objects/<stage>/<first two of the key>/``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> None:
        """Create the folders and the marker, and remove partial files of killed processes.

        Raises
        ------
        UsageError
            If ``root`` is a folder of something else, or a folder in it is a link.
        SystemProblemError
            If the folder cannot be created or written.
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
        """Check that this is a cache or may become one.

        Raises
        ------
        UsageError
            As `mepipe.cache.marker.require_cache`.
        """
        require_cache(self.root)

    @property
    def scratch(self) -> Path:
        """The folder of files that are being written."""
        return self.root / "tmp"

    @property
    def quarantine_folder(self) -> Path:
        """The folder of damaged files, kept for inspection."""
        return self.root / "quarantine"

    def lock(self, key: str) -> Path:
        """Return the lock file held by the process that computes this key."""
        return self.root / "locks" / key

    def live(self, run_id: str) -> Path:
        """Return the lock file that a run holds while it works."""
        return self.root / "live" / run_id

    def touch(self, name: ObjectName) -> None:
        """Update the time stamp of an object that was used. Garbage collection goes by it."""
        disk.touch(self.path(name))

    def path(self, name: ObjectName) -> Path:
        """Return the path of the object ``name``."""
        return self.root / "objects" / name.stage / name.key[:2] / name.file

    def listing(self, stage: str) -> dict[str, ObjectName]:
        """Return the objects of ``stage`` by key. Opens no file."""
        # Two objects of one key occur when a process dies between writing one and removing the
        # earlier one. Names are sorted, so every reader takes the same.
        found: dict[str, ObjectName] = {}
        for name in self.every(stage):
            found.setdefault(name.key, name)
        return found

    def every(self, stage: str) -> Iterator[ObjectName]:
        """Yield every object of ``stage``, also several of one key. Opens no file."""
        for _, name in self._files(stage):
            if name is not None:
                yield name

    def foreign(self, stages: Iterable[str]) -> Iterator[Path]:
        """Yield the files among the objects of ``stages`` whose names are not an object's."""
        for stage in stages:
            for path, name in self._files(stage):
                if name is None:
                    yield path

    def _files(self, stage: str) -> Iterator[tuple[Path, ObjectName | None]]:
        folder = self.root / "objects" / stage
        for part, is_file in disk.entries(folder):
            if is_file:  # where only folders belong
                yield folder / part, None
                continue
            for file, regular in disk.entries(folder / part):
                name = _parse(stage, file) if regular else None
                yield folder / part / file, name if name and name.key[:2] == part else None

    def find(self, stage: str, key: str) -> ObjectName | None:
        """Return the object of ``stage`` with this key, or None. Opens no file."""
        folder = self.root / "objects" / stage / key[:2]
        for file in disk.names(folder, starting=key):
            name = _parse(stage, file)
            facts = None if name is None else disk.facts(folder / file)
            if facts is not None and stat.S_ISREG(facts.st_mode):
                return name
        return None

    def read(self, name: ObjectName, declared: Declaration | None = None) -> StoredObject:
        """Return the object ``name``, verified against its digest.

        ``declared`` are the arrays that its stage may contain. Others count as damage.

        Raises
        ------
        DamageError
            If the file is gone, or its bytes do not match its name. A damaged file
            is moved to the quarantine, and the next run computes it again.
        """
        path = self.path(name)
        try:
            return self.check(name, declared)
        except GoneError:
            raise
        except DamageError as error:
            moved = self.quarantine(path)
            raise DamageError(
                f"the cache object {path} is damaged: {error.message}",
                f"It was moved to {self.quarantine_folder}; the next run computes it again."
                if moved
                else "The cache cannot be written, so it stays there: let `mepipe cache verify "
                "--fix` run by who can write there, or choose another cache with --cache.",
            ) from error

    def check(self, name: ObjectName, declared: Declaration | None = None) -> StoredObject:
        """Return the object ``name`` as `read` does, but do not move a damaged file.

        Raises
        ------
        GoneError
            If there is no such file.
        DamageError
            If it is damaged. The message says how, not which file.
        """
        # Read whole and hashed first: HDF5 then only parses bytes that match the digest.
        data = disk.read_bytes(self.path(name))
        if data is None:
            raise GoneError(
                f"the cache object {self.path(name)} is missing", "Run again to compute it."
            )
        if hashlib.sha256(data).hexdigest() != name.digest:
            raise DamageError("its bytes do not match its name")
        item = decode(data)
        if (item.stage, item.key) != (name.stage, name.key):
            raise DamageError("it contains another object than its name states")
        if declared is not None:
            refuse_undeclared(item, declared)
        return item

    def quarantine(self, path: Path) -> bool:
        """Move a damaged file to the quarantine. Return True if that was possible.

        Files behind a link, or outside the objects, do not belong to the cache and
        stay.
        """
        among_objects = path.is_relative_to(self.root / "objects")
        return among_objects and self.set_aside(path)

    def set_aside(self, path: Path) -> bool:
        """Move what does not belong where it stands to the quarantine. True if that was possible.

        What lies behind a link or outside the cache stays.
        """
        if not is_contained(path, self.root) or self.quarantine_folder.is_symlink():
            return False
        # A read-only cache can still be used. Then the damaged file stays.
        if not disk.is_writable(path.parent):
            return False
        # An object of the same name has the same bytes and may be replaced. A foreign file gets
        # a new name.
        own = OBJECT_FILE.fullmatch(path.name) is not None
        disk.move_aside(path, self.quarantine_folder, replace=own)
        return True

    def _make_room(self, path: Path) -> None:
        """Create the folder of an object. What stands in the way goes to the quarantine."""
        try:
            disk.make_folder(path.parent)
        except SystemProblemError:
            if not path.parent.is_file() or not self.quarantine(path.parent):
                raise
            disk.make_folder(path.parent)
        if path.is_dir():
            self.quarantine(path)

    def write(self, item: StoredObject, *, new: bool = False) -> ObjectName:
        """Store ``item`` and return its name. It replaces an older object of the same key.

        Parameters
        ----------
        item
            The object.
        new
            There is none of this key: it need not be looked for.

        Raises
        ------
        SystemProblemError
            If it cannot be written (no space, no permission).
        """
        data = encode(item)
        name = ObjectName(item.stage, item.key, hashlib.sha256(data).hexdigest())
        path = self.path(name)
        earlier = None if new else self.find(item.stage, item.key)
        # The same bytes are stored already, for example by another process.
        if earlier == name:
            return name
        self._make_room(path)
        # The bytes are on the disk before they get their name (fsync, then rename). The rename
        # itself is not synced: that would more than double the time, and a power cut can then
        # only lose a whole object, which is computed again.
        private = not FACE_ARRAYS.isdisjoint(item.arrays)
        disk.write_atomic(path, data, self.scratch, lasting=False, private=private)
        if earlier is not None and is_contained(self.path(earlier), self.root):
            disk.remove(self.path(earlier))
        return name


def open_store(root: Path) -> Store:
    """Return the store at ``root``. Its folders are created where possible.

    An existing cache that cannot be written can still be read.

    Raises
    ------
    SystemProblemError
        If there is no cache and it cannot be created.
    """
    store = Store(root)
    try:
        store.create()
    except SystemProblemError:
        # Not writable. A warm run reads only, so a cache with objects is enough.
        if not disk.names(root / "objects"):
            raise
    return store


def _parse(stage: str, file: str) -> ObjectName | None:
    found = OBJECT_FILE.fullmatch(file)
    return ObjectName(stage, found[1], found[2]) if found else None
