"""Who is the same person, for clips whose dataset and subject are known by name only.

The readers name a person ``<collection>/<padded subject>``; published feature
files write the same people in several ways. Both must come to one name, or a
person could stand on both sides of a split.
"""

from __future__ import annotations

from mepipe.datasets import casme2_trees, samm, smic
from mepipe.datasets.clip_trees import plain

# Of a dataset's name, lower case, letters and digits only: whose subjects, and how they are padded.
_CASME2 = ("casme2", casme2_trees.subject_name)
_SMIC = (smic.PERSONS, smic.subject_name)
_SAMM = ("samm", samm.subject_name)
_PEOPLE = {
    **dict.fromkeys(("casme2", "casmeii"), _CASME2),
    **dict.fromkeys(("smic", "smichs", "smicvis", "smicnir", "smice", "smichse"), _SMIC),
    **dict.fromkeys(("samm", "sammlong"), _SAMM),
}


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
    collection, padded = _PEOPLE.get(plain(dataset), (dataset, str))
    return f"{collection}/{padded(subject) or subject}"
