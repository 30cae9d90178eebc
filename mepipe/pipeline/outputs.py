"""What a run leaves in its output folder, and how it knows that this is still current."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

from mepipe import __version__
from mepipe.cache import disk
from mepipe.cache.keys import Json, object_key
from mepipe.cache.pack import COLUMNS, OF_TARGETS, SOURCES, Pack, Rows, write_pack
from mepipe.cache.store import ObjectName, Store
from mepipe.config.settings import Config
from mepipe.datasets.action_units import parse_action_units
from mepipe.datasets.labels import LabelScheme
from mepipe.datasets.model import Note
from mepipe.errors import DamageError, UsageError
from mepipe.pipeline.prepare import Failure, PreparedClip
from mepipe.pipeline.work import ClipOutcome, libraries
from mepipe.stages import ARRAYS, STAGES
from mepipe.stages.flow import targets

PACK_VERSION = 3
FEATURES = "features.h5"
REPORT = "report.html"
RESULTS = ("results.json", "predictions.csv", "confusion.png")
TABLES = ("failures.csv", "notes.csv")
MANIFEST = "manifest.json"
# The entry of a file that is to be written, or was removed.
_CLAIMED: Mapping[str, Any] = {"key": "", "sha256": "", "stat": None}
# Below it, what lasts 200 ms is 12 frames at most.
_FEW_FPS = 60


class Manifest:
    """Which key each file of an output folder was made for.

    What it does not name was not written by mepipe: it is neither replaced nor removed.
    A file counts as current while its size and time stamp are those noted when
    it was written; so a warm run neither opens nor rewrites it.

    Raises
    ------
    UsageError
        If the folder holds a manifest.json of something else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        data = disk.read_bytes(folder / MANIFEST)
        entries = {} if data is None else _entries(data)
        if entries is None:
            raise _foreign(folder / MANIFEST)
        self._entries: dict[str, dict[str, Any]] = entries

    def require_own(self, files: Iterable[str]) -> None:
        """Raise if one of ``files`` is there and mepipe did not write it.

        Raises
        ------
        UsageError
            Naming the file, which stays as it is.
        """
        for file in files:
            path = self._folder / file
            # A folder in its place cannot be lost: the system refuses to replace it.
            if file not in self._entries and os.path.lexists(path) and not path.is_dir():
                raise _foreign(path)

    def claim(self, files: Iterable[str]) -> None:
        """Note that ``files`` will be written here, so that a killed run knows them for its own.

        Raises
        ------
        UsageError
            As `require_own`.
        """
        new = [file for file in files if file not in self._entries]
        self.require_own(new)
        if new:
            disk.make_folder(self._folder)
            self._entries |= {file: dict(_CLAIMED) for file in new}
            self._save()

    def _save(self) -> None:
        text = json.dumps(self._entries, indent=1, sort_keys=True)
        disk.write_atomic(self._folder / MANIFEST, text.encode())

    def is_current(self, file: str, key: str) -> bool:
        """Say whether ``file`` is there, unchanged, and was made for ``key``."""
        entry = self._entries.get(file)
        if entry is None or entry.get("key") != key:
            return False
        found = self._stat(file)
        return found is not None and found == entry.get("stat")

    def why_stale(self, file: str, key: str) -> str:
        """Say why ``file`` is not current for ``key``, in a plan's words; empty if it is."""
        if self.is_current(file, key):
            return ""
        entry = self._entries.get(file)
        if entry is None or not entry["key"]:
            return "new"
        return f"{file} is gone or was changed" if entry.get("key") == key else "input changed"

    def digest(self, file: str) -> str:
        """Return the sha256 of ``file`` as it was written."""
        return str(self._entries[file]["sha256"])

    def made(self, file: str) -> str:
        """Return the sha256 of ``file`` as it was written; empty where none was."""
        return str(self._entries[file]["sha256"]) if file in self._entries else ""

    def stat(self, file: str) -> tuple[int, int]:
        """Return the size and the time stamp (ns) of ``file`` as it was written."""
        size, stamp = self._entries[file]["stat"]
        return int(size), int(stamp)

    @contextmanager
    def writing(self, file: str, key: str) -> Iterator[disk.Output]:
        """Let the body write ``file``; it is replaced as a whole, and noted as made for ``key``."""
        self.claim([file])
        with disk.replacing(self._folder / file) as output:
            yield output
            digest = output.digest()
        self._entries[file] = {"key": key, "sha256": digest, "stat": self._stat(file)}
        self._save()

    def write(self, file: str, key: str, data: bytes) -> None:
        """Write ``file`` atomically, and note that it was made for ``key``."""
        with self.writing(file, key) as output:
            output.write(data)

    def _stat(self, file: str) -> list[int] | None:
        found = disk.facts(self._folder / file)
        return [found.st_size, found.st_mtime_ns] if found else None

    def write_if_stale(self, file: str, key: str, data: bytes) -> None:
        """Write ``file`` unless it is current."""
        if not self.is_current(file, key):
            self.write(file, key, data)

    def drop(self, file: str) -> None:
        """Remove ``file``, which no longer says the truth; one that mepipe did not write stays."""
        if file in self._entries:
            disk.remove(self._folder / file)
            self._entries[file] = dict(_CLAIMED)


