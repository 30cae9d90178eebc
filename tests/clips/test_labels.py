from pathlib import Path

import pytest
from counts import CASME2_WORDS, SAMM_WORDS, counted

from mepipe.clips.labels import classify
from mepipe.datasets.clip import Clip, Dataset, Video
from mepipe.datasets.emotions import normalise
from mepipe.errors import UsageError


def dataset(name, words, reader="folder", own_words=False):
    clips = tuple(
        Clip(f"{name}/s/{i}", name, "s", f"{name}/s", Video(Path("c.mp4")), emotion=word)
        for i, word in enumerate(words)
    )
    return Dataset(name, reader, Path("data") / name, clips, own_words=own_words)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (" Happy ", "happiness"),
        ("sad", "sadness"),
        ("Other", "others"),
        ("DISGUST", "disgust"),
        ("very\t happy", "very happy"),
        ("", ""),
    ],
)
def test_normalise_gives_each_emotion_one_spelling(text, word):
    assert normalise(text) == word
    assert normalise(word) == word


def test_megc3_is_the_mapping_of_the_composite():
    samm = dataset("samm", ["anger", "contempt", "fear", "sadness", "others", "surprise"], "samm")
    scheme = classify([samm], "megc3")
    assert scheme.classes == ("negative", "positive", "surprise")
    indices = [scheme.index(clip) for clip in samm.clips]
    assert indices == [0, 0, 0, 0, -1, 2]


def test_in_casme2_only_disgust_and_repression_are_negative():
    words = ["disgust", "repression", "fear", "sadness", "happiness"]
    mine = dataset("mine", words, "casme2")
    scheme = classify([mine], "megc3")
    assert [scheme.label(clip) for clip in mine.clips] == [
        "negative",
        "negative",
        None,
        None,
        "positive",
    ]


def test_classes_of_the_challenge_stay_in_order_even_if_absent():
    scheme = classify([dataset("d", ["surprise", "surprise"])], "megc3")
    assert scheme.classes == ("negative", "positive", "surprise")


def test_own_words_are_the_classes_of_their_dataset():
    own = dataset("mine", ["bored", "amused", "", "happiness"], own_words=True)
    scheme = classify([own], "megc3")
    assert scheme.classes == ("amused", "bored", "happiness")
    assert [scheme.index(clip) for clip in own.clips] == [1, 0, -1, 2]
    named = dataset("d", ["happiness"])
    both = classify([own, named], "megc3")
    assert both.classes == ("negative", "positive", "surprise", "amused", "bored", "happiness")
    assert both.label(named.clips[0]) == "positive"
    assert both.label(own.clips[3]) == "happiness"


def test_scheme_emotion_takes_the_words_that_occur():
    data = dataset("d", ["surprise", "others", "surprise", ""])
    scheme = classify([data], "emotion")
    assert scheme.classes == ("others", "surprise")
    assert [scheme.index(clip) for clip in data.clips] == [1, 0, 1, -1]


def test_classify_without_labels_gives_no_class():
    data = dataset("d", ["", ""])
    assert [classify([data], "megc3").index(clip) for clip in data.clips] == [-1, -1]


def test_an_unknown_word_of_a_named_dataset_names_the_clip():
    with pytest.raises(UsageError, match=r"d/s/1: unknown emotion 'hapiness' .did you mean 'happ"):
        classify([dataset("d", ["fear", "hapiness"])], "megc3")


def write(tmp_path, text):
    path = tmp_path / "scheme.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_scheme_from_the_users_toml_file_is_used(tmp_path):
    path = write(
        tmp_path,
        'classes = ["up", "down"]\n[words]\nsad = "down"\nHappiness = "up"\nbored = "down"\n',
    )
    data = [
        dataset("d", ["sadness", "happiness", "fear"]),
        dataset("mine", ["bored", "amused"], own_words=True),
    ]
    scheme = classify(data, path)
    assert scheme.classes == ("up", "down")
    assert [scheme.index(clip) for clip in data[0].clips] == [1, 0, -1]
    assert [scheme.index(clip) for clip in data[1].clips] == [1, -1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[words\n", "not valid TOML"),
        ("", "no table"),
        ("words = 3\n", "no table"),
        ('[word]\nfear = "a"\n', "unknown key 'word'"),
        ("[words]\nfear = 3\n", "the class of 'fear' is 3, not a text"),
        ('[words]\nfaer = "a"\n', "unknown emotion 'faer' .did you mean 'fear'"),
        ('[words]\nsad = "a"\nsadness = "b"\n', "gives 'sadness' two classes"),
        ('classes = "a"\n[words]\nfear = "a"\n', "not a list"),
        ('classes = ["a", "b"]\n[words]\nfear = "a"\n', "but the words name"),
        ('classes = ["a", "a"]\n[words]\nfear = "a"\n', "but the words name"),
    ],
)
def test_an_invalid_scheme_is_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        classify([dataset("d", ["fear"])], write(tmp_path, text))


def test_an_unknown_scheme_is_refused(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'megc3'"):
        classify([], "megc")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        classify([], str(tmp_path / "none.toml"))


SURPRISES = [
    (f"casme2/{clip}", "surprise") for clip in ("sub03/EP01_2", "sub15/EP04_02", "sub17/EP01_13")
]


@pytest.mark.parametrize(
    ("name", "count", "with_the_rowless_clip"),
    [
        ("casme2-5", 249, 249),
        ("casme2-249", 249, 249),
        ("casme2-246", 246, 246),
        ("casme2-247", 246, 247),
        ("casme2-255", 255, 255),
    ],
)
def test_the_lists_of_casme2_have_their_published_counts(name, count, with_the_rowless_clip):
    sheet = counted("casme2", CASME2_WORDS, SURPRISES)
    scheme = classify([sheet], name)
    assert len(scheme.of) == count
    assert len(scheme.classes) == (7 if name == "casme2-255" else 5)
    assert bool(scheme.notes) == (name == "casme2-247")
    assert all("casme2/sub24/EP02_07" in note.text for note in scheme.notes)
    extra = dict(CASME2_WORDS, disgust=64)
    more = counted("casme2", extra, [*SURPRISES, ("casme2/sub24/EP02_07", "disgust")])
    scheme = classify([more], name)
    assert len(scheme.of) == with_the_rowless_clip
    assert not scheme.notes


def test_samm_5_has_its_published_counts():
    samm = counted("samm", SAMM_WORDS)
    scheme = classify([samm], "samm-5")
    assert scheme.classes == ("anger", "happiness", "others", "surprise", "contempt")
    assert len(scheme.of) == 136


def test_objective_class_is_read_as_a_roman_numeral():
    cells = ["1", "VII", "iii", "3.0", "", "8", "x", "0"]
    clips = tuple(
        Clip(f"d/s/{i}", "d", "s", "d/s", Video(Path("c")), objective_class=cell)
        for i, cell in enumerate(cells)
    )
    scheme = classify([Dataset("d", "casme2", Path("data"), clips)], "objective")
    assert scheme.classes == ("I", "II", "III", "IV", "V", "VI", "VII")
    assert [scheme.label(clip) for clip in clips] == ["I", "VII", "III", "III", *[None] * 4]
    with pytest.raises(UsageError, match="no clip has an objective class"):
        classify([dataset("d", ["fear"])], "objective")
