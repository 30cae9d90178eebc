"""Whole sets as they are published: the counts and the known quirks; the rest is made up."""

from itertools import cycle

from lookalikes import CASME2_HEADER, write_casme2, write_csv, write_frames, write_xlsx

SAMM_HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame",
    "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
SAMM_COUNTS = {
    "Anger": 57, "Happiness": 26, "Other": 26, "Surprise": 15, "Contempt": 12, "Disgust": 9,
    "Fear": 8, "Sadness": 6,
}  # fmt: skip
SAMM_SUBJECTS = (
    6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 30, 31, 32,
    33, 34, 35, 36, 37,
)  # fmt: skip
SAMM_ERRATA = (
    ("028", "028_4_1", 5, 1071, 1143, 1134, None, "Micro", "12", "Happiness", 5, None),
    ("032", "032_3_1", 5, 4896, 1930, 4970, None, "Micro", "L14", "Anger", 4, None),
    (32, "032_3_2", 5, 5010, 5011, 5040, None, "Micro", 14, "Contempt", 7, None),
)
MESSY_UNITS = ("L12 or L14", "(R6 or R12) + R15", "7B+ ref(43)", "R14+17+soft focus", "10A/B", 4)

CASME2_COUNTS = {
    "others": 99, "disgust": 63, "happiness": 32, "surprise": 28, "repression": 27, "sadness": 4,
    "fear": 2,
}  # fmt: skip
CASME2_KNOWN = (
    ("04", "EP12_01f", 261, "/", 321, "disgust"),
    ("05", "EP09_05f", 50, 50, 90, "disgust"),
    ("05", "EP16_04f", 50, 90, 90, "others"),
    ("12", "EP09_06", 50, 90, 90, "others"),
    ("20", "EP16_01", 50, 90, 90, "others"),
    ("25", "EP18_04f", 50, 90, 90, "others"),
    ("16", "EP01_08", 73, 94, 110, "others"),
    ("24", "EP07_01", 20, 30, 40, "surprise"),
    ("24", "EP07_04f", 20, 30, 40, "surprise"),
    ("24", "EP10_03", 20, 30, 40, "surprise"),
    ("03", "EP01_2", 20, 30, 40, "surprise"),
    ("15", "EP04_02", 20, 30, 40, "surprise"),
    ("17", "EP01_13", 20, 30, 40, "surprise"),
    ("17", "EP06_02_01", 20, 30, 40, "others"),
)

SMIC_COUNTS = {
    "HS": {"ne": 70, "po": 51, "sur": 43},
    "VIS": {"ne": 23, "po": 28, "sur": 20},
    "NIR": {"ne": 23, "po": 28, "sur": 20},
}
SMIC_SUBJECTS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20)
SMIC_GAPS = {"s18_sur_03": 99, "s3_po_08": 2, "s3_sur_01": 1, "s3_sur_05": 1, "s3_ne_16": 1}
SMIC_WORDS = {"ne": "negative", "po": "positive", "sur": "surprise"}
SMIC_E_HEADER = (
    "Subject", "Filename", "Emotion", "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F",
    "Offset3F", "FirstF", "LastF", "Remark",
)  # fmt: skip


def _left(counts, known, column):
    """Return the emotions of the rows that are still to be made up."""
    words = [word for word, count in counts.items() for _ in range(count)]
    for row in known:
        words.remove(row[column])
    return words


def casme2_rows():
    known = [
        (s, c, None, on, ap, off, None, 4, word, 1) for s, c, on, ap, off, word in CASME2_KNOWN
    ]
    rows = list(known)
    for i, word in enumerate(_left(CASME2_COUNTS, known, 8)):
        subject = i % 26 + 1
        name = f"EP{30 + i // 26}_{i % 9:02d}{'f' if i % 3 else ''}"
        cell = f"{subject:02d}" if i % 2 else subject
        rows.append((cell, name, None, i + 4, i + 8, i + 12, None, MESSY_UNITS[i % 6], word, 2))
    return rows


