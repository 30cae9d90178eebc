"""Rows of made features."""

PEOPLE = [
    ("a/s1", 0),
    ("a/s1", 1),
    ("a/s2", 0),
    ("a/s2", 2),
    ("b/s1", 1),
    ("b/s1", 0),
    ("b/s3", -1),
]


def rows(people=PEOPLE, **given):
    found = []
    for number, (group, y) in enumerate(people):
        dataset, _, subject = group.partition("/")
        row = {
            "clip": f"{group}/c{number}", "dataset": dataset, "subject": subject, "group": group,
            "emotion": "", "label": ("negative", "positive", "surprise", "")[y], "y": y,
            "fps": 200.0, "frames": 60, "onset": 3, "apex": 20, "offset": 40,
            "onset_number": 3, "apex_number": 20, "offset_number": 40,
            "onset_source": "annotation", "apex_source": "annotation",
            "offset_source": "annotation", "onset_confidence": 1.0, "apex_confidence": 1.0,
            "offset_confidence": 1.0, "movement": True, "au": "", "au_units": "",
            "object": "f" * 64,
        }  # fmt: skip
        found.append({**row, **given})
    return found
