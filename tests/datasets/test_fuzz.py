"""A thousand malformed datasets: no traceback, and no clip that is silently lost.

A tree that a reader knows is written, then names, the sheet and the bytes of
images are spoilt as a seed says. Whatever comes of it, every clip that went in is
used or named in a report, or the dataset as a whole is refused with a reason.

Another reader joins with a line in `LOOKALIKES`.
"""

import csv
import random
import shutil
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest
from lookalike_sets import samm_rows, write_samm
from lookalikes import write_casme2, write_csv, write_folder, write_xlsx

from mepipe.config import load_config
from mepipe.datasets.clip import Images
from mepipe.datasets.registry import open_dataset
from mepipe.errors import MepipeError
from mepipe.execution.progress import NoProgress
from mepipe.pipeline.check import check_dataset

SEEDS = 1000
CONFIG = load_config()
IMAGE = cv2.imencode(".jpg", np.full((8, 10, 3), 90, np.uint8))[1].tobytes()
LARGER = cv2.imencode(".jpg", np.full((8, 12, 3), 90, np.uint8))[1].tobytes()

CASME2_ROWS = (
    ("01", "EP02_01f", None, 5, 7, 9, None, "4+7+L10", "happiness", 3),
    ("01", "EP03_02", None, 5, 6, 9, None, 12, "Others", 7),
    (2, "EP01_2", None, "5", 6.0, "8 ", None, "R2+15", "surprise", 2),
    ("17", "EP06_02_01", None, 3, 5, 6, None, None, "repression", 5),
)


def casme2(root):
    write_casme2(root, CASME2_ROWS)


def cropped(root):
    write_casme2(root, CASME2_ROWS, tree="Cropped", pattern="reg_img{}.jpg")


def few_samm(root):
    write_samm(root, samm_rows()[:5])


# Reader -> what writes trees of its kind, the folders that are such a tree (none: the
# root itself), and the column of its sheet that names the clips.
LOOKALIKES = {
    "casme2": ((casme2, cropped), ("CASME2_RAW_selected", "Cropped"), "Filename"),
    "folder": ((write_folder,), (), "clip"),
    "samm": ((few_samm,), ("SAMM",), "Filename"),
}

NAMES = (
    "sub99", "EP99_99", "SUB1", "01", "1", "img7", "x" * 200, "a b  c", "ü é", "中文", "🙂",
    "e\u0301", "-rf", "~$x", "%s%n", "a\nb", "a\tb", "CON", "sub01 (1)", "'\"", "=1+1", "\u202e",
    "\udce9\udcff", "9" * 30, "Cropped", "CASME2_RAW_selected", "labels.csv", "frame", "٣٤",
)  # fmt: skip
CELLS = (
    None, "", " ", "/", "?", "-", "nan", "inf", 0, -1, 1e300, 10**30, 3.5, True, "5,5", "12:30",
    "=A1+1", "#REF!", "happy", "Others", "hapiness", "sub01", "EP02_01f", "L12 or (", "\u00a0",
    "x" * 500, "中", "🙂", "'5", "5'", "\u0665", "0x10", "5\n6", "Filename", "clip", "..", "a/b",
)  # fmt: skip
BYTES = (
    b"", b"only text", b"\xff\xd8", IMAGE[: len(IMAGE) // 2], IMAGE[:-2], IMAGE + b"\0" * 9, LARGER,
    b"\x89PNG\r\n\x1a\n" + bytes(40), b"BM" + bytes(60), b"GIF89a" + bytes(20), b"\xff" * 300,
)  # fmt: skip


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """One sound tree of each kind, its images tiny but real."""
    trees = {}
    for name, (writers, _, _) in LOOKALIKES.items():
        for write in writers:
            root = tmp_path_factory.mktemp(write.__name__) / "data"
            root.mkdir()
            write(root)
            for path in root.rglob("*"):
                if path.suffix.lower() in {".jpg", ".png"}:
                    path.write_bytes(IMAGE)
            trees.setdefault(name, []).append(root)
    return trees


def below(root):
    """Return folders and files under ``root``, in an order that only the seed decides."""
    return sorted(path for path in root.rglob("*"))


def spoil_names(root, draw):
    paths = below(root)
    path = draw.choice(paths)
    target = path.with_name(draw.choice(NAMES) + draw.choice(["", path.suffix, ".JPG", ".avi"]))
    match draw.randrange(6):
        case 0:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        case 1 if path.is_dir() and not target.exists():
            shutil.copytree(path, target)
        case 2 if path.is_dir():
            shutil.rmtree(path)
            path.write_bytes(b"a file where a folder was")
        case 3 if path.is_dir():
            inner = path.rename(path.with_name("inner"))
            path.mkdir()
            inner.rename(path / draw.choice(["inner", path.name]))
        case 4:
            (path if path.is_dir() else path.parent).joinpath(draw.choice(NAMES)).mkdir(
                exist_ok=True
            )
        case _ if not target.exists():
            path.rename(target)


def spoil_images(root, draw):
    images = [path for path in below(root) if path.suffix.lower() in {".jpg", ".png"}]
    for path in draw.sample(images, min(len(images), draw.choice([1, 3, 40]))):
        path.write_bytes(draw.choice(BYTES))


def sheet_of(root):
    found = [path for path in below(root) if path.suffix.lower() in {".xlsx", ".csv"}]
    return next((path for path in found if path.name != "truth.csv"), None)


def read_rows(sheet):
    if sheet.suffix == ".csv":
        with sheet.open(newline="", encoding="utf-8-sig") as file:
            return [list(row) for row in csv.reader(file)]
    book = openpyxl.load_workbook(sheet)
    return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]


