"""What may become a match: checked against all prefixes of matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS
from axonflow.detect.open_patterns import open_pattern


def opens(pattern, text):
    compiled = compile_pattern(rf"\A(?:{open_pattern(pattern).beginnings})\z")
    return compiled.search(text)


@pytest.mark.parametrize(
    ("pattern", "longest_chars"),
    [
        ("", 0),
        ("abc", 3),
        ("a|bcd|", 3),
        ("(?i)x(?P<n>yz)?", 3),
        (r"\bfoo\b$", 3),
        (r"[^\]a-z]{2,5}x{3}", 8),
        (r"[]a]{2}[[:alpha:]]", 3),
        (r"(?:ab){0,4}?c?", 9),
        (r"\x{41}\x42\pL\p{Greek}\.", 5),
        (r"\Qa.b*\E", 4),
        (r"(?:\b){3,}a", 1),
        ("a{0}b", 1),
        ("{x}{,2}", 7),
        ("a*", None),
        ("(?:a+){2}b", None),
        ("a{2,}|b", None),
        ("(?s:.)", 1),
    ],
)
def test_open_pattern_of_a_pattern_knows_its_longest_match(pattern, longest_chars):
    compile_pattern(pattern)
    assert open_pattern(pattern).longest_chars == longest_chars


@pytest.mark.parametrize(("pattern", "sees"), [("(?m:^a)", True), (r"x|\Ay", True), (r"[^a]\^", False), ("$", False)])
def test_open_pattern_of_a_pattern_knows_whether_it_sees_lines(pattern, sees):
    assert open_pattern(pattern).sees_lines is sees


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("cat|cow", "co"),
        ("a{2,3}b", "aa"),
        (r"foo\b!", "foo"),
        (r"\d{40}x", "1" * 40),
        ("(?i:ab)c", "A"),
        ("(?i)ab|cd", "C"),
        (r"\Qa+b\E", "a+"),
        ("(?:ab){9}", "abababa"),
        ("x(?:y|z{3})?w", "xzz"),
    ],
)
def test_open_pattern_takes_a_beginning(pattern, text):
    assert opens(pattern, text)


@pytest.mark.parametrize(("pattern", "text"), [("cat|cow", "ct"), ("ab", "b"), ("(?i:a)b", "aB"), (r"\d@", "x")])
def test_open_pattern_refuses_what_is_no_beginning(pattern, text):
    assert not opens(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "heads"),
    [
        (r"\bghp_[a-z]{9}", ("ghp_",)),
        (r"(?i)AB[cd]e?-", ("abc-", "abce-", "abd-", "abde-")),
        ("(?:foo|ba)x", ("bax", "foox")),
        ("abcdefghijkl", ("abcdefgh",)),
        (r"a\.b{2,5}", ("a.b",)),
        ("ab|cde", ()),
        ("x?abc", ("abc", "xabc")),
        ("a*bcd", ()),
        ("[abcdefgh]{1}[abcdefgh][abcdefgh]x", ()),
        (r"\dabc", ()),
    ],
)
def test_open_pattern_of_a_pattern_knows_what_every_match_begins_with(pattern, heads):
    assert open_pattern(pattern).heads == heads


every_detector = pytest.mark.parametrize("detector", BUILTIN_DETECTORS, ids=lambda one: one.id)
SMALL = ["ab?c{1,3}", "(?:a|bc){2,4}a", "a(?:b|c(?:a|b)+)*b", r"\ba{1,9}\b", "(?i:aB)|(?:ca){1,2}", "(?:a?b?c?){3}"]


@given(st.sampled_from(SMALL), st.text("abcB ", max_size=12))
def test_open_pattern_takes_every_beginning_of_every_match(pattern, text):
    for start, end in compile_pattern(pattern).all_from(text.encode(), 0):
        # What stands before is a boundary or none for the whole, too.
        before = text[max(0, start - 1) : start]
        opened = compile_pattern(rf"\A{before}(?:{open_pattern(pattern).beginnings})\z")
        assert all(opened.search(before + text[start:to]) for to in range(start, end + 1))


@every_detector
def test_open_patterns_of_a_builtin_detector_compile(detector):
    for shape in detector.shapes:
        opened = open_pattern(shape.pattern)
        compile_pattern(rf"(?:{opened.beginnings})\z")
        compile_pattern(opened.loose)


@every_detector
def test_open_pattern_is_loose_enough_for_every_match_in_examples(detector):
    for shape in detector.shapes:
        exact, loose = compile_pattern(shape.pattern), compile_pattern(open_pattern(shape.pattern).loose)
        assert all(loose.search(text) or not exact.search(text) for text in detector.examples)