def write_whole_casme2(root, **how):
    rows = casme2_rows()
    sound = [r if r[4] != "/" else (*r[:4], 300, *r[5:]) for r in rows]
    write_casme2(root, sound, **how)
    write_xlsx(root / "CASME2-coding-20190701.xlsx", [CASME2_HEADER, *rows], [], [])
    return root


def samm_rows():
    rows = list(SAMM_ERRATA)
    words = _left(SAMM_COUNTS, rows, 9)
    others = [w for w in words if w == "Other"][:3]
    for _ in others:
        words.remove("Other")
    # One person shows nothing but others, as in the set.
    people = [*(9 for _ in others), *(s for s, _ in zip(cycle(_without(9)), words, strict=False))]
    for i, (subject, word) in enumerate(zip(people, [*others, *words], strict=True)):
        onset, name = 100 + 37 * i, f"{subject:03d}_{i // 29 + 1}_{i % 29 + 1}"
        rows.append(
            (f"{subject:03d}" if i % 3 else subject, name, 3, onset, onset + 5, onset + 11,
             f"=F{len(rows) + 15}-D{len(rows) + 15}+1", "Micro", MESSY_UNITS[i % 6], word, 1, None)
        )  # fmt: skip
    return rows


def _without(subject):
    return [s for s in SAMM_SUBJECTS if s != subject]


def write_samm(root, rows=None, *, preamble=13, tree="SAMM", sheet="SAMM_Micro_FACS_Codes_v2.xlsx"):
    rows = samm_rows() if rows is None else rows
    for i, row in enumerate(rows):
        folder = root / tree / f"{int(row[0]):03d}" / row[1]
        pattern = f"{int(row[0]):03d}_{{:0{4 if i % 5 == 0 else 5}d}}.jpg"
        write_frames(folder, range(row[3] - 1, row[5] + 2), pattern)
    if sheet:
        above = [("SAMM Dataset, coded micro-movements",), ("Filename: Subject_Induction_Number",)]
        above = [*above, *[()] * 20][:preamble]
        below = [(), ("Coded by three FACS coders",)]
        write_xlsx(root / sheet, [*above, SAMM_HEADER, *rows, *below])
    return root


def smic_names(camera):
    known = list(SMIC_GAPS) if camera == "HS" else []
    people = SMIC_SUBJECTS if camera == "HS" else SMIC_SUBJECTS[8:]
    names = []
    for code, count in SMIC_COUNTS[camera].items():
        mine = [name for name in known if f"_{code}_" in name]
        made = (f"s{s}_{code}_{n:02d}" for n in range(21, 40) for s in people)
        names += [*mine, *(name for name, _ in zip(made, range(count - len(mine)), strict=False))]
    return names


def write_smic(root, camera="HS", *, cropped=False, names=None, frames=7):
    """Write one camera's short clips; the cropped ones lack what the published ones lack."""
    tree = root / ("SMIC_all_cropped" if cropped else "SMIC_all_raw") / camera
    for i, name in enumerate(smic_names(camera) if names is None else names):
        subject, code, _ = name.split("_")
        lacking = SMIC_GAPS.get(name, 0) if cropped and camera == "HS" else 0
        first = 10 ** (4 + i % 4)
        numbers = [
            n for n in range(first, first + frames + 1) if n - first not in range(3, 3 + lacking)
        ]
        folder = tree / subject / "micro" / SMIC_WORDS[code] / name
        pattern = "reg_image{}.bmp" if cropped else "image{:05d}.bmp"
        write_frames(folder, numbers if lacking < 99 else (), pattern)
    for subject in sorted(path.name for path in tree.iterdir())[:3]:
        write_frames(tree / subject / "non_micro" / f"{subject}_non_01", range(3))
    return root


def smic_e_rows():
    """Return 157 rows with 164 expressions: five rows have two, one has three."""
    names = [n for n in smic_names("HS") if n not in SMIC_GAPS][:157]
    rows = []
    for i, name in enumerate(names):
        subject, code, number = name.split("_")
        padded = f"s{int(subject[1:]):02d}"
        first = 1000 * i + 7
        marks = [first + 2, first + 6]
        marks += [first + 8, first + 11] if i < 6 else [None, None]
        marks += [first + 13, first + 16] if i == 2 else [None, None]
        emotion = SMIC_WORDS[code] if i % 2 else code
        cell = (padded, int(subject[1:]), subject)[i % 3]
        rows.append((cell, f"{padded}_{code}_{number}", emotion, *marks, first, first + 19, None))
    return rows


