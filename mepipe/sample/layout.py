"""The layouts of the sample on disk: paths of the clips, and names of their frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mepipe.datasets.smic import CODES
from mepipe.sample.annotations import ClipTruth, coding_sheet, labels_csv, samm_sheet
from mepipe.sample.movement import Course


@dataclass(frozen=True)
class Place:
    """The folder of a clip and the names of its frames.

    ``pattern`` makes a file name of a frame number.
    """

    collection: str
    subject: str
    name: str
    folder: str
    pattern: str
    first_number: int


@dataclass(frozen=True)
class Layout:
    """A dataset's form.

    Parameters
    ----------
    place
        The place of a clip: of the sample's folder, the subject's and the
        clip's number (from 0), the seed and the clip's class.
    annotations
        What a reader takes the annotations from, below the sample's folder.
    about
        The lines on it in the README.
    write
        Makes the annotations' file; None: names of folders say all.
    words
        The dataset's words for emotions that it calls otherwise.
    kept
        Which of the drawn frames are written; at the rate of the drawn ones
        over the step.
    grey
        Frames have one channel.
    """

    place: Callable[[Path, int, int, int, str], Place]
    annotations: str
    about: str
    write: Callable[[Sequence[ClipTruth]], bytes] | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    kept: Callable[[Course], range] = lambda course: range(len(course.share))
    grey: bool = False


def place_folder(out: Path, subject: int, clip: int, seed: int, label: str) -> Place:
    """Return the place of a clip in the generic layout: ``s01/c01/0001.jpg``."""
    name, folder = f"c{clip + 1:02d}", f"s{subject + 1:02d}"
    return Place(out.name, folder, name, f"{folder}/{name}", "{:04d}.jpg", 1)


def place_casme2(out: Path, subject: int, clip: int, seed: int, label: str) -> Place:
    """Return the place of a clip as CASME II has it: ``sub01/EP02_01f/img46.jpg``.

    Numbers are not padded and begin anywhere, as in CASME2_RAW_selected.
    """
    rng = _rng(subject, clip, seed)
    name = f"EP{int(rng.integers(1, 20)):02d}_{clip + 1:02d}{'f' if rng.random() < 0.5 else ''}"
    person = f"sub{subject + 1:02d}"
    folder = f"CASME2_RAW_selected/{person}/{name}"
    return Place("casme2", person, name, folder, "img{}.jpg", int(rng.integers(1, 300)))


def place_samm(out: Path, subject: int, clip: int, seed: int, label: str) -> Place:
    """Return the place of a clip as SAMM has it: ``SAMM/006/006_1_2/006_05562.jpg``.

    Numbers are absolute within a take of several minutes.
    """
    rng = _rng(subject, clip, seed)
    person = f"{subject + 1:03d}"
    name = f"{person}_{int(rng.integers(1, 8))}_{clip + 1}"
    pattern = f"{person}_{{:05d}}.jpg"
    first = int(rng.integers(100, 20_000))
    return Place("samm", person, name, f"SAMM/{person}/{name}", pattern, first)


def place_smic(out: Path, subject: int, clip: int, seed: int, label: str) -> Place:
    """Return the place of a clip as SMIC has it: ``s1/micro/negative/s1_ne_01/image559740.bmp``.

    Folders are not padded, the published names are; numbers have 5 to 8 digits.
    """
    rng = _rng(subject, clip, seed)
    code = next(code for code, of in CODES.items() if of == label)
    person, ending = f"s{subject + 1}", f"_{code}_{clip + 1:02d}"
    folder = f"SMIC_all_raw/HS/{person}/micro/{label}/{person}{ending}"
    padded = f"s{subject + 1:02d}"
    first = int(10 ** rng.uniform(4, 7.9))
    return Place("smic-hs", padded, padded + ending, folder, "image{}.bmp", first)


def _rng(subject: int, clip: int, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, subject, clip, 2])


def _onset_to_offset(course: Course) -> range:
    """Keep every second frame from the onset to the offset, the apex among them."""
    return range(course.onset + (course.apex - course.onset) % 2, course.offset + 1, 2)


LAYOUTS: Mapping[str, Layout] = {
    "folder": Layout(
        place_folder,
        "labels.csv",
        "labels.csv          onset, apex and offset as the numbers in the file names",
        labels_csv,
    ),
    "casme2": Layout(
        place_casme2,
        "CASME2-coding-20190701.xlsx",
        "CASME2-coding-20190701.xlsx\n                    the coding sheet, as CASME II has it",
        coding_sheet,
    ),
    "samm": Layout(
        place_samm,
        "SAMM_Micro_FACS_Codes_v2.xlsx",
        "SAMM_Micro_FACS_Codes_v2.xlsx\n                    the coding sheet, as SAMM has it",
        samm_sheet,
        words={"repression": "contempt"},  # SAMM has no repression; both are negative
        grey=True,
    ),
    "smic": Layout(
        place_smic,
        "SMIC_all_raw",
        "SMIC_all_raw        the class is in the names of the folders, as in SMIC; a clip\n"
        "                    begins with its onset and ends with its offset",
        words={
            "disgust": "negative",
            "repression": "negative",
            "happiness": "positive",
        },
        kept=_onset_to_offset,
    ),
}
