"""What is kept of values of any shape: never a failure, always storable, the same for every reader."""

import enum
import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.audit import storable, storable_facts

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("text", "text"),
        ("Grüße", "Grüße"),
        ("a\0b", "a\\u0000b"),
        ("é\0", "é\\u0000"),
        ("\ud800x", "\\ud800x"),
        (Colour.RED, "red"),
        (None, None),
        (True, True),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**70), str(-(2**70))),
        (1.5, 1.5),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (b"bytes", "<bytes>"),
        ([1, "\0"], [1, "\\u0000"]),
        ((), []),
        ({1: {"a": None}}, {"1": {"a": None}}),
        ([[[[[]]]]], [[[["..."]]]]),
        ([0] * 65, [0] * 64 + ["... 65"]),
    ],
)
def test_storable_of_a_value_keeps_what_every_store_can(value, kept):
    assert storable(value) == kept


@pytest.mark.parametrize(("text", "as_bytes"), [("x" * 257, b"x" * 257), ("\ud800" * 1_000_000, None)])
def test_storable_of_a_long_text_is_its_digest_and_length(text, as_bytes):
    as_bytes = as_bytes or text.encode("utf-8", "surrogatepass")
    assert storable(text) == f"sha256:{hashlib.sha256(as_bytes).hexdigest()}:{len(text)}"


def test_storable_of_a_huge_dictionary_keeps_its_first_items_and_their_number():
    kept = storable({f"n{number:06}": number for number in range(100_000)})
    assert len(kept) == 65
    assert kept["..."] == 100_000
    assert kept["n000063"] == 63


@given(VALUES)
def test_storable_of_anything_is_json_that_a_database_takes_and_gives_back(value):
    kept = storable(value)
    text = json.dumps(kept, allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text.replace("\\\\", "")
    assert json.loads(text.encode()) == kept
    assert storable(kept, 5) == kept


def test_storable_facts_of_values_of_any_shape_are_storable_by_name():
    facts = {"approved": True, "\0": "\0", "x" * 300: 2**70, "odd": object()}
    kept = storable_facts(facts)
    assert kept["approved"] is True
    assert kept["\\u0000"] == "\\u0000"
    assert kept["odd"] == "<object>"
    assert kept[f"sha256:{hashlib.sha256(b'x' * 300).hexdigest()}:300"] == str(2**70)


def test_storable_of_a_number_that_python_refuses_to_write_says_how_long_it_is():
    assert storable(-(1 << 20_000)) == "<an integer of 20001 bits>"
