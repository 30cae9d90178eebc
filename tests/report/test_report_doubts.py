"""What is worth a look stands once in the head, and on the clip's card without its notes."""

import io

from rich.console import Console

from mepipe.cli.summary import print_doubts
from mepipe.pipeline.worth_a_look import Doubt, in_short


def test_a_clip_is_named_once_with_what_weighs_most_first():
    doubts = (
        Doubt("b", "peak-elsewhere", "the motion is elsewhere", 0.9),
        Doubt("a", "unsure", "the onset is unsure", 0.3),
        Doubt("b", "noted", "two faces; small", 0.1),
        Doubt("c", "noted", "two faces; small", 0.1),
        Doubt("d", "noted", "two faces", 0.1),
    )
    found = [
        ("b", "the motion is elsewhere"),
        ("a", "the onset is unsure"),
        ("c", "two faces (and more)"),
        ("d", "two faces"),
    ]
    assert in_short(doubts) == found
    # The terminal says the same.
    said = io.StringIO()
    print_doubts(Console(file=said, width=200), doubts)
    assert said.getvalue().splitlines()[1:] == [f"  {clip}: {text}" for clip, text in found]
