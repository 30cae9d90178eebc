"""The known errors of the published datasets, as data.

An erratum applies only if the sheet still shows the printed value, so a corrected
sheet is left alone. If no correction is known, the cell stays and is reported;
the general rules (`mepipe.clips.annotation`) decide what becomes of it.
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
        The column: onset, apex, offset or emotion.
    printed
        The value in the published sheet. ``=onset``, ``=onset+1`` and ``=offset``
        stand for the value of that other cell.
    corrected
        The right value; None if it is not known.
    source
        Where the error or its correction is known from.
    tree
        The tree of the dataset that the erratum concerns; empty for all.
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
    """The cells of a row with its errata applied.

    Parameters
    ----------
    cells
        All cells, the corrected ones included.
    corrected
        The columns that changed.
    notes
        What to say of each erratum.
    """

    cells: Mapping[str, str]
    corrected: frozenset[str]
    notes: tuple[str, ...]


# Printed so in the sheet of 2019 for four clips: possible by the rules (onset < apex <=
# offset), but hardly meant.
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
    """Apply the errata of one clip to the cells of its row.

    Parameters
    ----------
    dataset, subject, clip
        The parts of the clip's id.
    cells
        The cells of its row, as text.
    tree
        Which of the dataset's trees is read.
    """
    amended = dict(cells)
    corrected, notes = set(), []
    for erratum in ERRATA:
        if (erratum.dataset, erratum.subject, erratum.clip) != (dataset, subject, clip):
            continue
        if erratum.tree and erratum.tree != tree:
            continue
        shown = cells.get(erratum.field, "")
        # Compared with the sheet's own cells, not with those that another erratum changed.
        if not shown or not _is_as_printed(shown, erratum.printed, cells):
            continue
        what = f"known erratum: {erratum.field} {cells[erratum.field]}"
        if erratum.corrected is None:
            notes.append(f"{what} ({erratum.source}); no correction is known")
        else:
            amended[erratum.field] = erratum.corrected
            corrected.add(erratum.field)
            notes.append(f"{what} is read as {erratum.corrected} ({erratum.source})")
    return Amended(amended, frozenset(corrected), tuple(notes))


def _is_as_printed(shown: str, printed: str, cells: Mapping[str, str]) -> bool:
    """Return True if a cell still holds the printed value."""
    # Numbers are compared as numbers: a copy may write 110 as 110.0.
    number = parse_number(shown)
    if printed.startswith("="):
        field, _, plus = printed[1:].partition("+")
        other = parse_number(cells.get(field, ""))
        return number is not None and other is not None and number == other + int(plus or 0)
    if number is not None:
        return number == parse_number(printed)
    return shown.strip().casefold() == printed.casefold()
