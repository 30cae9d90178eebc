"""The reader of an invented laboratory's recordings, as a package of its own.

::

    takes.csv                      person,take,rate,onset,apex,offset,judged,units
    takes/P03_07/frame_000120.png  the frames of take 7 of person P03

``onset``, ``apex`` and ``offset`` are the numbers in the file names; ``judged`` is
the laboratory's own word.
"""

import csv
from pathlib import Path

from mepipe.datasets import Clip, Dataset, NotRecognisedError, Reject, list_frames, mark
from mepipe.errors import BadDataError, UnreadableInputError, UsageError

COLUMNS = ("person", "take", "rate", "onset", "apex", "offset", "judged", "units")
# In words of the field, so that label schemes and other datasets go together with it.
WORDS = {"glad": "happiness", "startled": "surprise", "repelled": "disgust", "": ""}


def read(root: Path, name: str | None) -> Dataset:
    """Read the recordings at ``root``; see `mepipe.datasets.Reader`."""
    table = root / "takes.csv"
    if not table.is_file() or not (root / "takes").is_dir():
        raise NotRecognisedError("Brightlab: takes.csv beside takes/P03_07/frame_000120.png")
    name = name or "brightlab"
    clips, rejects = [], []
    for line, row in enumerate(_rows(table), start=2):
        clip_id = f"{name}/{row['person']}/{row['take']}"
        try:
            clips.append(_clip(clip_id, name, root, row))
        except ValueError as error:
            raise UsageError(f"{table}, line {line}: {error}", "Correct the table.") from error
        except (BadDataError, UnreadableInputError) as error:
            # This clip cannot be used: it is listed with its reason, the others go on.
            rejects.append(Reject(clip_id, type(error).__name__, error.message, error.remedy))
    clips.sort(key=lambda clip: clip.id)
    return Dataset(name, "brightlab", root, tuple(clips), tuple(rejects))


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise UsageError(
                f"{table} has no column {', '.join(missing)}", f"It needs {','.join(COLUMNS)}."
            )
        return [{key: row[key] or "" for key in COLUMNS} for row in reader]


def _clip(clip_id: str, name: str, root: Path, row: dict[str, str]) -> Clip:
    if row["judged"] not in WORDS:
        raise ValueError(f"{row['judged']!r} is none of {', '.join(filter(None, WORDS))}")
    person = row["person"]
    return Clip(
        id=clip_id,
        dataset=name,
        subject=person,
        group=f"{name}/{person}",  # whom no split has on both sides
        source=list_frames(root / "takes" / f"{person}_{row['take']}").images,
        fps=float(row["rate"]),
        onset=mark(row["onset"]),  # an empty cell is None: it is found from the motion
        apex=mark(row["apex"]),
        offset=mark(row["offset"]),
        emotion=WORDS[row["judged"]],
        action_units=row["units"],
    )