def _entries(data: bytes) -> dict[str, dict[str, Any]] | None:
    """Return the entries of a manifest; None if ``data`` is none of mepipe's."""
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, dict):
        return None
    ours = all(
        isinstance(entry, dict) and entry.keys() == _CLAIMED.keys() for entry in entries.values()
    )
    return entries if ours else None


def _foreign(path: Path) -> UsageError:
    return UsageError(
        f"{path} was not written by mepipe: it is not replaced",
        "Move it away, or name another folder with --out.",
    )


def build_pack(
    clips: Sequence[PreparedClip],
    outcomes: Mapping[str, ClipOutcome],
    labels: LabelScheme,
    config: Config,
    corrections: Mapping[str, Mapping[str, object]],
) -> Pack:
    """Return the rows of every clip that has a tensor, sorted by clip id.

    ``corrections`` are the values that the user's corrections changed, by clip.
    """
    usable = [
        (prepared, outcomes[prepared.clip.id])
        for prepared in sorted(clips, key=lambda prepared: prepared.clip.id)
        if "tensor" in outcomes[prepared.clip.id].stages
        and outcomes[prepared.clip.id].failure is None
    ]
    rows = [_row(prepared, outcome, labels) for prepared, outcome in usable]
    names = tuple(sorted({name for stage in STAGES for name in stage.libraries} | {"h5py"}))
    settings = config.model_dump(
        mode="json",
        by_alias=True,
        include={"data", "labels", "face", "spot", "flow", "tensor", "pack"},
    )
    # What files say decides, and where they lie is nobody's business.
    settings["data"]["corrections"] = {
        clip: dict(what)
        for clip, what in sorted(corrections.items())
        if what.get("exclude") or any(row["clip"] == clip for row in rows)
    } or None
    if labels.classes_file:
        settings["labels"] = {
            "classes": {
                f"{dataset}: {word}": label for (dataset, word), label in labels.words.items()
            }
        }
    include = set(config.pack.include)
    positions = [targets(config, outcome.values["spot"]) or () for _, outcome in usable]
    flows = [outcome.stages["flow"].digest for _, outcome in usable]
    return Pack(
        rows,
        labels.classes,
        settings,
        {"mepipe": __version__, **libraries(names)},
        positions if include & OF_TARGETS else (),
        flows if any(SOURCES[name][0] == "flow" for name in include) else (),
    )


def _row(prepared: PreparedClip, outcome: ClipOutcome, labels: LabelScheme) -> dict[str, Json]:
    clip, spot = prepared.clip, outcome.stages["spot"].values
    row: dict[str, Json] = {
        "clip": clip.id,
        "dataset": clip.dataset,
        "subject": clip.subject,
        "group": clip.group,
        "emotion": clip.emotion,
        "label": labels.label(clip) or "",
        "y": labels.index(clip),
        "fps": prepared.input.timing.fps,
        "frames": prepared.input.frames.count,
        "movement": spot["movement"],
        "au": clip.action_units,
        "au_units": parse_action_units(clip.action_units).text,
        "object": outcome.stages["tensor"].digest,
    }
    for name in ("onset", "apex", "offset"):
        position = spot[name]
        row[name] = position
        row[f"{name}_number"] = None if position is None else prepared.numbers[position]
        row[f"{name}_source"] = spot[f"{name}_source"]
        row[f"{name}_confidence"] = spot[f"{name}_confidence"]
    return row


