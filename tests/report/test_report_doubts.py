"""What is worth a look stands once in the head, and on the clip's card without its notes."""

from types import SimpleNamespace

from mepipe.pipeline.worth_a_look import Doubt
from mepipe.report.assemble import _doubts


def test_a_clip_is_named_once_with_what_weighs_most_first():
    shown = SimpleNamespace(
        doubts=(
            Doubt("b", "peak-elsewhere", "the motion is elsewhere", 0.9),
            Doubt("a", "unsure", "the onset is unsure", 0.3),
            Doubt("b", "noted", "two faces; small", 0.1),
            Doubt("c", "noted", "two faces; small", 0.1),
            Doubt("d", "noted", "two faces", 0.1),
        )
    )
    assert _doubts(shown) == [
        ("b", "the motion is elsewhere"),
        ("a", "the onset is unsure"),
        ("c", "two faces (and more)"),
        ("d", "two faces"),
    ]
