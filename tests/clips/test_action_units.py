import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.clips.action_units import ActionUnit, parse_action_units


@pytest.mark.parametrize(
    ("cell", "text", "unparsed"),
    [
        ("", "", ()),
        ("12", "12", ()),
        ("4+7+L10", "4;7;L10", ()),
        ("R2+15", "R2;15", ()),
        ("L12 or L14", "L12?;L14?", ()),
        ("(R6 or R12) + R15", "R6?;R12?;R15", ()),
        ("R15+(4+7 or 12)", "R15;4?;7?;12?", ()),
        ("7B+ ref(43)", "7B", ("ref(43)",)),
        ("R14+17+soft focus", "R14;17", ("soft focus",)),
        ("10A/B", "10A/B", ()),
        ("10A-B", "10A/B", ()),
        ("A1B+A2C", "A1B;A2C", ()),
        ("U14", "U14", ()),
        ("au4, AU 7; l10c", "4;7;L10C", ()),
        ("4?", "4?", ()),
        ("12/14", "12?;14?", ()),
        ("12/L14", "12?;L14?", ()),
        ("+4++7+", "4;7", ()),
        ("(4", "4?", ()),
        ("4)", "4?", ()),
        ("()", "", ("()",)),
        ("12E or", "", ("12E or",)),
        ("/", "", ("/",)),
        ("=A1+7", "7", ("=A1",)),
        ("٣", "", ("٣",)),
        ("123", "", ("123",)),
    ],
)
def test_parse_reads_the_notation_of_every_sheet(cell, text, unparsed):
    found = parse_action_units(cell)
    assert (found.text, found.unparsed) == (text, unparsed)


def test_parse_keeps_side_intensity_and_doubt():
    first, second = parse_action_units("A1B or L2").units
    assert first == ActionUnit(1, "asymmetric", "B", True, "A1B")
    assert second == ActionUnit(2, "left", "", True, "L2")
    assert parse_action_units("U14").units[0].side == "unilateral"


FORM = re.compile(r"([LRUA]?)([0-9]+)([A-E]?)(?:/([A-E]))?(\??)")


@given(st.text(max_size=60) | st.text("LRUAE0123456789+/()or?;, -", max_size=60))
def test_parse_of_any_text_loses_nothing(cell):
    found = parse_action_units(cell)
    for text in found.text.split(";") if found.text else []:
        assert FORM.fullmatch(text)
    for part in found.unparsed:
        assert part in cell
    # Every digit of the cell is in a unit or in a part that is named.
    kept = "".join(unit.raw for unit in found.units) + "".join(found.unparsed)
    assert sorted(re.findall(r"[0-9]", cell)) == sorted(re.findall(r"[0-9]", kept))


unit = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "L", "R", "U", "A"]),
    st.integers(0, 99),
    st.sampled_from(["", "A", "C", "E", "A/B"]),
    st.sampled_from(["", "?"]),
)


@given(st.lists(unit, max_size=8))
def test_parse_reads_its_own_form_back(units):
    text = ";".join(units)
    assert parse_action_units(text).text == text
    assert parse_action_units(" + ".join(units)).text == text
    assert parse_action_units(text).unparsed == ()


def test_parse_survives_deep_brackets():
    assert parse_action_units("(" * 100_000 + "4").text == "4?"
