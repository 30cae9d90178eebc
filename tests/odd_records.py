"""Attacks on a cache, by name: each gives it content that mepipe never writes."""

import gzip
import hashlib
import json
import os
import shutil
from dataclasses import replace

import numpy as np

from mepipe.cache.objects import decode, encode
from mepipe.cache.records import run_ids


def newest(root):
    return root / "runs" / f"{run_ids(root)[0]}.json.gz"


def write(path, content, name=None):
    """Write JSON as mepipe does."""
    text = json.dumps(content)
    data = gzip.compress(text.encode(), 1, mtime=0)
    if name is None:
        path.write_bytes(data)
        return ""
    digest = hashlib.sha256(text.encode()).hexdigest()
    (path / f"{digest}.json.gz").write_bytes(data)
    return digest


def read(path):
    return json.loads(gzip.decompress(path.read_bytes()))


def with_record(change):
    """Return an attack that changes the newest record."""

    def attack(root):
        path = newest(root)
        record = read(path)
        change(record)
        write(path, record)

    return attack


def with_table(name, change):
    """Return an attack that changes a table of the newest record; its digest is right."""

    def attack(root):
        path = newest(root)
        record = read(path)
        table = read(root / "tables" / f"{record[name]}.json.gz")
        changed = change(table)
        record[name] = write(root / "tables", table if changed is None else changed, name="table")
        write(path, record)

    return attack


def with_object(stage, change, number=0):
    """Return an attack that puts another object in the place of one: key and digest are right."""

    def attack(root):
        path = sorted((root / "objects" / stage).rglob("*.h5"))[number]
        item = change(decode(path.read_bytes()))
        data = encode(item)
        path.unlink()
        name = f"{item.key}.{hashlib.sha256(data).hexdigest()}.h5"
        path.with_name(name).write_bytes(data)
        # No record describes it: the plan opens it.
        shutil.rmtree(root / "runs")

    return attack


def values(stage, **changed):
    return with_object(stage, lambda item: replace(item, values={**item.values, **changed}))


def lacking(stage, name):
    def change(item):
        kept = {key: value for key, value in item.values.items() if key != name}
        return replace(item, values=kept)

    return with_object(stage, change)


def arrays(stage, **changed):
    def change(item):
        found = {**item.arrays, **changed}
        return replace(item, arrays={key: one for key, one in found.items() if one is not None})

    return with_object(stage, change)


def folder_for(pattern):
    """Return an attack that puts a folder in the place of a file."""

    def attack(root):
        path = sorted(root.glob(pattern))[0]
        path.unlink()
        path.mkdir()
        (path / "mine.txt").write_text("foreign")

    return attack


def pipe_for(pattern):
    """Return an attack that puts a named pipe in the place of a file; reading it would not end."""

    def attack(root):
        path = next(root.glob(pattern))
        path.unlink()
        os.mkfifo(path)

    return attack


def file_for_folder(root):
    path = sorted((root / "objects" / "tensor").iterdir())[0]
    shutil.rmtree(path)
    path.write_text("foreign")


def bomb(root, name):
    # 64 MB of blanks in 64 kB. The whole attack had 8 GB in 8 MB: the same rate.
    data = gzip.compress(b" " * (1 << 27), 9, mtime=0)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(data)


def deep(root, name):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(gzip.compress(b"[" * 200_000, 1, mtime=0))


def index_of(root):
    return next((root / "index").iterdir()).relative_to(root)


def in_the_quarantine(root):
    """Leave foreign things in the quarantine, at places that damaged files would take."""
    for number, path in enumerate(sorted((root / "objects").rglob("*.h5"))):
        (root / "quarantine").mkdir(exist_ok=True)
        target = root / "quarantine" / path.name
        if number % 3 == 0:
            target.mkdir()
        elif number % 3 == 1:
            target.symlink_to("/nonexistent")
        else:
            target.write_text("foreign")
        path.write_bytes(b"damaged")
    shutil.rmtree(root / "runs")
    shutil.rmtree(root / "tables")


def text_of(number):
    return {"mepipe": number, "started": [number], "out": {}, "clips": 1}


