"""The pages on security name tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/attacks.md"])
def test_every_test_that_a_page_names_exists(page):
    named = set(re.findall(r"`(tests/[^`]+)`", (ROOT / page).read_text(encoding="utf-8")))
    assert len(named) > 5
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_every_attack_has_a_row():
    text = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert numbers == sorted(numbers)
    assert set(numbers) == {*range(1, 32)}
