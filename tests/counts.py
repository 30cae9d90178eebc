"""The datasets by their counts: as many clips of each word, under made names."""

from pathlib import Path

from mepipe.datasets.clip import Clip, Dataset, Video

CASME2_WORDS = {
    "others": 99, "disgust": 63, "happiness": 32, "surprise": 28, "repression": 27, "sadness": 4,
    "fear": 2,
}  # fmt: skip
SAMM_WORDS = {
    "anger": 57, "happiness": 26, "others": 26, "surprise": 15, "contempt": 12, "disgust": 9,
    "fear": 8, "sadness": 6,
}  # fmt: skip
SMIC_WORDS = {"negative": 70, "positive": 51, "surprise": 43}


def counted(name, words, named=(), subjects=1):
    """Return a dataset with so many clips of each word; ``named`` are (id, word) of some."""
    every = [word for word, count in words.items() for _ in range(count)]
    for _, word in named:
        every.remove(word)
    clips = [(f"{name}/t{i % subjects:02d}/{i}", word) for i, word in enumerate(every)]
    return Dataset(
        name,
        name,
        Path("data"),
        tuple(
            Clip(i, name, i.split("/")[1], i.rsplit("/", 1)[0], Video(Path("c")), emotion=word)
            for i, word in [*clips, *named]
        ),
    )
