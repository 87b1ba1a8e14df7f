"""Engines that look for marks, against each other: which one is installed makes no difference."""

import re
from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.hyperscan_marks import HyperscanMarks
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from axonflow.detect.folding import STAND_IN
from axonflow.detect.marks import SLACK_CHARS, ByGrams, Mark, digits

ENGINES = [partial(ByGrams, compile_pattern), HyperscanMarks]
TEXTS = st.text("ab.$ (", min_size=1, max_size=4).map(Mark)
WORDS = st.text("ab", min_size=1, max_size=3).map(lambda word: Mark(word, "word"))
MARKS = st.lists(TEXTS | WORDS, min_size=1, max_size=6, unique=True)
EXPRESSIONS = ["[0-9]{3}-", "a(?:b|--){2,}c", "[^a]b"]
SAMPLES = [text for detector in BUILTIN_DETECTORS for text in (*detector.examples, *detector.counter_examples)]
EVERY_ID = tuple(detector.id for detector in BUILTIN_DETECTORS)
FILLERS = st.sampled_from(["", " ", "\n", "x", "1", " lorem ipsum " * 40, "\n" * 900, "0 " * 400, "a" * 700])


@cache
def scanners():
    return [Scanner(BUILTIN_DETECTORS, compile_pattern, engine) for engine in ENGINES]


def by_hand(marks, text):
    found = {number: [end for end in range(len(text) + 1) if ends(one, text, end)] for number, one in enumerate(marks)}
    return {number: places for number, places in found.items() if places}


def ends(mark, text, end):
    if not text[:end].lower().endswith(mark.text):
        return False
    start = end - len(mark.text)
    begins = start == 0 or not text[start - 1].isalnum() or (text[start - 1].islower() and text[start].isupper())
    stops = end == len(text) or not text[end].isalnum() or (text[end - 1].islower() and text[end].isupper())
    return mark.kind == "text" or (begins and stops)


def is_near(places, points):
    return all(any(abs(place - point) <= SLACK_CHARS for point in points) for place in places)


@pytest.mark.parametrize("engine", ENGINES)
@given(marks=MARKS, text=st.text("abAB1.$ (_\n\x00" + STAND_IN, max_size=40))
def test_engine_finds_every_occurrence_of_every_text_and_word(engine, marks, text):
    found, expected = engine(marks).points(text.encode()), by_hand(marks, text)
    assert found.keys() == expected.keys()
    assert all(len(found[number]) == len(places) for number, places in expected.items())
    assert all(is_near(places, found[number]) for number, places in expected.items())


@pytest.mark.parametrize("engine", ENGINES)
@given(text=st.lists(st.sampled_from(["abb--c", "a", "b", "c", "--", "123", "-", "x" * 50, "4", "(1) 2"]), max_size=30))
def test_engine_has_a_point_near_every_occurrence_of_an_expression(engine, text):
    text = "".join(text)
    marks = [Mark(text, "expression") for text in EXPRESSIONS] + [digits(3)]
    found = engine(marks).points(text.encode())
    for number, mark in enumerate(marks):
        padded = f"\0{text}\0"
        wanted = [at for at in range(len(padded)) if re.compile(mark.text).match(padded, at)]
        assert (number in found) == bool(wanted)
        assert is_near(wanted, found.get(number, ()))


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_without_marks_finds_none(engine):
    assert engine([]).points(b"abc") == {}


@given(st.lists(st.tuples(st.sampled_from(SAMPLES), FILLERS), max_size=6), st.booleans())
def test_findings_are_the_same_with_every_engine(parts, as_list):
    texts = [sample + filler for sample, filler in parts]
    content = texts if as_list else "".join(texts)
    one, other = [scanner.inspect(content) for scanner in scanners()]
    assert other.findings(EVERY_ID) == one.findings(EVERY_ID)
    for inspection in (one, other):
        assert {finding.detector for finding in one.findings(EVERY_ID)} <= inspection.may_find(EVERY_ID)
