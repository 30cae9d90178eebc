import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.cache.keys import canonical, object_key

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(json_values)
def test_canonical_text_gives_the_value_back(value):
    assert json.loads(canonical(value)) == value


@pytest.mark.slow
@given(st.dictionaries(st.text(), json_values, min_size=2))
def test_order_of_settings_does_not_matter(value):
    backwards = dict(reversed(value.items()))
    assert canonical(value) == canonical(backwards)


@given(json_values, json_values)
def test_equal_keys_mean_equal_values(a, b):
    same = object_key("s", 1, {"a": a}) == object_key("s", 1, {"a": b})
    assert same == (canonical(a) == canonical(b))


def test_tuples_and_lists_are_one():
    assert canonical((1, (2, 3))) == canonical([1, [2, 3]])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_key_refuses_what_is_no_number(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        object_key("s", 1, {"fps": number})


def test_stage_and_version_are_part_of_the_key():
    keys = {object_key(stage, version, {}) for stage in ("face", "spot") for version in (1, 2)}
    assert len(keys) == 4


def test_a_key_is_the_digest_of_its_canonical_text():
    # Another text for the same value would silently empty every user's cache.
    text = '{"frames":["é"],"settings":{"size":224,"tau":0.25},"stage":"flow","version":1}'
    key = object_key("flow", 1, {"settings": {"tau": 0.25, "size": 224}, "frames": ["é"]})
    assert key == hashlib.sha256(text.encode()).hexdigest()
