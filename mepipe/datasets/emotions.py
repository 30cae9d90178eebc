"""The field's vocabulary of emotions, with one spelling for each."""

from __future__ import annotations

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


def normalise(word: str) -> str:
    """Return an emotion word in lower case, without outer blanks, in its one spelling.

    Examples
    --------
    >>> normalise(" Happy ")
    'happiness'
    """
    word = " ".join(word.split()).casefold()
    return SYNONYMS.get(word, word)


def unknown_word(word: str) -> str:
    """Return the part of a message that names a word outside the vocabulary."""
    return f"unknown emotion {word!r}{suggest(word, sorted(VOCABULARY))}"