def write_smic_e(root, rows=None):
    rows = smic_e_rows() if rows is None else rows
    tree = root / "SMIC-E_raw image" / "HS_long" / "SMIC-HS-E"
    for row in rows:
        folder = tree / row[1].split("_")[0] / row[1]
        write_frames(folder, range(row[10] - row[9] + 1), "image{:06d}.jpg")
    remarks = [(), ("F: frame number",), (None, "Frames are counted in the recording")]
    write_xlsx(root / "SMIC-HS-E_annotation_2019.xlsx", [SMIC_E_HEADER, *rows, *remarks])
    return root


def write_samm_long(root, tree="SAMM_longvideos", content=b"not read here"):
    header = (
        "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type",
        "Action Units",
    )  # fmt: skip
    rows = [
        ("006", "006_1_1", 1, 3, 6, 9, "=F12-D12", "Macro", 12),
        ("006", "006_1_2", 1, 12, 15, 18, "=F13-D13", "Micro - 1/2", "L12 or L14"),
        (7, "007_2_1", 2, 5, 8, 11, 7, "Micro - 1/2", 4),
    ]
    for name in ("006_1", "007_2", "007_3"):
        write_frames(root / tree / name, range(1, 25), f"{name}_{{:04d}}.jpg", content)
    write_xlsx(root / "SAMM_LongVideos_V2.xlsx", [*[("about",)] * 10, header, *rows])
    return root


def write_casme(root, tree="CASME_raw_selected"):
    header = ("Subject", "Filename", "OnsetF", "ApexF1", "ApexF2", "OffsetF", "AU", "Emotion")
    rows = [
        (1, "EP01_5", 4, 8, 0, 12, "4", "tense"),
        ("01", "EP03_1", 4, 7, 9, 12, "R12", "happiness"),
        (2, "EP01_5", 4, 8, None, 12, 1, "surprise"),
    ]
    for row in rows:
        write_frames(root / tree / f"sub{int(row[0]):02d}" / row[1], range(1, 15), "img-{:03d}.jpg")
    write_xlsx(root / "casme.xlsx", [header, *rows])
    return root


def write_casme3(root):
    header = (
        "Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion",
    )  # fmt: skip
    rows = [
        ("spNO.1", "a", "160", "163", "166", "4", "4", "Others"),
        ("spNO.1", "a", 170, 172, 175, "12", 1, "happy"),
        ("spNO.2", "b", 160, 163, 166, "1+2", 2, "surprise"),
        ("spNO.2", "a", 160, 163, 166, "1+2", 2, "others"),
    ]
    for subject, clip in dict.fromkeys(row[:2] for row in rows):
        folder = root / "part_A" / subject / clip
        write_frames(folder / "color", (n for n in range(150, 181) if n != 178), "{}.jpg")
        write_frames(folder / "depth", range(150, 181), "{}.png")
    write_xlsx(root / "part_A_ME.xlsx", [header, *rows])
    return root


def write_casme3_macro(
    root, header=None, name="cas(me)3_part_A_MaE_label_JpgIndex_v2_emotion.xlsx"
):
    """Add the macro-expressions to the set of `write_casme3`: another sheet, other headings."""
    header = header or ("sub", "seq", "onset", "apex", "offset", "AU", "emotion")
    rows = [
        ("spNO.1", "a", 152, 160, 172, "4", "disgust"),  # overlaps both micro-expressions
        ("spNO.2", "b", "155", "160", "178", "12", "Happy"),  # its last frame was dropped
        ("spNO.3", "c", 400, 410, 430, "4", "anger"),
    ]
    write_frames(root / "part_A/spNO.3/c/color", range(300, 601), "{}.jpg")
    write_frames(root / "part_A/spNO.3/d/color", range(1, 9), "{}.jpg")
    write_xlsx(root / name, [header, *rows])
    return root


