"""The field's vocabulary of emotions, with one spelling for each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from mepipe.errors import suggest

# Spellings that the published sheets mix.
SYNONYMS: Mapping[str, str] = {"happy": "happiness", "sad": "sadness", "other": "others"}

VOCABULARY: frozenset[str] = frozenset(
    {
        "anger",
        "contempt",
        "disgust",
        "fear",
        "happiness",
        "negative",
        "others",
        "positive",
        "repression",
        "sadness",
        "surprise",
        "tense",
    }
)


# What people call folders, and no sheet does.
_FOLDER_WORDS: Mapping[str, str] = {
    **{word: word for word in VOCABULARY},
    **SYNONYMS,
    **{"angry": "anger", "disgusted": "disgust", "disgusting": "disgust", "neutral": "neutral"},
    **{"fearful": "fear", "afraid": "fear", "scared": "fear", "surprised": "surprise"},
    **{"joy": "happiness", "repressed": "repression", "contemptuous": "contempt"},
    **{"negatives": "negative", "positives": "positive", "neg": "negative", "pos": "positive"},
}
_BESIDE = frozenset(
    {"micro", "macro", "me", "expression", "expressions", "emotion", "emotions", "class", "label"}
    | {"clips", "videos", "samples", "raw", "cropped"}
)
_CODE = re.compile(r"[+-]?0*([0-9]{1,15})(?:[.,]0*)?\Z")
_WORDS = re.compile(r"[^\W\d_]+")


def normalise(word: str) -> str:
    """Return an emotion word in lower case, without outer blanks, in its one spelling.

    A whole number is a class code: ``1.0`` is ``1``, which spreadsheets write so.

    Examples
    --------
    >>> normalise(" Happy ")
    'happiness'
    """
    word = " ".join(unicodedata.normalize("NFKC", word).split()).casefold()
    code = _CODE.match(word)
    if code:
        return f"-{code[1]}" if word.startswith("-") and int(code[1]) else str(int(code[1]))
    return SYNONYMS.get(word, word)


def is_code(word: str) -> bool:
    """Say whether a word, as `normalise` writes it, is a number: the code of a class."""
    return word.removeprefix("-").isdecimal()


def emotion_of_folder(name: str) -> str:
    """Return the emotion that a folder's name states; empty if it names anything else.

    Examples
    --------
    >>> emotion_of_folder("0_Negative"), emotion_of_folder("anna")
    ('negative', '')
    """
    words = _WORDS.findall(unicodedata.normalize("NFKC", name).casefold())
    stated = [_FOLDER_WORDS[word] for word in words if word in _FOLDER_WORDS]
    others = [word for word in words if word not in _FOLDER_WORDS and word not in _BESIDE]
    return stated[0] if len(stated) == 1 and not others else ""


def unknown_word(word: str) -> str:
    """Return the part of a message that names a word outside the vocabulary."""
    return f"unknown emotion {word!r}{suggest(word, sorted(VOCABULARY))}"