def pack_key(pack: Pack) -> str:
    """Return the key of the features.h5 that ``pack`` gives."""
    return object_key("pack", PACK_VERSION, pack.parts())


def pack_table(pack: Pack, outcomes: Mapping[str, ClipOutcome], config: Config) -> Json:
    """Return what a record keeps of a pack: `mepipe.load` finds the features of a run by it."""
    clips = [outcomes[str(row["clip"])] for row in pack.rows]
    return {
        "targets": [targets(config, clip.values["spot"]) for clip in clips],
        "classes": pack.classes,
        "settings": pack.settings,
        "libraries": pack.libraries,
        "columns": {name: [row[name] for row in pack.rows] for name in COLUMNS},
        "objects": {
            stage: [[clip.stages[stage].key, clip.stages[stage].digest] for clip in clips]
            for stage in ("flow", "tensor")
        },
    }


def write_features(
    manifest: Manifest, key: str, pack: Pack, outcomes: Mapping[str, ClipOutcome], store: Store
) -> None:
    """Write features.h5, one map after the other, and of that one clip after the other.

    Raises
    ------
    DamageError
        If an object is gone or damaged; nothing is written then.
    """
    settings = pack.settings["pack"]
    assert isinstance(settings, Mapping)
    include = settings["include"]
    assert isinstance(include, Sequence)
    clips = [outcomes[str(row["clip"])] for row in pack.rows]
    try:
        x, *others = (_rows_of(store, clips, str(name)) for name in include)
        maps = {str(name): rows for name, rows in zip(include[1:], others, strict=True)}
        with manifest.writing(FEATURES, key) as output:
            write_pack(output, pack, x.shape, x.values, maps)
    except DamageError:
        # All that are damaged are set aside before one is told: they are made anew together.
        for stage in {SOURCES[str(name)][0] for name in include}:
            for clip in clips:
                with suppress(DamageError):
                    store.read(_object_name(clip, stage), ARRAYS[stage])
        raise


def _rows_of(store: Store, clips: Sequence[ClipOutcome], name: str) -> Rows:
    """Return the rows of a map, each read when it is asked for."""
    stage, array = SOURCES[name]
    rows = (store.read(_object_name(c, stage), ARRAYS[stage]).arrays[array] for c in clips)
    first = next(rows)
    return Rows(first.shape, chain([first], rows))


def _object_name(clip: ClipOutcome, stage: str) -> ObjectName:
    done = clip.stages[stage]
    return ObjectName(stage, done.key, done.digest)


def clip_notes(clips: Sequence[PreparedClip], outcomes: Mapping[str, ClipOutcome]) -> list[Note]:
    """Return what should be known of clips that were used: other faces, where the face is seen."""
    frames = {prepared.clip.id: prepared.input.frames.count for prepared in clips}
    notes = []
    slow = [fps for prepared in clips if (fps := prepared.input.timing.fps) and fps < _FEW_FPS]
    if slow:
        notes.append(
            Note(
                None,
                f"{len(slow)} clip(s) have fewer than {_FEW_FPS} frames per second "
                f"({' to '.join(dict.fromkeys(f'{fps:g}' for fps in (min(slow), max(slow))))}): a "
                "micro-expression is a few frames there, and was studied at 100 to 200",
            )
        )
    for clip, outcome in sorted(outcomes.items()):
        face, spot = outcome.values.get("face"), outcome.values.get("spot")
        if face and face["faces"] > 1:
            notes.append(
                Note(clip, f"{face['faces']} faces: the larger and more central one is used")
            )
        if spot and "visible" in spot and spot["visible"] != [0, frames[clip]]:
            first, stop = spot["visible"]
            notes.append(
                Note(clip, f"the face is seen in frames {first} to {stop - 1} only: those are used")
            )
        if spot and not spot["movement"]:
            notes.append(Note(clip, "no movement above the noise: the best candidate is used"))
    return notes


def failures_csv(failures: Iterable[Failure]) -> bytes:
    """Return failures.csv: clip, stage, error, message, remedy."""
    return _csv(
        ("clip", "stage", "error", "message", "remedy"),
        [(f.clip, f.stage, f.error, f.message, f.remedy) for f in failures],
    )


def notes_csv(notes: Iterable[Note]) -> bytes:
    """Return notes.csv: clip (empty: the dataset), note."""
    return _csv(("clip", "note"), [(note.clip or "", note.text) for note in notes])


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
