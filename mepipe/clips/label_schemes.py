"""The label schemes, as data: the class of each emotion word or objective class.

The lists of CASME II are counted from its sheet of 2019: 255 rows, of which 249
belong to the five classes. Published results with 246 or 247 clips do not print
their lists. The lists below are our reading of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mepipe.schema import CLASSES


@dataclass(frozen=True)
class Scheme:
    """How clips get their classes.

    Parameters
    ----------
    classes
        The names of the classes, in order.
    words
        The class of each emotion word or objective class. Clips with another
        word have no class.
    by
        The field of a clip that decides.
    outside
        Words without a class in the datasets of one reader, by the reader's
        name, although ``words`` has a class for them.
    without
        Ids of clips without a class, whatever their word.
    needs
        Ids of clips that belong to the scheme and that not every copy has.
    own_words
        If true, a dataset with the user's own words keeps these as its classes.
    """

    classes: tuple[str, ...]
    words: Mapping[str, str]
    by: Literal["emotion", "objective_class"] = "emotion"
    outside: Mapping[str, frozenset[str]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    own_words: bool = False


def _of_words(
    *classes: str, without: frozenset[str] = frozenset(), needs: frozenset[str] = frozenset()
) -> Scheme:
    """Return a scheme in which each emotion word is its own class."""
    return Scheme(classes, {word: word for word in classes}, without=without, needs=needs)


MEGC3 = Scheme(
    classes=CLASSES,
    words={
        "negative": "negative",
        "repression": "negative",
        "anger": "negative",
        "contempt": "negative",
        "disgust": "negative",
        "fear": "negative",
        "sadness": "negative",
        "positive": "positive",
        "happiness": "positive",
        "surprise": "surprise",
    },
    # The composite's CASME II part counts disgust and repression only.
    outside={"casme2": frozenset({"fear", "sadness"})},
    own_words=True,
)

_CASME2_FIVE = ("happiness", "disgust", "repression", "surprise", "others")
# On disk, but without a row in the sheet of 2019. Copies that add the row must not add
# the clip to the lists of that sheet's 255 rows.
CASME2_WITHOUT_ROW = "casme2/sub24/EP02_07"
_WITHOUT_ROW = frozenset({CASME2_WITHOUT_ROW})
_THREE_SURPRISES = frozenset(
    {"casme2/sub03/EP01_2", "casme2/sub15/EP04_02", "casme2/sub17/EP01_13"}
)

CASME2_249 = _of_words(*_CASME2_FIVE, without=_WITHOUT_ROW)
CASME2_246 = _of_words(*_CASME2_FIVE, without=_WITHOUT_ROW | _THREE_SURPRISES)
CASME2_247 = _of_words(*_CASME2_FIVE, without=_THREE_SURPRISES, needs=_WITHOUT_ROW)
CASME2_255 = _of_words(*_CASME2_FIVE, "sadness", "fear", without=_WITHOUT_ROW)

# SAMM's emotions with at least twelve clips.
SAMM_5 = _of_words("anger", "happiness", "others", "surprise", "contempt")

OBJECTIVE_CLASSES = ("I", "II", "III", "IV", "V", "VI", "VII")
OBJECTIVE = Scheme(
    classes=OBJECTIVE_CLASSES,
    words={name: name for name in OBJECTIVE_CLASSES},
    by="objective_class",
)

SCHEMES: Mapping[str, Scheme | None] = {
    "megc3": MEGC3,
    "emotion": None,  # the words that occur are the classes
    "casme2-5": CASME2_249,
    "casme2-246": CASME2_246,
    "casme2-247": CASME2_247,
    "casme2-249": CASME2_249,
    "casme2-255": CASME2_255,
    "samm-5": SAMM_5,
    "objective": OBJECTIVE,
}


def objective_class(text: str) -> str:
    """Return an objective class as a Roman numeral: ``3``, ``iii`` and ``III`` are III.

    Other text gives an empty string.
    """
    # A number in a cell that Excel keeps as a decimal comes as "3.0".
    text = text.strip().upper().removesuffix(".0")
    if text in OBJECTIVE_CLASSES:
        return text
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0
    return OBJECTIVE_CLASSES[number - 1] if 1 <= number <= len(OBJECTIVE_CLASSES) else ""
