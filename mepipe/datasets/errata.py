"""The known errors of the published datasets, as data.

An erratum applies only where the sheet still shows the printed value, so a
corrected sheet is left alone. One without a known correction changes nothing:
it is reported, and the general rules (`mepipe.clips.annotation`) decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mepipe.datasets.marks import parse_number


@dataclass(frozen=True)
class Erratum:
    """One wrong or doubtful cell.

    Parameters
    ----------
    dataset, subject, clip
        The parts of the clip's id.
    field
        onset, apex, offset or emotion.
    printed
        What the sheet shows, or ``=onset``, ``=onset+1``, ``=offset``: the
        value of that other cell.
    corrected
        The right value, None where it is not known.
    source
        How it is known.
    tree
        The only tree of the dataset that it concerns; empty: every one.
    """

    dataset: str
    subject: str
    clip: str
    field: str
    printed: str
    corrected: str | None
    source: str
    tree: str = ""


@dataclass(frozen=True)
class Amended:
    """A row's cells after its errata: ``corrected`` names the fields that changed."""

    cells: Mapping[str, str]
    corrected: frozenset[str]
    notes: tuple[str, ...]


_APEX_IS_OFFSET = "the apex equals the offset"
_SAD_IN_2014 = "the sheet of 2014 says sadness"

ERRATA: tuple[Erratum, ...] = (
    Erratum("casme2", "sub04", "EP12_01f", "apex", "/", "300", "the sheet of 2014"),
    Erratum("casme2", "sub05", "EP09_05f", "apex", "=onset", None, "the apex equals the onset"),
    Erratum("casme2", "sub05", "EP16_04f", "apex", "=offset", None, _APEX_IS_OFFSET),
    Erratum("casme2", "sub12", "EP09_06", "apex", "=offset", None, _APEX_IS_OFFSET),
    Erratum("casme2", "sub20", "EP16_01", "apex", "=offset", None, _APEX_IS_OFFSET),
    Erratum("casme2", "sub25", "EP18_04f", "apex", "=offset", None, _APEX_IS_OFFSET),
    Erratum(
        "casme2",
        "sub16",
        "EP01_08",
        "offset",
        "110",
        None,
        "the frames of Cropped end at 96",
        tree="Cropped",
    ),
    Erratum("casme2", "sub24", "EP07_01", "emotion", "surprise", None, _SAD_IN_2014),
    Erratum("casme2", "sub24", "EP07_04f", "emotion", "surprise", None, _SAD_IN_2014),
    Erratum("casme2", "sub24", "EP10_03", "emotion", "surprise", None, _SAD_IN_2014),
    Erratum("samm", "028", "028_4_1", "apex", "1143", "1103", "another published list"),
    Erratum(
        "samm", "032", "032_3_1", "apex", "1930", None, "a digit is wrong, about 4930 is meant"
    ),
    Erratum(
        "samm", "032", "032_3_2", "apex", "=onset+1", None, "the apex is one frame after onset"
    ),
)

UNLISTED: Mapping[tuple[str, str], str] = {
    ("casme2", "sub24/ep02_07"): "It is the clip that the variants of 247 and 256 clips count "
    "(61/91/106, disgust) and the sheet of 2019 lacks",
}
"""Clips that are known to lie on disk without a row, by collection and subject/clip."""


def amend(
    dataset: str, subject: str, clip: str, cells: Mapping[str, str], tree: str = ""
) -> Amended:
    """Apply the errata of one clip to its cells (onset, apex, offset, emotion as text)."""
    amended = dict(cells)
    corrected, notes = set(), []
    for erratum in ERRATA:
        if (erratum.dataset, erratum.subject, erratum.clip) != (dataset, subject, clip):
            continue
        if erratum.tree and erratum.tree != tree:
            continue
        shown = cells.get(erratum.field, "")
        if not shown or not _shows(shown, erratum.printed, cells):
            continue
        what = f"known erratum: {erratum.field} {cells[erratum.field]}"
        if erratum.corrected is None:
            notes.append(f"{what} ({erratum.source}); no correction is known")
        else:
            amended[erratum.field] = erratum.corrected
            corrected.add(erratum.field)
            notes.append(f"{what} is read as {erratum.corrected} ({erratum.source})")
    return Amended(amended, frozenset(corrected), tuple(notes))


def _shows(shown: str, printed: str, cells: Mapping[str, str]) -> bool:
    """Say whether a cell still holds the printed value."""
    number = parse_number(shown)
    if printed.startswith("="):
        field, _, plus = printed[1:].partition("+")
        other = parse_number(cells.get(field, ""))
        return number is not None and other is not None and number == other + int(plus or 0)
    if number is not None:
        return number == parse_number(printed)
    return shown.strip().casefold() == printed.casefold()