# Subject, video, onset, apex, offset, action units, emotion, kind, self-report.
CASME_SQ_ROWS = (
    (1, "disgust1_1", 60, 66, 72, "4+7", "negative", "micro-expression", "disgust"),
    (1, "disgust1_2", 64, 80, 110, "12", "positive", "macro-expression", "happiness"),
    (1, "disgust1_3", 150, 156, 0, "R14", "others", "macro-expression", "disgust"),
    (1, "happy4_1", 90, 96, 103, 1, "surprise", "micro-expression", "surprise"),
    (2, "disgust1_1", 40, 46, 60, "4", "negative", "macro-expression", "disgust"),
)
CASME_SQ_SUBJECTS = ((1, 15, 1), (2, 16, 2), (3, 19, 3))
CASME_SQ_VIDEOS = (("0101", "disgust1"), ("0507", "happy4"), ("0502", "happy1"))
CASME_SQ_FOLDERS = (
    "s15/15_0101disgustingteeth", "s15/15_0507climbingthewall", "s16/16_0101disgustingteeth",
    "s16/16_0507climbingthewall",
)  # fmt: skip


def write_casme_sq(
    root,
    rows=CASME_SQ_ROWS,
    *,
    folders=CASME_SQ_FOLDERS,
    sheets=(CASME_SQ_SUBJECTS, CASME_SQ_VIDEOS),
    tree="rawpic",
    content=b"not read here",
):
    for name in folders:
        write_frames(root / tree / name, range(1, 301), "img{:03d}.jpg", content)
    write_xlsx(root / "CAS(ME)^2code_final.xlsx", rows, *sheets)
    return root


def write_fourdme(root, content=b"not read here"):
    header = ("sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "Remark")
    rows = [
        ("S1", "S1_001", "Positive", 4, 8, 12, "12", None),
        (1, "S1_002", "negative+surprise", 4, 8, 12, "1+2+4", None),
        (2, "S2_001", "Repression", 4, 8, 12, "14", None),
    ]
    for subject, clip in (("S1", "S1_001"), ("S1", "S1_002"), ("S2", "S2_001"), ("S2", "S2_009")):
        folder = root / "4DME" / "gray_micro" / subject / clip
        write_frames(folder, range(1, 21), "{:04d}.jpg", content)
    write_xlsx(root / "4DME" / "4DME_Labelling_Micro_release v1.xlsx", [header, *rows])
    return root


def write_mmew(root):
    header = (
        "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units",
        "Estimated Emotion",
    )  # fmt: skip
    rows = [
        (1, "S01-01-001", 2, 5, 9, "12", "happiness"),
        (1, "S01-01-002", 2, 5, 9, "4", "anger"),
        ("S02", "S02-01-001", 2, 5, 9, "4+7", "others"),
    ]
    for row, word in zip(rows, ("happiness", "disgust", "others"), strict=True):
        folder = root / "MMEW" / "Micro_Expression" / word / row[1]
        write_frames(folder, range(1, 11), "{}.jpg")
    write_frames(root / "MMEW/Macro_Expression/happiness/S01", (1, 2), "{}.jpg")
    write_xlsx(root / "MMEW" / "MMEW_Micro_Exp.xlsx", [header, *rows])
    return root


def write_dfme(root):
    header = (
        "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId",
        "Fps", "AU",
    )  # fmt: skip
    train = [
        ("sub0003", "A_3_1", 22, 30, 41, "happiness", 0, 500, "12"),
        ("sub0003", "A_3_2", 22, 30, 41, "fear", 4, 200, "1+2"),
    ]
    test = [("sub0104", "B_104_1", 22, 30, 41, "Contempt", 6, 300, "14")]
    for part, rows in (("part_A", train), ("part_B", test)):
        for row in rows:
            write_frames(root / "DFME" / part / row[1], range(20, 45), "{:05d}.png")
        write_csv(root / f"{part}.csv", [header, *rows])
    return root
