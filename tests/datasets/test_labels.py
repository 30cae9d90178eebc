from pathlib import Path

import pytest

from mepipe.datasets.labels import classify, normalise
from mepipe.datasets.model import Clip, Dataset, Video
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
def test_normalise(text, word):
    assert normalise(text) == word
    assert normalise(word) == word


def test_megc3_is_the_mapping_of_the_composite():
    samm = dataset("samm", ["anger", "contempt", "fear", "sadness", "others", "surprise"], "samm")
    scheme = classify([samm], "megc3")
    assert scheme.classes == ("negative", "positive", "surprise")
    indices = [scheme.index("samm", clip.emotion) for clip in samm.clips]
    assert indices == [0, 0, 0, 0, -1, 2]
    assert scheme.index("samm", "") == -1


def test_in_casme2_only_disgust_and_repression_are_negative():
    words = ["disgust", "repression", "fear", "sadness", "happiness"]
    scheme = classify([dataset("mine", words, "casme2")], "megc3")
    assert [scheme.label("mine", word) for word in words] == [
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
    assert [scheme.index("mine", c.emotion) for c in own.clips] == [1, 0, -1, 2]
    both = classify([own, dataset("d", ["happiness"])], "megc3")
    assert both.classes == ("negative", "positive", "surprise", "amused", "bored", "happiness")
    assert both.label("d", "happiness") == "positive"
    assert both.label("mine", "happiness") == "happiness"


def test_emotion_takes_the_words_that_occur():
    scheme = classify([dataset("d", ["surprise", "others", "surprise", ""])], "emotion")
    assert scheme.classes == ("others", "surprise")
    assert scheme.index("d", "surprise") == 1


def test_nothing_labelled():
    scheme = classify([dataset("d", ["", ""])], "megc3")
    assert scheme.index("d", "") == -1


def test_an_unknown_word_of_a_named_dataset_names_the_clip():
    with pytest.raises(UsageError, match=r"d/s/1: unknown emotion 'hapiness' .did you mean 'happ"):
        classify([dataset("d", ["fear", "hapiness"])], "megc3")


def write(tmp_path, text):
    path = tmp_path / "scheme.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_users_own_scheme(tmp_path):
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
    assert [scheme.index("d", c.emotion) for c in data[0].clips] == [1, 0, -1]
    assert [scheme.index("mine", c.emotion) for c in data[1].clips] == [1, -1]


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
def test_wrong_schemes(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        classify([dataset("d", ["fear"])], write(tmp_path, text))


def test_scheme_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'megc3'"):
        classify([], "megc")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        classify([], str(tmp_path / "none.toml"))
