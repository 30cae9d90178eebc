"""The content of the output folder of a run, and the key of its features.h5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from numpy.typing import NDArray

from mepipe import __version__
from mepipe.cache.keys import Json, object_key
from mepipe.cache.manifest import FEATURES, Manifest
from mepipe.cache.pack import COLUMNS, Pack, Rows, write_pack
from mepipe.cache.store import ObjectName, Store
from mepipe.clips.action_units import parse_action_units
from mepipe.clips.clip_task import Failure, PreparedClip
from mepipe.clips.labels import LabelScheme
from mepipe.clips.video_notes import REPEATS_HANDLING, rate_notes, repeats_text
from mepipe.config.settings import Config
from mepipe.datasets.clip import Note
from mepipe.datasets.csv_tables import csv_text, encoded
from mepipe.errors import DamageError
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.worth_a_look import LARGE
from mepipe.schema import CLIP_STAGES, FACE_ARRAYS, KEY_FRAMES, MAP_STAGES, MAPS, PER_TARGET
from mepipe.stages import ARRAYS, STAGES
from mepipe.stages.face import face_notes
from mepipe.stages.flow import target_positions
from mepipe.versions import libraries

# Increased whenever equal rows give other bytes of features.h5.
PACK_VERSION = 3
# Of the values of a channel: more than this beyond the linear range is told. No expression of up to
# 2 px has any (docs/features.md).
_LIMITED = 0.01
FAILURE_COLUMNS = ("clip", "stage", "error", "message", "remedy")
NOTE_COLUMNS = ("clip", "note")


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
        include={"data", "labels", *CLIP_STAGES, "pack"},
    )
    # The content of corrections and class files decides the features. Their paths are private,
    # and moving a file must not change the key.
    settings["data"]["corrections"] = {
        clip: dict(what)
        for clip, what in sorted(corrections.items())
        # Corrections of clips that failed do not decide the file.
        if what.get("exclude") or any(row["clip"] == clip for row in rows)
    } or None
    # What corrected movements decide stands in the rows.
    del settings["data"]["events"]
    if labels.classes_file:
        settings["labels"] = {
            "classes": {
                f"{dataset}: {word}": label for (dataset, word), label in labels.words.items()
            }
        }
    include = set(config.pack.include)
    positions = [target_positions(config, outcome.values["spot"]) or () for _, outcome in usable]
    objects = {
        stage: [outcome.stages[stage].digest for _, outcome in usable]
        for stage in MAP_STAGES
        if any(MAPS[name].stage == stage for name in include)
    }
    del objects["tensor"]  # every row names its tensor
    return Pack(
        rows,
        labels.classes,
        settings,
        {"mepipe": __version__, **libraries(names)},
        positions if include & PER_TARGET else (),
        objects.pop("flow", ()),
        objects,
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
        # What the user saw goes before what was measured.
        "movement": spot["movement"] if clip.movement is None else clip.movement,
        "au": clip.action_units,
        "au_units": parse_action_units(clip.action_units).text,
        "object": outcome.stages["tensor"].digest,
    }
    for name in KEY_FRAMES:
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
    """Return the table of a pack for a run record. `mepipe.load` finds the features with it."""
    clips = [outcomes[str(row["clip"])] for row in pack.rows]
    return {
        "targets": [target_positions(config, clip.values["spot"]) for clip in clips],
        "classes": pack.classes,
        "settings": pack.settings,
        "libraries": pack.libraries,
        "columns": {name: [row[name] for row in pack.rows] for name in COLUMNS},
        "objects": {
            stage: [[clip.stages[stage].key, clip.stages[stage].digest] for clip in clips]
            for stage in MAP_STAGES
        },
    }


def write_features(
    manifest: Manifest, key: str, pack: Pack, outcomes: Mapping[str, ClipOutcome], store: Store
) -> None:
    """Write features.h5 map by map, and each map clip by clip.

    Raises
    ------
    DamageError
        If an object is missing or damaged. Then nothing is written.
    """
    settings = pack.settings["pack"]
    assert isinstance(settings, Mapping)
    include = settings["include"]
    assert isinstance(include, Sequence)
    clips = [outcomes[str(row["clip"])] for row in pack.rows]
    try:
        x, *others = (_rows_of(store, clips, str(name)) for name in include)
        maps = {str(name): rows for name, rows in zip(include[1:], others, strict=True)}
        private = not FACE_ARRAYS.isdisjoint(map(str, include))
        with manifest.writing(FEATURES, key, private=private) as output:
            write_pack(output, pack, x.shape, x.values, maps)
    except DamageError:
        # Read everything once, so that all damaged objects go to the quarantine now. The caller
        # tries again only once.
        for stage in {MAPS[str(name)].stage for name in include}:
            for clip in clips:
                with suppress(DamageError):
                    store.read(_object_name(clip, stage), ARRAYS[stage])
        raise


def _rows_of(store: Store, clips: Sequence[ClipOutcome], name: str) -> Rows:
    """Return the rows of a map. Each is read when it is needed, so memory holds one at a time."""
    stage, array = MAPS[name].stage, MAPS[name].array
    names = [_object_name(clip, stage) for clip in clips]
    # The file needs the shape before its first row is written.
    first = _array(store, names[0], array)
    return Rows(
        first.shape,
        chain([first], (_array(store, one, array, as_in=(names[0], first)) for one in names[1:])),
    )


def _array(
    store: Store,
    name: ObjectName,
    array: str,
    as_in: tuple[ObjectName, NDArray[Any]] | None = None,
) -> NDArray[Any]:
    """Return an array of an object; of the shape that it has in another object."""
    found = store.read(name, ARRAYS[name.stage]).arrays.get(array)
    suspects = [] if found is not None else [name]
    if found is not None and as_in is not None and found.shape != as_in[1].shape:
        # Equal settings give equal shapes. One of the two was manipulated, so both are made anew.
        suspects = [name, as_in[0]]
    for one in suspects:
        store.quarantine(store.path(one))
    if found is None or suspects:
        raise DamageError(
            f"the cache object {store.path(name)} has no {array} of the shape of the others",
            "Run again to compute it once more.",
        )
    return found


def _object_name(clip: ClipOutcome, stage: str) -> ObjectName:
    done = clip.stages[stage]
    return ObjectName(stage, done.key, done.digest)


def clip_notes(clips: Sequence[PreparedClip], outcomes: Mapping[str, ClipOutcome]) -> list[Note]:
    """Return the notes on usable clips: frame rate, faces, roll, light, movement."""
    sources = {prepared.clip.id: prepared.input.frames for prepared in clips}
    rates = {prepared.clip.id: prepared.input.timing.fps for prepared in clips}
    notes = rate_notes(rates.values())
    for clip, outcome in sorted(outcomes.items()):
        face, spot = outcome.values.get("face"), outcome.values.get("spot")
        notes += [Note(clip, text) for text in face_notes(face or {})]
        clip_frames = sources[clip]
        if spot and "repeated" in spot and not clip_frames.is_video:
            # Of a video it is told when the clip is prepared.
            text = repeats_text(spot["repeated"], clip_frames.count, rates[clip])
            notes.append(Note(clip, text, REPEATS_HANDLING))
        if spot and "visible" in spot and spot["visible"] != [0, clip_frames.count]:
            first, stop = spot["visible"]
            notes.append(
                Note(
                    clip,
                    f"the face is visible only in frames {first} to {stop - 1}: these are used",
                )
            )
        if spot and not spot["movement"]:
            notes.append(Note(clip, "no movement above the noise: the best candidate is used"))
        largest = max(outcome.values.get("tensor", {}).get("limited", [0]))
        if largest > _LIMITED:
            text = f"{largest:.0%} of a channel is beyond the linear range of tensor.scale = fixed"
            notes.append(Note(clip, f"{text}: {LARGE}"))
    return notes


def failures_csv(failures: Iterable[Failure]) -> bytes:
    """Return failures.csv: clip, stage, error, message, remedy."""
    return _table(
        FAILURE_COLUMNS,
        [(f.clip, f.stage, f.error, f.message, f.remedy) for f in failures],
    )


def notes_csv(notes: Iterable[Note]) -> bytes:
    """Return notes.csv: clip (empty: the dataset), note."""
    return _table(NOTE_COLUMNS, [(note.clip or "", note.text) for note in notes])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    return encoded(csv_text(header, rows))
