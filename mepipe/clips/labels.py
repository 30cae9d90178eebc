"""Gives clips their classes by a label scheme.

A scheme is one of `mepipe.clips.label_schemes` (``megc3`` by default), or the
user's own TOML file::

    classes = ["negative", "positive"]   # optional: the order of the classes

    [words]
    disgust = "negative"
    repression = "negative"
    happiness = "positive"

A clip whose word the scheme does not name has no class, and so has one in which the user saw
no movement. It keeps its features and takes no part in training.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from mepipe.clips.label_schemes import SCHEMES, Scheme, objective_class
from mepipe.datasets.clip import Clip, Dataset, Note
from mepipe.datasets.emotions import VOCABULARY, is_code, normalise, unknown_word
from mepipe.errors import UsageError, suggest
from mepipe.plausible import one_class_each, one_class_text


@dataclass(frozen=True)
class LabelScheme:
    """The classes of a run, and the class of every clip.

    Parameters
    ----------
    classes
        The names of the classes, in order.
    of
        The class of each clip that has one, by the clip's id.
    words
        The class of each (dataset name, word); None if the word has no class.
    classes_file
        True if the user's own file decided.
    notes
        What to think of: the clips that the scheme needs and that are not here, numbers as
        classes, subjects of one class each.
    """

    classes: tuple[str, ...]
    of: Mapping[str, str]
    words: Mapping[tuple[str, str], str | None]
    classes_file: bool = False
    notes: tuple[Note, ...] = ()

    def label(self, clip: Clip) -> str | None:
        """Return the class of a clip; None if it has none."""
        return self.of.get(clip.id)

    def index(self, clip: Clip) -> int:
        """Return the position of a clip's class in ``classes``; -1 if it has none."""
        label = self.label(clip)
        return -1 if label is None else self.classes.index(label)


def classify(datasets: Sequence[Dataset], scheme: str) -> LabelScheme:
    """Return the class of every clip of the datasets.

    Parameters
    ----------
    datasets
        The datasets of a run.
    scheme
        A name of `SCHEMES`, or the path of a TOML file.

    Raises
    ------
    UsageError
        If the scheme is unknown or its file is not valid. If the scheme goes by
        objective classes and no clip has one. If a dataset with the field's
        vocabulary has a word outside it.
    """
    for dataset in datasets:
        if not dataset.own_words:
            _check_vocabulary(dataset)
    everything = {clip.emotion for dataset in datasets for clip in dataset.clips if clip.emotion}
    chosen = _find_scheme(scheme, everything)
    if chosen is None:  # the scheme "emotion"
        same = {word: word for word in sorted(everything)}
        chosen = Scheme(tuple(same), same)
    words = {
        (dataset.name, word): _class_of_word(chosen, dataset, word)
        for dataset in datasets
        for word in sorted({_deciding_word(chosen, clip) for clip in dataset.clips} - {""})
    }
    if not words and chosen.by == "objective_class":
        raise UsageError(
            f"labels.classes = {scheme}: no clip has an objective class",
            "The sheets need a column 'Objective Classes' with I to VII or 1 to 7.",
        )
    of = {
        clip.id: label
        for dataset in datasets
        for clip in dataset.clips
        if (label := words.get((dataset.name, _deciding_word(chosen, clip)))) is not None
        and clip.id not in chosen.without
    }
    own = sorted({w for d in datasets if d.own_words and chosen.own_words for n, w in words
                  if n == d.name})  # fmt: skip
    # The scheme's classes without a single clip would stand in every table.
    only_own = chosen.own_words and bool(own) and all(d.own_words for d in datasets)
    classes = () if only_own else chosen.classes
    return LabelScheme(
        tuple(dict.fromkeys((*classes, *own))),
        of,
        words,
        scheme not in SCHEMES,
        (
            *_one_class_notes(datasets, of),
            *(_code_notes(datasets) if scheme in SCHEMES else ()),
            *_missing_clip_notes(scheme, chosen, of.keys() | _still(datasets)),
        ),
    )


