"""The emotion words of the field: one spelling each."""

from __future__ import annotations

from collections.abc import Mapping

from mepipe.errors import suggest

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
    return f"unknown emotion {word!r}{suggest(word, sorted(VOCABULARY))}"
