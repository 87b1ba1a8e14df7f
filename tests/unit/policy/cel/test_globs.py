"""Globs against a plain reference, and in time that grows with the text alone."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from axonflow.policy.cel.globs import Glob, literal_prefix
from axonflow.policy.cel.values import CelError

PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "*", "?", "[", "\\", r"\*", r"\?", r"\\"]), max_size=9).map("".join)
TEXTS = st.text("ab", max_size=12) | st.text("ab*?\\[\n", max_size=8)


def reference(pattern, text):
    """By definition, character by character; None when the pattern is none."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        return any(reference(rest, text[start:]) for start in range(len(text) + 1))
    if first == "\\":
        first, rest = rest[0], rest[1:]
    elif first == "?":
        return bool(text) and reference(rest, text[1:])
    return text[:1] == first and reference(rest, text[1:])


def is_glob(pattern):
    plain = pattern.replace("\\\\", "").replace("\\*", "").replace("\\?", "")
    return "\\" not in plain


@settings(max_examples=200)
@given(PATTERNS, TEXTS)
@example("*a?", "aab")
@example("*ab*b", "ab")
@example("*ab*b", "abab")
@example("a*b?*b", "abab")
@example("?b*a?", "abaa")
@example("a*a", "a")
@example("*?a*", "aa")
@example("", "")
def test_glob_drawn_pattern_matches_as_the_definition_says(pattern, text):
    if is_glob(pattern):
        assert Glob(pattern).matches(text) is reference(pattern, text)
    else:
        with pytest.raises(ValueError, match="a backslash in a glob"):
            Glob(pattern)


@given(PATTERNS.filter(is_glob), TEXTS)
def test_literal_prefix_of_a_pattern_starts_every_text_that_matches(pattern, text):
    prefix = literal_prefix(pattern)
    assert text.startswith(prefix) or not Glob(pattern).matches(text)
    assert Glob(pattern).matches(prefix + text[:1]) or reference(pattern, prefix + text[:1]) is False


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("prod-*", "prod-"),
        ("prod-?", "prod-"),
        (r"a\*b*c", "a*b"),
        (r"\?\\x", "?\\x"),
        ("shell", "shell"),
        ("*x", ""),
        ("", ""),
        ("[a]*", "[a]"),
    ],
)
def test_literal_prefix_of_a_pattern_ends_at_the_first_wildcard(pattern, prefix):
    assert literal_prefix(pattern) == prefix


@pytest.mark.parametrize("pattern", ["\\", "a\\", r"\d", r"\[", "x" * 257])
def test_glob_that_is_none_is_refused_by_both(pattern):
    for read in (Glob, literal_prefix):
        with pytest.raises(ValueError, match=r"backslash|256 characters"):
            read(pattern)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("*" + "a*" * 127 + "b", False), ("*a?" + "a" * 200 + "b*", False), ("*?*?*a", True), ("a" * 255 + "*", True)],
)
def test_glob_over_a_text_made_to_be_costly_has_its_answer(pattern, matches):
    assert Glob(pattern).matches("a" * 60_000) is matches


def test_glob_that_would_look_through_a_huge_text_in_steps_fails():
    assert Glob("a?*a*?a").matches("a" * 4_000_000)
    assert Glob("*a?*").matches("a" * 65_536)
    with pytest.raises(CelError, match=r"a glob with \? between stars, and a text of more than 65536 characters"):
        Glob("*a?*").matches("a" * 65_537)