def _one_class_notes(datasets: Sequence[Dataset], of: Mapping[str, str]) -> list[Note]:
    """Return a warning for each dataset whose "subjects" have one class each."""
    notes = []
    for dataset in datasets:
        found = one_class_each((clip.group, of.get(clip.id, "")) for clip in dataset.clips)
        if found:
            notes.append(Note(None, one_class_text(dataset.name, found), "used as they are"))
    return notes


def _code_notes(datasets: Sequence[Dataset]) -> list[Note]:
    """Return a note for each dataset whose words are numbers: what they mean is not known."""
    notes = []
    for dataset in datasets:
        codes = sorted({c.emotion for c in dataset.clips if is_code(c.emotion)}, key=int)
        if codes and dataset.own_words:
            text = (
                f"{dataset.name}: the emotions are numbers ({', '.join(codes[:8])}): they are the "
                "names of the classes. To name them, map them in a file, --set "
                f'labels.classes=FILE.toml, with lines such as "{codes[0]}" = "negative" below '
                "[words]"
            )
            notes.append(Note(None, text))
    return notes


def _deciding_word(scheme: Scheme, clip: Clip) -> str:
    """Return the text that decides a clip's class; empty if it has none."""
    if clip.movement is False:  # the user saw nothing, whatever the dataset says
        return ""
    return objective_class(clip.objective_class) if scheme.by != "emotion" else clip.emotion


def _class_of_word(scheme: Scheme, dataset: Dataset, word: str) -> str | None:
    if dataset.own_words and scheme.own_words:
        return word
    outside = scheme.outside.get(dataset.reader, frozenset())
    return None if word in outside else scheme.words.get(word)


def _still(datasets: Sequence[Dataset]) -> set[str]:
    """Return the clips in which the user saw no movement: they are here, without a class."""
    return {clip.id for one in datasets for clip in one.clips if clip.movement is False}


def _missing_clip_notes(name: str, scheme: Scheme, here: Set[str]) -> list[Note]:
    return [
        Note(
            None,
            f"{name} has a clip {clip} that is not here",
            "the list lacks it. Where its frames are on disk, add its row to a copy of the sheet",
        )
        for clip in sorted(scheme.needs - here)
    ]


def _check_vocabulary(dataset: Dataset) -> None:
    for clip in dataset.clips:
        if clip.emotion and clip.emotion not in VOCABULARY:
            raise UsageError(
                f"{clip.id}: {unknown_word(clip.emotion)}",
                f"Correct it in {dataset.root}; known are {', '.join(sorted(VOCABULARY))}.",
            )


def _find_scheme(name: str, present: set[str]) -> Scheme | None:
    if name in SCHEMES:
        return SCHEMES[name]
    if not name.lower().endswith(".toml"):
        raise UsageError(
            f"labels.classes: unknown scheme {name!r}{suggest(name, SCHEMES)}",
            f"Use {', '.join(SCHEMES)}, or a file that ends in .toml.",
        )
    return read_scheme(Path(name), present)


def read_scheme(path: Path, present: set[str]) -> Scheme:
    """Read a label scheme from a TOML file.

    Parameters
    ----------
    path
        The file. This module's docstring shows its form.
    present
        The words of the datasets. A word that is neither one of these nor in
        the vocabulary is taken for a misspelling.

    Raises
    ------
    UsageError
        If the file cannot be read or does not have that form.
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
    # Spellings such as "happy" and "happiness" are one word, so a file may give it twice.
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
    # A class without words can have no clips, and a class that is not listed has no place.
    if len(set(classes)) != len(classes) or set(classes) != set(used):
        raise UsageError(
            f"{path}: classes is {classes}, but the words name {list(used)}",
            "List every class once, or leave the list out.",
        )
    return tuple(classes)