def spoil_sheet(root, draw):
    """Spoil cells, rows and columns; return the rows as they were written last."""
    sheet = sheet_of(root)
    if sheet is None:
        return
    rows = read_rows(sheet)
    for _ in range(draw.choice([1, 2, 8])):
        row = draw.choice(rows)
        match draw.randrange(9):
            case 0:
                rows.insert(draw.randrange(len(rows) + 1), list(row))
            case 1:
                rows.insert(draw.randrange(len(rows) + 1), [draw.choice(CELLS)] * draw.randrange(4))
            case 2 if len(rows) > 1:
                rows.remove(row)
            case 3:
                column = draw.randrange(len(rows[0]) or 1)
                for one in rows:
                    del one[column : column + 1]
            case 4:
                draw.shuffle(rows)
            case _ if row:
                row[draw.randrange(len(row))] = draw.choice(CELLS)
        if not any(rows):
            return
    text = [["" if cell is None else cell for cell in row] for row in rows]
    if draw.random() < 0.5 or sheet.suffix == ".csv":
        sheet.unlink()
        delimiter, encoding = draw.choice(",;\t"), draw.choice(["utf-8", "utf-8-sig", "utf-16"])
        write_csv(sheet.with_suffix(".csv"), text, delimiter, encoding)
    else:
        write_xlsx(sheet, rows)


def spoil_sheet_bytes(root, draw):
    sheet = sheet_of(root)
    if sheet is None:
        return
    data = bytearray(sheet.read_bytes())
    match draw.randrange(3):
        case 0:
            del data[draw.randrange(len(data) + 1) :]
        case 1 if data:
            for _ in range(draw.choice([1, 20])):
                data[draw.randrange(len(data))] = draw.randrange(256)
        case _:
            data[:] = draw.choice(
                [b"", b"PK", bytes.fromhex("d0cf11e0a1b11ae1"), b"\xff\xfe", b"x"]
            )
    sheet.write_bytes(data)


SPOILERS = (spoil_names, spoil_names, spoil_images, spoil_sheet, spoil_sheet, spoil_sheet_bytes)


def spoil(root, draw):
    chosen = draw.choices(SPOILERS, k=draw.choice([1, 1, 2, 4]))
    # A sheet whose bytes are spoilt cannot be read here to be spoilt further.
    for spoiler in sorted(chosen, key=lambda one: one is spoil_sheet_bytes):
        # Nor can every name be written, or every file be opened again.
        with suppress(OSError, ValueError, IndexError):
            spoiler(root, draw)


def printable(name):
    return name.encode(errors="backslashreplace").decode()


