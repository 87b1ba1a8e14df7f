"""The extent of a pattern against what RE2 matches with it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect.folding import fold
from axonflow.detect.pattern_extent import extent_of
from axonflow.errors import PolicyError


@pytest.mark.parametrize(
    ("pattern", "shortest", "longest", "triggers"),
    [
        (r"\bEMP-\d{6}\b", 10, 10, {"emp-"}),
        ("(?i)a|bc{1,3}|d{2,5}", 1, 5, set()),
        (r"\Qa.b\E[x-z]{3}", 6, 6, {"a.b"}),
        (r"x\Q+", 2, 2, {"x+"}),
        ("[]a]{2}", 2, 2, set()),
        ("[^]]{1,3}x", 2, 4, set()),
        (r"[[:alpha:]\]]{2}", 2, 2, set()),
        ("(?P<n>ab|cd){0,3}(?<m>ef)", 2, 8, {"ef"}),
        (r"(foo|bar)-(?:x|y)\d", 6, 6, {"foo-x", "foo-y", "bar-x", "bar-y"}),
        ("a{,5}", 5, 5, {"a{,5}"}),
        ("ab{2,}", 3, None, set()),
        ("(?:ab)?c", 1, 3, set()),
        ("(?:ab)??cd", 2, 4, {"cd", "abcd"}),
        ("a*", 0, None, set()),
        (r"(?:\b){0,}ab", 2, 2, {"ab"}),
        (r"\x{41}\x42\103\n\.", 5, 5, set()),
        (r"\pN\p{Greek}\P{^Lu}\C", 4, 4, set()),
        (r"[ab][cd]ef", 4, 4, {"acef", "adef", "bcef", "bdef"}),
        ("(?:one|two|x)", 1, 3, set()),
        ("(?:one|two).", 4, 4, {"one", "two"}),
        ("(?s:.)(?is)A b", 4, 4, {"a b"}),
        ("", 0, 0, set()),
        (f"(?:{'|'.join(f'w{n:02}' for n in range(20))})", 3, 3, set()),
        ("ab" * 100, 200, 200, {"ab" * 32}),
        (r"long\w{1,2}longer\w", 12, 13, {"longer"}),
    ],
)
def test_extent_of_a_pattern_is_what_it_can_match(pattern, shortest, longest, triggers):
    compile_pattern(pattern)
    extent = extent_of(pattern)
    assert (extent.shortest, extent.longest, set(extent.triggers)) == (shortest, longest, triggers)
    assert not extent.anchored


@pytest.mark.parametrize("pattern", ["^a", "a$", r"\Aa", r"a\z", "(?m)a|(b^)", "(?:a|^){2}"])
def test_extent_of_a_pattern_with_an_anchor_says_so(pattern):
    compile_pattern(pattern)
    assert extent_of(pattern).anchored


@pytest.mark.parametrize("pattern", ["[a", "ab\\"])
def test_extent_of_what_re2_refuses_does_not_fail(pattern):
    with pytest.raises(PolicyError):
        compile_pattern(pattern)
    assert extent_of(pattern).longest is not None


ATOMS = st.sampled_from(
    [
        "a",
        "B",
        "ab",
        ".",
        r"\d",
        r"\b",
        r"\.",
        "[ab]",
        "[^a]",
        "[a-c]",
        "[[:digit:]_]",
        r"\x61",
        r"\Qa.\E",
        " ",
        "{",
        "-",
    ]
)
REPETITIONS = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{0,2}", "{1,3}", "{2,}", "??", "{1,2}?"])


def groups(inner):
    sequence = st.lists(st.tuples(inner, REPETITIONS).map("".join), max_size=4).map("".join)
    opened = st.sampled_from(["(", "(?:", "(?i:", "(?P<x>"])
    return st.tuples(opened, st.lists(sequence, min_size=1, max_size=3).map("|".join), st.just(")")).map("".join)


PATTERNS = st.lists(st.tuples(st.recursive(ATOMS, groups, max_leaves=6), REPETITIONS).map("".join), max_size=5).map(
    "".join
)


@example(pattern=r"\Qa.\E??", text="a")  # of what is quoted, the last character alone is repeated
@given(pattern=PATTERNS, text=st.text("aAbBc01. -_{", max_size=40))
@settings(max_examples=200, deadline=None)
def test_extent_of_any_pattern_holds_for_all_it_matches(pattern, text):
    try:
        compiled = compile_pattern(pattern)
    except PolicyError:  # such as two groups of one name
        return
    extent = extent_of(pattern)
    for start, end in compiled.all_from(fold(text).encode(), 0):
        assert extent.shortest <= end - start
        assert extent.longest is None or end - start <= extent.longest
        assert not extent.triggers or any(trigger in text[start:end].lower() for trigger in extent.triggers)
        assert extent.exact is None or text[start:end].lower() in extent.exact
