"""Emotion words and the classes they become, as data.

A scheme is ``megc3`` (default), ``emotion``, or the user's own TOML file::

    classes = ["negative", "positive"]   # optional: the order of the classes

    [words]
    disgust = "negative"
    repression = "negative"
    happiness = "positive"

A word that a scheme does not name is outside its classes: such clips keep
their features and are left out of training.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.datasets.model import Dataset
from mepipe.errors import UsageError

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


@dataclass(frozen=True)
class Scheme:
    """How words become classes.

    ``outside`` names, for a reader, words that its sets leave out although
    ``words`` has a class for them. ``own_words`` says that a dataset with the
    user's own words keeps these as its classes.
    """

    classes: tuple[str, ...]
    words: Mapping[str, str]
    outside: Mapping[str, frozenset[str]] = field(default_factory=dict)
    own_words: bool = False


MEGC3 = Scheme(
    classes=("negative", "positive", "surprise"),
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

SCHEMES: Mapping[str, Scheme | None] = {"megc3": MEGC3, "emotion": None}


@dataclass(frozen=True)
class LabelScheme:
    """The classes of a run and the class of every word that occurs in it.

    ``of`` maps (dataset name, emotion word) to a class, or to None where the
    word is outside the classes. ``classes_file`` says that the user's file decided.
    """

    classes: tuple[str, ...]
    of: Mapping[tuple[str, str], str | None]
    classes_file: bool = False

    def label(self, dataset: str, word: str) -> str | None:
        """Return the class of a clip's emotion word; None without one."""
        return self.of[dataset, word] if word else None

    def index(self, dataset: str, word: str) -> int:
        """Return the position of the class in ``classes``; -1 without one."""
        label = self.label(dataset, word)
        return -1 if label is None else self.classes.index(label)


def normalise(word: str) -> str:
    """Return an emotion word in lower case, stripped, synonyms made one."""
    word = " ".join(word.split()).casefold()
    return SYNONYMS.get(word, word)


def unknown_word(word: str) -> str:
    """Return the message part for a word outside the vocabulary."""
    close = difflib.get_close_matches(word, sorted(VOCABULARY), n=1)
    return f"unknown emotion {word!r}" + (f" (did you mean {close[0]!r}?)" if close else "")


def classify(datasets: Sequence[Dataset], scheme: str) -> LabelScheme:
    """Give every emotion word of the datasets its class.

    Parameters
    ----------
    datasets
        The datasets of a run.
    scheme
        ``megc3``, ``emotion`` or the path of a TOML file.

    Raises
    ------
    UsageError
        If the scheme is unknown or its file is wrong, or a dataset of the
        field's vocabulary holds a word outside it.
    """
    words = {d.name: {c.emotion for c in d.clips if c.emotion} for d in datasets}
    for dataset in datasets:
        if not dataset.own_words:
            _check_vocabulary(dataset)
    everything = set().union(*words.values())
    chosen = _scheme(scheme, everything)
    if chosen is None:
        return LabelScheme(
            tuple(sorted(everything)),
            {(name, word): word for name, some in words.items() for word in some},
        )
    of: dict[tuple[str, str], str | None] = {}
    for dataset in datasets:
        outside = chosen.outside.get(dataset.reader, frozenset())
        for word in words[dataset.name]:
            if dataset.own_words and chosen.own_words:
                of[dataset.name, word] = word
            else:
                of[dataset.name, word] = None if word in outside else chosen.words.get(word)
    own = sorted({w for d in datasets if d.own_words and chosen.own_words for w in words[d.name]})
    only_own = chosen.own_words and bool(own) and all(d.own_words for d in datasets)
    classes = () if only_own else chosen.classes
    return LabelScheme(tuple(dict.fromkeys((*classes, *own))), of, scheme not in SCHEMES)


def _check_vocabulary(dataset: Dataset) -> None:
    for clip in dataset.clips:
        if clip.emotion and clip.emotion not in VOCABULARY:
            raise UsageError(
                f"{clip.id}: {unknown_word(clip.emotion)}",
                f"Correct it in {dataset.root}; known are {', '.join(sorted(VOCABULARY))}.",
            )


def _scheme(name: str, present: set[str]) -> Scheme | None:
    if name in SCHEMES:
        return SCHEMES[name]
    if not name.lower().endswith(".toml"):
        close = difflib.get_close_matches(name, SCHEMES, n=1)
        raise UsageError(
            f"labels.classes: unknown scheme {name!r}"
            + (f" (did you mean {close[0]!r}?)" if close else ""),
            f"Use {', '.join(SCHEMES)}, or a file that ends in .toml.",
        )
    return read_scheme(Path(name), present)


def read_scheme(path: Path, present: set[str]) -> Scheme:
    """Read a label scheme from a TOML file.

    Parameters
    ----------
    path
        The file; its form is in this module's description.
    present
        The words of the datasets: a word that is neither one of these nor in
        the vocabulary is taken for a misspelling.

    Raises
    ------
    UsageError
        If the file cannot be read or is not of that form.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"labels.classes: {path} cannot be read: {error.strerror}", "Check the path."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}", "Correct it.") from error
    form = 'It needs a table [words] with lines such as disgust = "negative".'
    unknown = sorted(data.keys() - {"classes", "words"})
    if unknown:
        raise UsageError(f"{path}: unknown key {unknown[0]!r}", form)
    table = data.get("words")
    if not isinstance(table, dict) or not table:
        raise UsageError(f"{path} has no table [words]", form)
    words: dict[str, str] = {}
    for raw, label in table.items():
        if not isinstance(label, str) or not label.strip():
            raise UsageError(f"{path}: the class of {raw!r} is {label!r}, not a text", form)
        word = normalise(raw)
        if word not in VOCABULARY and word not in present:
            raise UsageError(
                f"{path}: {unknown_word(word)}", "No dataset of this run has this word."
            )
        if words.setdefault(word, label.strip()) != label.strip():
            raise UsageError(f"{path} gives {word!r} two classes", "Keep one.")
    return Scheme(_class_order(path, data.get("classes"), words), words)


def _class_order(path: Path, classes: object, words: Mapping[str, str]) -> tuple[str, ...]:
    used = tuple(dict.fromkeys(words.values()))
    if classes is None:
        return used
    if not isinstance(classes, list) or not all(isinstance(label, str) for label in classes):
        raise UsageError(f"{path}: classes is not a list of texts", "Correct it.")
    if len(set(classes)) != len(classes) or set(classes) != set(used):
        raise UsageError(
            f"{path}: classes is {classes}, but the words name {list(used)}",
            "List every class once, or leave the list out.",
        )
    return tuple(classes)