def clips_in(root, trees):
    """Return the folders subject/clip of the trees; in a generic folder videos as well.

    A folder beside the tree is none of the dataset's.
    """
    for tree in [root / name for name in trees if (root / name).is_dir()] if trees else [root]:
        for path in below(tree):
            parts = path.relative_to(tree).parts
            video = path.suffix.lower() in {".avi", ".mp4", ".mov", ".mkv", ".gif"}
            if any(part.startswith(".") for part in parts) or len(parts) > 2:
                continue
            if (path.is_dir() and len(parts) == 2) or (path.is_file() and video and not trees):
                yield path


def is_reported(path, root, used, report):
    """Return True if a clip is used, or it or a folder that it lies in is in a report."""
    clip = "/".join(path.relative_to(root).with_suffix("").parts[-2:]).casefold()
    if path in used or printable(path.name).casefold() in report or clip in report:
        return True
    around = [one for one in path.parents if root in one.parents]
    return any(
        f"{printable(str(one))}".casefold() in report
        or (printable(one.name) != one.name and printable(one.name).casefold() in report)
        for one in around
    )


@pytest.mark.parametrize("name", LOOKALIKES)
@pytest.mark.slow
def test_readers_lose_no_clip_silently_and_raise_only_usage_errors(name, pristine, tmp_path):
    _, trees, key = LOOKALIKES[name]
    outcomes = {"refused": 0, "read": 0}
    for seed in range(-(-SEEDS // len(LOOKALIKES))):
        draw = random.Random(f"{name} {seed}")
        root = tmp_path / "d" / "data"
        shutil.copytree(draw.choice(pristine[name]), root)
        spoil(root, draw)
        try:
            dataset = open_dataset(str(root), draw.choice([name, None]))
            findings = check_dataset(dataset, CONFIG, tmp_path / "cache", NoProgress())
        except MepipeError as refusal:
            outcomes["refused"] += 1
            refused = refusal
        else:
            outcomes["read"] += 1
            account(seed, root, trees, dataset, findings)
            account_rows(seed, root, key, dataset)
            refused = None
        assert refused is None or (refused.message and refused.exit_code == 2), (seed, refused)
        shutil.rmtree(tmp_path / "d")
    # Neither may be rare, or the test tries nothing.
    assert min(outcomes.values()) > SEEDS // len(LOOKALIKES) // 20, outcomes


def reports(dataset):
    rejects = [f"{reject.clip} {reject.message}" for reject in dataset.rejects]
    notes = [f"{note.clip} {note.text}" for note in dataset.notes]
    return "\n".join([*rejects, *notes]).casefold()


def account(seed, root, trees, dataset, findings):
    used = {
        clip.source.folder if isinstance(clip.source, Images) else clip.source.path
        for clip in dataset.clips
    }
    report = reports(dataset)
    lost = [path for path in clips_in(root, trees) if not is_reported(path, root, used, report)]
    assert not lost, (seed, lost, report)
    ids = [clip.id for clip in dataset.clips]
    rejected = [reject.clip for reject in dataset.rejects]
    assert len({*ids, *rejected}) == len(ids) + len(rejected), seed
    # From the reader on: every clip is usable, or a problem says that it is left out.
    left_out = {problem.clip for problem in findings.problems if problem.fatal}
    assert findings.clips == len(ids) + len(rejected), seed
    assert findings.usable + len(left_out) == findings.clips, (seed, findings)
    assert all(problem.problem and problem.handling for problem in findings.problems), seed


def account_rows(seed, root, key, dataset):
    """Every row that names a clip is that of a used clip, or in a report."""
    sheet = sheet_of(root)
    if sheet is None or (dataset.reader == "folder" and sheet.name.lower() != "labels.csv"):
        return
    try:
        rows = read_rows(sheet)
    except Exception:  # noqa: BLE001 (a dialect of its own: the readers' tests know it)
        return
    heads = [row for row in rows if key in row]
    # A lone cell is no header: the table has another separator than was guessed here.
    if not heads or len(heads) > 1 or len(heads[0]) == 1:
        return
    column = heads[0].index(key)
    known = reports(dataset) + "\n".join(clip.id for clip in dataset.clips).casefold()
    for row in rows[rows.index(heads[0]) + 1 :]:
        cell = str(row[column]).strip() if len(row) > column and row[column] is not None else ""
        stem = Path(cell).stem
        assert cell.casefold() in known or stem.casefold() in known, (seed, cell)