ATTACKS = {
    "a record of the year 9999": lambda root: write_named(root, "99991231T235959Z-00"),
    "a record of the year 2999": lambda root: write_named(root, "29990101T000000Z-abcd"),
    "a record of no day": lambda root: write_named(root, "20260231T000000Z-abcd"),
    "a record of another name": lambda root: write_named(root, "notes"),
    "a folder among the runs": lambda root: (root / "runs" / "20990101T000000Z-ab.json.gz").mkdir(),
    "a folder in the place of a record": folder_for("runs/*"),
    "a folder in the place of a table": folder_for("tables/*"),
    "a folder in the place of an index": folder_for("index/*"),
    "a folder in the place of an object": folder_for("objects/face/*/*.h5"),
    "a folder in the place of a tensor": folder_for("objects/tensor/*/*.h5"),
    "a file in the place of a folder": file_for_folder,
    **{
        f"a pipe in the place of {what}": pipe_for(pattern)
        for what, pattern in (
            ("a record", "runs/*"),
            ("a table", "tables/*"),
            ("an index", "index/*"),
            ("an object", "objects/face/*/*.h5"),
            ("a tensor", "objects/tensor/*/*.h5"),
            ("the marker", "mepipe-cache*"),
        )
        if hasattr(os, "mkfifo")
    },
    "a record that is a list": lambda root: write(newest(root), [1]),
    "a record that is null": lambda root: write(newest(root), None),
    "a record without anything": lambda root: write(newest(root), {"format_version": 2}),
    "a record with roots of numbers": with_record(lambda one: one.update(roots=5)),
    "a record with roots of lists": with_record(lambda one: one.update(roots={"toy": [1]})),
    "a record with a config of text": with_record(lambda one: one.update(config="x")),
    "a record with texts of numbers": with_record(lambda one: one.update(text_of(3))),
    "a record of another id": with_record(lambda one: one.update(id="../../x")),
    "a record with a table of numbers": with_record(lambda one: one.update(clips=7, parts=[1])),
    "a table of clips that is text": with_table("clips", lambda one: "x"),
    "a table without datasets": with_table("clips", lambda one: one.pop("dataset") and None),
    "clips of numbers": with_table("clips", lambda one: one.update(clips=[1, [2], None])),
    "rows beyond the clips": with_table(
        "clips", lambda one: one["stages"]["face"].update(rows=[10**9, -1, 2])
    ),
    "rows of text": with_table("clips", lambda one: one["stages"]["face"].update(rows="012")),
    "too few rows": with_table("clips", lambda one: one["stages"]["face"].update(rows=[0])),
    "too few digests": with_table("clips", lambda one: one["stages"]["face"].update(keys="")),
    "values of text": with_table(
        "clips", lambda one: one["stages"]["face"].update(values=["x", 1, None])
    ),
    "other values of a face": with_table(
        "clips",
        lambda one: one["stages"]["face"].update(values=[{"transforms": 7, "searched": "x"}] * 3),
    ),
    "a frame that no clip has": with_table(
        "clips",
        lambda one: [each.update(apex=10**9) for each in one["stages"]["spot"]["values"]] and None,
    ),
    "failures of text": with_table(
        "clips", lambda one: one["stages"]["face"].update(failures={"0": "x", "1": {"error": 1}})
    ),
    "versions of text": with_table(
        "clips", lambda one: one["stages"]["face"].update(libraries=["x"], made_by=[0, 0, 9])
    ),
    "a stage of numbers": with_table("clips", lambda one: one["stages"].update(face=3)),
    "parts of text": with_table("parts", lambda one: one["face"].update(frames="x")),
    "parts beyond the values": with_table(
        "parts", lambda one: one["face"]["frames"].update(index=[9, 9, 9])
    ),
    "parts that are a list": with_table("parts", lambda one: [1]),
    "a bomb among the runs": lambda root: bomb(root, "runs/20260101T000000Z-abcd.json.gz"),
    "a bomb among the tables": lambda root: bomb(root, f"tables/{'0' * 64}.json.gz"),
    "a bomb for an index": lambda root: bomb(root, index_of(root)),
    "a deep record": lambda root: deep(root, newest(root).relative_to(root)),
    "a deep index": lambda root: deep(root, index_of(root)),
    "an index of lists": lambda root: write(root / index_of(root), {"format": 1, "files": [1]}),
    "an index of odd entries": lambda root: write(
        root / index_of(root),
        {"format": 1, "files": {key: ["a", {}, 1] for key in read(root / index_of(root))["files"]}},
    ),
    "foreign things in the quarantine": in_the_quarantine,
    "a face without a transform": lacking("face", "transforms"),
    "transforms of text": values("face", transforms="x"),
    "no transform at all": values("face", transforms=[]),
    "transforms of another shape": values("face", transforms=[[[1.0, 0.0], [0.0, 1.0]]]),
    "transforms beyond numbers": values("face", transforms=[[[1e300, 0, 0], [0, 1, 0]]]),
    "more transforms than frames": values("face", transforms=[[[1, 0, 0], [0, 1, 0]]] * 3),
    "faces of text": values("face", faces="two"),
    "a frame that was not searched": values("face", searched=10**6),
    "a frame before the first": values("face", searched=-3),
    "half of the light": lacking("face", "contrast"),
    "an onset of text": values("spot", onset="x"),
    "an apex beyond the clip": values("spot", apex=10**6),
    "an apex that is true": values("spot", apex=True),
    "no apex": lacking("spot", "apex"),
    "a confidence of text": values("spot", apex_confidence="high"),
    "no span": values("spot", visible=[]),
    "a flow without its digest": lacking("flow", "uv"),
    "eyes of text": values("flow", inter_ocular="wide"),
    "eyes of no distance": values("flow", inter_ocular=0),
    "no limits": values("tensor", limited=[]),
    "no box": arrays("face", box=None),
    "few landmarks": arrays("face", landmarks=np.zeros((5, 2))),
    "no flow": arrays("flow", uv=None),
    "flow of three components": arrays("flow", uv=np.zeros((3, 8, 8), np.float32)),
    "no tensor": arrays("tensor", x=None),
    "a tensor of another size": arrays("tensor", x=np.zeros((3, 5, 5), np.float32)),
    "the first tensor of another size": with_object(
        "tensor", lambda item: replace(item, arrays={"x": np.zeros((3, 5, 5), np.float32)}), 1
    ),
    "a failure of text": with_object("face", lambda item: replace(item, failure={"error": 3})),
    "a failure in a frame beyond": with_object(
        "face",
        lambda item: replace(
            item,
            values={},
            arrays={},
            failure={"error": "BadDataError", "message": "m", "remedy": "r", "frame": 10**6},
        ),
    ),
    "versions that are no texts": with_object(
        "face", lambda item: replace(item, libraries={"numpy": 3})
    ),
}


def write_named(root, run_id):
    shutil.copy(newest(root), root / "runs" / f"{run_id}.json.gz")


def places(value, path=()):
    """Yield the path of every part of a JSON value."""
    yield path
    parts = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value[:2]) if isinstance(value, list) else parts:
        yield from places(one, (*path, key))
