import pytest

from mepipe.datasets.emotions import VOCABULARY
from mepipe.datasets.errata import ERRATA, amend


def cells(onset="261", apex="/", offset="321", emotion="others"):
    return {"onset": onset, "apex": apex, "offset": offset, "emotion": emotion}


def test_amend_applies_a_known_correction_and_notes_it():
    amended = amend("casme2", "sub04", "EP12_01f", cells())
    assert amended.cells == cells(apex="300")
    assert amended.corrected == {"apex"}
    assert amended.notes == ("known erratum: apex / is read as 300 (the sheet of 2014)",)


def test_amend_leaves_a_corrected_sheet_alone():
    amended = amend("casme2", "sub04", "EP12_01f", cells(apex="298"))
    assert amended.cells == cells(apex="298")
    assert not amended.corrected
    assert not amended.notes


def test_amend_leaves_other_clips_and_datasets_alone():
    assert not amend("casme2", "sub05", "EP12_01f", cells()).notes
    assert not amend("samm", "sub04", "EP12_01f", cells()).notes


@pytest.mark.parametrize(
    ("clip", "row", "noted"),
    [
        (("sub05", "EP09_05f"), cells("50", "50", "90"), True),
        (("sub05", "EP09_05f"), cells("50", "070", "90"), False),
        (("sub12", "EP09_06"), cells("50", "90", "090"), True),
        (("sub24", "EP10_03"), cells(emotion="Surprise"), True),
        (("sub24", "EP10_03"), cells(emotion="sadness"), False),
    ],
)
def test_amend_only_notes_an_erratum_without_a_correction(clip, row, noted):
    amended = amend("casme2", *clip, row)
    assert amended.cells == row
    assert not amended.corrected
    assert bool(amended.notes) == noted


def test_amend_applies_an_erratum_of_one_tree_to_that_tree_only():
    row = cells("73", "94", "110")
    assert amend("casme2", "sub16", "EP01_08", row, "Cropped").notes
    assert not amend("casme2", "sub16", "EP01_08", row, "RAW_selected").notes


def test_errata_name_known_fields_and_valid_values():
    assert len({(e.dataset, e.subject, e.clip, e.field, e.tree) for e in ERRATA}) == len(ERRATA)
    for erratum in ERRATA:
        assert erratum.field in {"onset", "apex", "offset", "emotion"}
        assert erratum.source
        assert erratum.corrected != erratum.printed
        if erratum.field == "emotion":
            assert erratum.printed in VOCABULARY
