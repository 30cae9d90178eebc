"""Docstrings as Markdown: mkdocs reads them so for the page of the API.

A docstring is written for a terminal: examples begin with ``>>>``, and what ends with
two colons is followed by a block of text. In Markdown both need a fence. Parameters
that are described together come apart, and so do a type and a sentence.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

# An example and what it prints, up to an empty line.
_EXAMPLE = re.compile(r"^( *)>>> .*(?:\n\1\S.*)*", re.MULTILINE)
_HEADER = re.compile(r"^ *Examples\n *-+\n", re.MULTILINE)
_BLOCK = re.compile(r"::\n\n(( +)\S.*(?:\n(?:\2.*)?)*)")
_TOGETHER = re.compile(
    r"^( *)(\*{0,2}\w+(?:, \*{0,2}\w+)+)\n((?:\1 +\S.*(?:\n|\Z))+)", re.MULTILINE
)
_TABLE = re.compile(r"^( *)=+ [= ]+\n(?:\1.*\n)*?(\1=+ [= ]+\n)(?:\1.*\n)*?\2", re.MULTILINE)
_RETURNS = re.compile(r"(?<=^Returns\n-------\n)((?:\S.*(?:\n|\Z))+)(?! )", re.MULTILINE)
_FLAG = re.compile(r" *# doctest: .*$", re.MULTILINE)


class Docstrings(Extension):
    """Puts fences around the examples and the blocks of text of every docstring."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of an object that was just read."""
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(text: str) -> str:
    """Return a docstring with fences.

    >>> print(to_markdown("Adds.\\n\\n>>> add(1, 1)\\n2"))
    Adds.
    <BLANKLINE>
    ```pycon
    >>> add(1, 1)
    2
    ```
    """
    header = _HEADER.search(text)
    # The section of that name is known as examples by its header.
    told, rest = (text[: header.start()], text[header.start() :]) if header else (text, "")
    told = _FLAG.sub("", told)
    told = _EXAMPLE.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", told)
    told = _BLOCK.sub(lambda found: f":\n\n```text\n{_left(found[1], found[2])}\n```\n\n", told)
    told = _TABLE.sub(lambda found: f"{found[1]}```text\n{found[0]}{found[1]}```\n", told)
    told = _RETURNS.sub(_sentence, told)
    return _TOGETHER.sub(_apart, told) + rest


def _sentence(found: re.Match[str]) -> str:
    """Return a sentence of the section of what is returned as one: it is no type."""
    return ":\n" + "".join(f"    {line}\n" for line in found[1].splitlines())


def _apart(found: re.Match[str]) -> str:
    """Return an entry for each of several parameters that are described together.

    Each has a type of its own, which is read from the signature.
    """
    indent, names, description = found.groups()
    return "".join(f"{indent}{name}\n{description.rstrip()}\n" for name in names.split(", "))


def _left(block: str, indent: str) -> str:
    """Return a block of text without its indentation."""
    lines = block.rstrip().splitlines()
    return "\n".join(line.removeprefix(indent) for line in lines)
