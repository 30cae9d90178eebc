"""Small trees that look like the datasets; names and layout only, the files hold no images."""

import csv
from pathlib import Path

import openpyxl

CASME2_HEADER = (
    "Subject",
    "Filename",
    None,
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    None,
    "Action Units",
    "Estimated Emotion",
    "Objective Classes",
)
CASME2_ROWS = (
    ("01", "EP02_01f", None, 46, 59, 86, None, "4+7+L10", "happiness", 3),
    ("01", "EP03_02", None, 131, 161, 181, None, 12, "Others", 7),
    (2, "EP01_2", None, "20", 31.0, "40 ", None, "R2+15", "surprise", 2),
    ("17", "EP06_02_01", None, 5, 9, 14, None, None, "repression", 5),
)


def write_xlsx(path, *sheets):
    """Write a workbook, one worksheet per list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for index, rows in enumerate(sheets or [()]):
        sheet = book.create_sheet(f"Sheet{index + 1}")
        for row in rows:
            sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def write_csv(path, rows, delimiter=",", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def write_frames(folder, numbers, pattern="img{}.jpg", content=b"not read here"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / pattern.format(number)).write_bytes(content)
    return folder


def subject_folder(cell):
    return f"sub{int(cell):02d}"


def write_casme2(
    root,
    rows=CASME2_ROWS,
    *,
    tree="CASME2_RAW_selected",
    header=CASME2_HEADER,
    sheet="CASME2-coding-20190701.xlsx",
    pattern="img{}.jpg",
):
    """Write a tree of CASME II: for each row the frames onset-2 .. offset+2."""
    onset, offset = header.index("OnsetFrame"), header.index("OffsetFrame")
    for row in rows:
        folder = root / tree / subject_folder(row[0]) / row[1]
        write_frames(folder, range(int(row[onset]) - 2, int(row[offset]) + 3), pattern)
    if sheet:
        write_xlsx(root / sheet, [header, *rows], [], [])
    return root


def write_folder(root):
    """Write a generic folder with every kind of clip, and its labels."""
    for name in ("s1/a.mp4", "s1/b.AVI", "s2/a.gif", "loose.mov"):
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not read here")
    write_frames(root / "s2" / "images", (9, 10, 8), "frame_{}.PNG")
    write_csv(
        root / "labels.csv",
        [
            ("subject", "clip", "emotion", "onset", "apex", "offset", "fps"),
            ("s1", "a", "Happy", 3, 9, 20, "29.97"),
            ("s1", "b.AVI", "disgust", "", 5, "", ""),
            ("s2", "a", "surprise", 0, 4, 8, 200),
            ("s2", "images", "negative", 8, 9, 10, 100),
        ],
    )
    (root / "README.txt").write_text("about")
    (root / "truth.csv").write_text("clip\n")
    return root
