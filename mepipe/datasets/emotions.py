"""The emotion words of the field: one spelling each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

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


def normalise(word: str) -> str:
    """Return an emotion word in lower case, stripped, synonyms made one."""
    word = " ".join(word.split()).casefold()
    return SYNONYMS.get(word, word)


def unknown_word(word: str) -> str:
    """Return the message part for a word outside the vocabulary."""
    close = difflib.get_close_matches(word, sorted(VOCABULARY), n=1)
    return f"unknown emotion {word!r}" + (f" (did you mean {close[0]!r}?)" if close else "")
