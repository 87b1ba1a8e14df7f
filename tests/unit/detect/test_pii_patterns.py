"""Patterns of personal data can be run in windows: their matches are bounded and hold what triggers them."""

import re

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect.folding import fold
from axonflow.detect.packs.pii import PII

SHAPES = [(f"{d.id}-{at}", d, shape) for d in PII for at, shape in enumerate(d.shapes)]
MAX_MATCH_CHARS = 700


@pytest.mark.parametrize(("detector", "shape"), [entry[1:] for entry in SHAPES], ids=[entry[0] for entry in SHAPES])
def test_pattern_of_personal_data_has_a_longest_match(detector, shape):
    assert re._parser.parse(shape.pattern).getwidth()[1] <= MAX_MATCH_CHARS


@pytest.mark.parametrize(("detector", "shape"), [entry[1:] for entry in SHAPES], ids=[entry[0] for entry in SHAPES])
def test_pattern_of_personal_data_never_matches_without_a_trigger(detector, shape):
    pattern = compile_pattern(shape.pattern)
    for example in (*detector.examples, *detector.counter_examples):
        text = fold(example)
        for start, end in pattern.all_from(text.encode(), 0):
            match = text[start:end].lower()
            assert not shape.triggers or any(trigger in match for trigger in shape.triggers)


@pytest.mark.parametrize("detector", PII, ids=lambda d: d.id)
def test_personal_data_has_at_least_three_examples_of_each_side(detector):
    assert len(detector.examples) >= 3
    assert len(detector.counter_examples) >= 3
