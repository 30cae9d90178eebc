from collections import Counter
from dataclasses import replace

import pytest
from counts import CASME2_WORDS, SAMM_WORDS, SMIC_WORDS, counted
from lookalike_sets import write_casme_sq

from mepipe.clips.labels import classify
from mepipe.clips.selection import SELECTIONS, select
from mepipe.datasets import casme_sq
from mepipe.datasets.clip import Reject
from mepipe.errors import UsageError

CASME2_OUT = [
    ("casme2/sub04/EP12_01f", "disgust"),
    ("casme2/sub05/EP09_05f", "disgust"),
    ("casme2/sub24/EP07_01", "surprise"),
    ("casme2/sub24/EP07_04f", "surprise"),
    ("casme2/sub24/EP10_03", "surprise"),
]


def casme2():
    return counted("casme2", CASME2_WORDS, CASME2_OUT, subjects=24)


def smic():
    return counted("smic-hs", SMIC_WORDS, subjects=16)


def samm():
    return counted("samm", SAMM_WORDS, subjects=28)


def test_select_none_keeps_everything():
    data = (casme2(), samm())
    assert select(data, None).datasets == data
    assert select(data, None).notes == ()


def test_megc2019_is_the_composite():
    chosen = select([casme2(), smic(), samm()], "megc2019")
    assert [len(dataset.clips) for dataset in chosen.datasets] == [145, 164, 133]
    scheme = classify(chosen.datasets, "megc3")
    counts = [Counter(scheme.label(c) for c in d.clips) for d in chosen.datasets]
    assert [[c[name] for name in scheme.classes] for c in counts] == [
        [88, 32, 25],
        [70, 51, 43],
        [92, 26, 15],
    ]
    assert sum(counts, Counter()) == {"negative": 250, "positive": 109, "surprise": 83}
    assert len({c.group for d in chosen.datasets for c in d.clips}) == 68
    assert [note.text for note in chosen.notes] == [
        "110 clip(s) of casme2 are outside megc2019: left out",
        "26 clip(s) of samm are outside megc2019: left out",
    ]


def test_the_parts_add_up_to_the_published_table():
    parts = SELECTIONS["megc2019"]
    assert sum(sum(part.counts.values()) for part in parts) == 442
    assert sum(part.subjects for part in parts) == 68


def test_a_clip_that_lies_on_disk_without_a_row_of_2019_is_outside():
    rowless = counted("casme2", {"disgust": 64}, [("casme2/sub24/EP02_07", "disgust")])
    (dataset,) = select([rowless], "megc2019").datasets
    assert len(dataset.clips) == 63


def test_megc2019_notes_what_is_missing():
    data = casme2()
    data = replace(
        data,
        clips=data.clips[:99] + data.clips[101:],
        rejects=(
            Reject("casme2/sub09/EP01_1", "BadDataError", "has no folder", ""),
            Reject("casme2/sub04/EP12_01f", "BadDataError", "has no folder", ""),
        ),
    )
    chosen = select([data], "megc2019")
    texts = [note.text for note in chosen.notes]
    assert any("lacks SMIC-HS altogether (164 clips)" in text for text in texts)
    assert any("lacks SAMM altogether (133 clips)" in text for text in texts)
    (text,) = [text for text in texts if "CASME II has" in text]
    assert "143 of 145 clips (negative 86 of 88)" in text
    assert "casme2/sub09/EP01_1" in text
    assert "EP12_01f" not in text, "it is outside anyway"
    assert [reject.clip for reject in chosen.datasets[0].rejects] == ["casme2/sub09/EP01_1"]


def test_megc2019_leaves_other_sets_of_smic_and_folders_out():
    chosen = select([smic(), counted("smic-vis", {"negative": 9})], "megc2019")
    assert [len(dataset.clips) for dataset in chosen.datasets] == [164, 0]


def test_select_refuses_unknown_names_and_datasets_without_a_part():
    with pytest.raises(UsageError, match=r"no selection 'megc2018' .did you mean 'megc2019'"):
        select([casme2()], "megc2018")
    with pytest.raises(UsageError, match="no clip of mine belongs to megc2019") as caught:
        select([counted("mine", {"fear": 2})], "megc2019")
    assert "CASME II, SMIC-HS, SAMM" in caught.value.remedy


def test_a_kind_leaves_out_the_other_one(tmp_path):
    sq = casme_sq.read(write_casme_sq(tmp_path), None)
    micro = select([casme2(), sq], "micro")
    assert [len(dataset.clips) for dataset in micro.datasets] == [len(casme2().clips), 2]
    assert [note.text for note in micro.notes] == [
        "3 clip(s) of casme-sq are not micro-expressions: left out"
    ]
    macro = select([sq], "macro")
    assert {clip.kind for clip in macro.datasets[0].clips} == {"macro"}
    assert macro.datasets[0].unmarked == sq.unmarked


def test_a_row_without_a_kind_is_selected_by_its_length(tmp_path):
    rows = [(1, "disgust1_1", 40, 46, 60, "4", "negative", "macro-expression", "x"),
            (2, "disgust1_1", 40, 46, 55, "4", "negative"),
            (2, "disgust1_2", 40, 46, 56, "4", "negative"),
            (2, "disgust1_3", 40, 46, 0, "4", "negative")]  # fmt: skip
    sq = casme_sq.read(write_casme_sq(tmp_path, rows), None)
    kept = {kind: select([sq], kind).datasets[0].clips for kind in ("micro", "macro")}
    assert [clip.id[-2:] for clip in kept["micro"]] == ["#1"]
    assert [clip.id[-6:-2] + clip.id[-2:] for clip in kept["macro"]] == ["eeth#1", "eeth#2"]


def test_a_kind_that_nothing_has_is_refused():
    with pytest.raises(UsageError, match="is a macro-expression"):
        select([casme2()], "macro")
