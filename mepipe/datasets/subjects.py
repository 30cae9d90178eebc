"""Who is the same person, for clips whose dataset and subject are known by name only.

The readers name a person ``<collection>/<padded subject>``; published feature
files write the same people in several ways. Both must come to one name, or a
person could stand on both sides of a split.
"""

from __future__ import annotations

from mepipe.datasets import casme2_trees, samm, smic
from mepipe.datasets.clip_trees import plain

# How a dataset's name begins (as `plain` writes it: SMIC-HS, SMIC-VIS-E, SAMM-MW, ...), whose
# subjects it has, and how they are padded. CASME and CAS(ME)3 have people of their own.
_PEOPLE = (
    ("casme2", "casme2", casme2_trees.subject_name),
    ("casmeii", "casme2", casme2_trees.subject_name),
    ("smic", smic.PERSONS, smic.subject_name),
    ("samm", "samm", samm.subject_name),
)


def person(dataset: str, subject: str) -> str:
    """Return the person's name as the readers make it: ``smic/s01`` for 'SMIC-HS' and '1'.

    Parameters
    ----------
    dataset
        Any usual name. Of one that is not CASME II, SMIC or SAMM the person is
        ``<dataset>/<subject>``, as given.
    subject
        As the file writes it.
    """
    name = plain(dataset)
    for beginning, collection, padded in _PEOPLE:
        if name.startswith(beginning):
            return f"{collection}/{padded(subject) or subject}"
    return f"{dataset}/{subject}"
