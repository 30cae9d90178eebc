"""The id of a subject across datasets, for clips known by dataset and subject only.

The readers identify a person by ``<collection>/<padded subject>``. Published
feature files write the same people in several ways. Both must give the same id,
or one person could be on both sides of a split.
"""

from __future__ import annotations

from mepipe.datasets import casme2_trees, samm, smic
from mepipe.datasets.clip_trees import normalise_name

# How a dataset's name begins, the collection of its subjects, and how they are padded.
# The beginning is enough: SMIC-HS, SMIC-VIS-E or SAMM-MW have the subjects of SMIC and
# SAMM. CASME and CAS(ME)3 have subjects of their own, so "casme" alone is not here.
_COLLECTIONS = (
    ("casme2", "casme2", casme2_trees.subject_name),
    ("casmeii", "casme2", casme2_trees.subject_name),
    ("smic", smic.SUBJECT_COLLECTION, smic.subject_name),
    ("samm", "samm", samm.subject_name),
)


def subject_id(dataset: str, subject: str) -> str:
    """Return a subject's id as the readers write it in ``Clip.group``.

    Parameters
    ----------
    dataset
        Any usual name of the dataset. If it is not CASME II, SMIC or SAMM, the id
        is ``<dataset>/<subject>`` as given.
    subject
        The subject, as the file writes it.

    Examples
    --------
    >>> subject_id("SMIC-HS", "1")
    'smic/s01'
    """
    name = normalise_name(dataset)
    for beginning, collection, padded in _COLLECTIONS:
        if name.startswith(beginning):
            return f"{collection}/{padded(subject) or subject}"
    return f"{dataset}/{subject}"
