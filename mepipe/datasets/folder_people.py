"""Whose clips a generic folder holds: the person of each, from its folder or from the table.

Two spellings of one name are one person: as two, the person would be in training and in
test. A folder that is named after an emotion is no person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mepipe.datasets import emotions
from mepipe.datasets.clip import Note
from mepipe.datasets.copies import copied_from
from mepipe.datasets.label_files import listed
from mepipe.datasets.label_table import Labels
from mepipe.datasets.spelling import person_key

_Key = tuple[str, str]  # subject's folder (empty: none), clip

# Also given names: where all folders are one of these, it may well be a person's.
_NAMES_TOO = frozenset({"joy"})


@dataclass(frozen=True)
class People:
    """The people of a folder's clips.

    Parameters
    ----------
    subjects
        The person of each clip, in the one spelling; empty where unknown.
    emotions
        The emotion that a clip's folder is named after, by the folder.
    notes
        What there is to say of names.
    """

    subjects: Mapping[_Key, str]
    emotions: Mapping[str, str]
    notes: tuple[Note, ...]


def find_people(keys: Sequence[_Key], table: Labels | None) -> People:
    """Return the person of each clip.

    Parameters
    ----------
    keys
        The folder and name of each clip.
    table
        The table of labels. What it says of a person overrides the folder's name.
    """
    named = _emotion_folders(keys, table)
    stated: dict[_Key, str] = {}
    for key in keys:
        person = table.person(key) if table else None
        if person is None:
            person = "" if key[0] in named else key[0]
        stated[key] = person
    one_spelling, notes = _merge_spellings([person for person in stated.values() if person])
    subjects = {key: one_spelling.get(person, "") for key, person in stated.items()}
    unknown = [key for key in keys if key[0] in named and not subjects[key]]
    if unknown:
        notes = [_no_people(sorted({folder for folder, _ in unknown}), unknown[0]), *notes]
    return People(subjects, named, tuple(notes))


def _emotion_folders(keys: Sequence[_Key], table: Labels | None) -> dict[str, str]:
    """Return the emotion of each folder that is named after one.

    One such name among others may be a person's (Joy). So it takes two, or a folder that
    is the only one.
    """
    folders = sorted({folder for folder, _ in keys if folder})
    found = {folder: word for folder in folders if (word := emotions.emotion_of_folder(folder))}
    if table:
        # Words that no vocabulary has: every clip's word in the table is its folder's name.
        words: dict[str, list[str]] = defaultdict(list)
        for key in keys:
            if key[0] and (word := emotions.normalise(table.cell(key, "emotion"))):
                words[key[0]].append(word)
        own = {folder: emotions.normalise(folder) for folder in words}
        # Numbers of subjects and of classes may be equal by chance, but not clip after clip.
        sure = sum(len(some) > 1 for some in words.values()) > 1 or not any(
            map(emotions.is_code, own.values())
        )
        if sure and all(set(some) == {own[folder]} for folder, some in words.items()):
            found |= own
    alone = len(found) == len(folders) and not set(map(str.casefold, found)) & _NAMES_TOO
    return found if len(found) > 1 or alone else {}


def _merge_spellings(names: Sequence[str]) -> tuple[dict[str, str], list[Note]]:
    """Return the one spelling of each name, and a note for each person with several."""
    present = {person_key(name) for name in names}
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        # "anna - Copy" beside "anna": a copied folder is no further person.
        originals = [person_key(one) for one in copied_from(name, second=False)]
        spellings[next((one for one in originals if one in present), person_key(name))][name] += 1
    one_spelling: dict[str, str] = {}
    notes = []
    for some in spellings.values():
        person = min(some, key=lambda name: (len(name.strip()), name))
        one_spelling |= dict.fromkeys(some, person.strip() if len(some) > 1 else person)
        if len(some) > 1:
            text = (
                f"the subjects {listed([repr(name) for name in sorted(some)])} differ only in "
                "case, spaces, zeros, the form of characters or a copy's number"
            )
            handling = (
                f"they are one person, {one_spelling[person]}: as two, the same face could be in "
                "training and in test. If they are different people, tell them apart in a column "
                "'person' of labels.csv"
            )
            notes.append(Note(None, text, handling))
    return one_spelling, notes


def _no_people(folders: Sequence[str], example: _Key) -> Note:
    return Note(
        None,
        f"the folders {listed(folders)} are named after emotions, so they are not people"
        if len(folders) > 1
        else f"the folder {folders[0]} is named after an emotion, so it is not a person",
        "a clip's emotion is its folder's where no table says another, and its subject is "
        "unknown: no evaluation uses such a clip. Give the people in labels.csv, with the columns "
        f"clip (such as {'/'.join(example)}) and subject",
    )
