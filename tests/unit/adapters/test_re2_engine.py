"""The google-re2 adapter."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.errors import PolicyError


@pytest.mark.parametrize(
    ("pattern", "words"), [("(a", r"missing \)"), ("a{1001}", "repetition"), (r"(a)\1", r"\\1"), ("(?=a)", "perl")]
)
def test_compile_of_a_bad_pattern_says_what_re2_says(pattern, words):
    with pytest.raises(PolicyError, match=words) as raised:
        compile_pattern(pattern)
    assert raised.value.message == "not an RE2 expression"
    assert raised.value.code == "invalid_policy"


def test_compile_of_a_lone_surrogate_is_refused():
    with pytest.raises(PolicyError, match="lone surrogate at 1"):
        compile_pattern("a\ud800")


def test_compile_of_a_pattern_that_needs_too_much_memory_is_refused():
    with pytest.raises(PolicyError, match="not an RE2 expression"):
        compile_pattern("((a{100}){100}){100}")


def test_compile_of_a_bad_pattern_prints_nothing(capfd):
    with pytest.raises(PolicyError):
        compile_pattern("(")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("pattern", "group", "text", "spans"),
    [
        ("a+", 0, "aa b a", [(0, 2), (5, 6)]),
        ("a(b)?", 1, "a ab", [(3, 4)]),
        ("x*", 0, "ax", [(1, 2)]),
        ("a", 0, "", []),
        (r"\ba", 0, "aa a", [(0, 1), (3, 4)]),
    ],
)
def test_spans_are_those_of_non_empty_matches(pattern, group, text, spans):
    assert list(compile_pattern(pattern).spans(text.encode(), group, 0, len(text))) == spans


def test_spans_of_a_part_see_the_words_around_it():
    pattern = compile_pattern(r"\b[a-z]{1,9}\b")
    assert list(pattern.spans(b"one two three", 0, 1, 9)) == [(4, 7)]
    assert list(pattern.spans(b"one two three", 0, 3, 13)) == [(4, 7), (8, 13)]


@pytest.mark.parametrize("group", [-1, 2])
def test_spans_of_a_group_that_is_not_there_are_refused(group):
    with pytest.raises(PolicyError, match="no such group"):
        compile_pattern("(a)").spans(b"a", group, 0, 1)


@given(st.text("ab ", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_spans_are_those_of_another_engine(text, start, end):
    end = min(end, len(text))
    start = min(start, end)
    expected = [match.span() for match in re.compile(r"a{1,9}|b ").finditer(text, start, end)]
    assert list(compile_pattern(r"a{1,9}|b ").spans(text.encode(), 0, start, end)) == expected


def test_search_says_whether_there_is_a_match():
    pattern = compile_pattern("(?i)\u00c9t")
    assert pattern.search("un \u00e9T\u00e9")
    assert not pattern.search("ete \ud800")
    assert pattern.pattern == "(?i)\u00c9t"
