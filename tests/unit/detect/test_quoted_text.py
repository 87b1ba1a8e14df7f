r"""Quoted text of patterns (``\Q...\E``): read as RE2 reads it."""

import pytest
import re2

from axonflow import AxonFlow, Request
from axonflow.detect.pattern_extent import extent_of
from axonflow.detect.quoted_text import unquoted
from tests.strategies import policy_set

TEXTS = ["", "a", "a.", "a..", "aa", "a.a.", r"\Qa", r"C:\Quarantine", "b", "ab", "a.b", "Qa"]


@pytest.mark.parametrize(
    "pattern",
    [r"\Qa.\E??", r"\Qa.\E*", r"\Qa.\E", r"\Qa.", r"\Q\Eb", r"\\Qa", r"C:\\Quarantine", r"\\\Qa\E", r"(?:\Qa.\E)?b"],
)
def test_unquoted_pattern_matches_what_the_pattern_does(pattern):
    plain = unquoted(pattern)
    assert r"\Q" not in plain.replace(r"\\", "")
    for text in TEXTS:
        assert bool(re2.fullmatch(plain, text)) == bool(re2.fullmatch(pattern, text)), text


def test_extent_of_quoted_text_that_is_repeated_repeats_its_last_character_alone():
    extent = extent_of(r"\Qa.\E??")
    assert (extent.shortest, extent.longest) == (1, 2)
    assert extent.exact is None or extent.exact >= {"a", "a."}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"C:\\Quarantine\\\w{1,9}", r"see C:\Quarantine\x7"),
        (r"key-\Qab\E{0,3}\d{1,9}", "key-a77"),
        (r"\\Q\d{3}", r"take \Q123"),
    ],
)
def test_detector_whose_pattern_quotes_or_seems_to_finds_what_it_says(pattern, text):
    own = {"id": "custom.own", "description": "Own.", "patterns": [pattern], "examples": [text]}
    rule = {"id": "no", "effect": "deny", "when": 'detected("custom.own")'}
    flow = AxonFlow.open(policy_set([rule], default="allow", detectors=[own]))
    assert not flow.decide(Request("user:ann", "llm.request", "model:m", content=f"x {text} y")).allowed
