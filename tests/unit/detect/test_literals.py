"""Engines that look for literals, against each other: which one is installed makes no difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.hyperscan_literals import HyperscanLiterals
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from axonflow.detect.folding import STAND_IN
from axonflow.detect.literals import ByGrams, Literal

ENGINES = [ByGrams, HyperscanLiterals]
TEXTS = st.text("ab.$ (", min_size=1, max_size=4).map(Literal)
WORDS = st.text("ab", min_size=1, max_size=3).map(lambda word: Literal(word, is_word=True))
LITERALS = st.lists(TEXTS | WORDS, min_size=1, max_size=6, unique=True)
SAMPLES = [text for detector in BUILTIN_DETECTORS for text in (*detector.examples, *detector.counter_examples)]
EVERY_ID = tuple(detector.id for detector in BUILTIN_DETECTORS)
FILLERS = st.sampled_from(["", " ", "\n", "x", "1", " lorem ipsum " * 40, "\n" * 900, "0 " * 400, "a" * 700])
SCANNERS = [Scanner(BUILTIN_DETECTORS, compile_pattern, engine) for engine in ENGINES]


def by_hand(literals, text):
    found = {
        number: [end for end in range(len(text) + 1) if ends(one, text, end)] for number, one in enumerate(literals)
    }
    return {number: places for number, places in found.items() if places}


def ends(literal, text, end):
    if not text[:end].lower().endswith(literal.text):
        return False
    start = end - len(literal.text)
    begins = start == 0 or not text[start - 1].isalnum() or (text[start - 1].islower() and text[start].isupper())
    stops = end == len(text) or not text[end].isalnum() or (text[end - 1].islower() and text[end].isupper())
    return not literal.is_word or (begins and stops)


@pytest.mark.parametrize("engine", ENGINES)
@given(literals=LITERALS, text=st.text("abAB1.$ (_\n\x00" + STAND_IN, max_size=40))
def test_engine_finds_every_occurrence_of_every_literal(engine, literals, text):
    assert engine(literals).ends(text.encode()) == by_hand(literals, text)


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_without_literals_finds_none(engine):
    assert engine([]).ends(b"abc") == {}


@given(st.lists(st.tuples(st.sampled_from(SAMPLES), FILLERS), max_size=6), st.booleans())
def test_findings_are_the_same_with_every_engine(parts, as_list):
    texts = [sample + filler for sample, filler in parts]
    content = texts if as_list else "".join(texts)
    one, other = [scanner.inspect(content) for scanner in SCANNERS]
    assert other.findings(EVERY_ID) == one.findings(EVERY_ID)
    assert other.may_find(EVERY_ID) == one.may_find(EVERY_ID)
    assert {finding.detector for finding in one.findings(EVERY_ID)} <= one.may_find(EVERY_ID)
