"""What is looked for in place of a pattern is in each of its matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS
from axonflow.detect.pattern_marks import _members, mark_of

WRITTEN = [
    r"(?:\b|_)(\d{3}-\d{2}-\d{4})(?:\b|_)", r"(?i)key[ =:]{1,20}[a-z0-9]{32,64}", r"\Qa.b\E[xyz]{2,}?c+",
    r"[A-Z]{2,5}9{0,3}\d",
    r"(?i:abc|d(?-i:EF)g)[^\n]{0,40}\.$", r"(?s:a.{1,3}b)-\x41\x{42}", r"\pL{3}#[[:digit:]]#", r"(x(y|z){2}){3,4}@\w",
    r"a|bcd#|#[e-g]{5}#", r"(?P<name>foo|ba[rz])\d{1,300}!", r"\A--\z", r"([a-c]|\d\d){4}//", r"[^\W\d_]{2}\t\x07~", "",
    r"(a|b|)?%%", r"(?im:^Subject:\s*RE)\b", r"(?:@|#){2}*", r"\C##", "[]a]%[^]b]%",
]  # fmt: skip
PATTERNS = sorted({shape.pattern for detector in BUILTIN_DETECTORS for shape in detector.shapes} | set(WRITTEN))
ATOMS = st.sampled_from(["a", "B", r"\d", "[A-F0-9]", "-", r"\.", r"\s", "@", "(?i:x)", "[^a]", "."])
TIMES = st.sampled_from(["", "", "?", "*", "+", "{3}", "{1,2}", "{0,9}", "{2,}", "{17}", "{1,30}", "*?"])
PIECES = st.tuples(ATOMS, TIMES).map("".join) | st.just(r"\b")
DRAWN = st.recursive(
    st.lists(PIECES, min_size=1, max_size=4).map("".join),
    lambda inner: st.tuples(st.lists(inner, min_size=1, max_size=3).map("|".join), TIMES).map(
        lambda parts: f"(?:{parts[0]}){parts[1]}"
    ),
    max_leaves=6,
)
SAMPLES = [text for detector in BUILTIN_DETECTORS for text in (*detector.examples, *detector.counter_examples)]


def missed(pattern, text):
    """The matches of `pattern` that its mark is not in."""
    data = text.encode("ascii", "replace")
    mark = compile_pattern(mark_of(pattern))
    matches = list(compile_pattern(pattern).spans(data, 0, 0, len(data)))
    return [data[start:end] for start, end in matches if not list(mark.spans(data[start:end], 0, 0, end - start))]


def test_mark_is_in_every_match_among_the_samples_of_the_built_in_detectors():
    marked = [pattern for pattern in PATTERNS if mark_of(pattern)]
    assert len(marked) > 150
    text = "\n".join(SAMPLES)
    assert [pattern for pattern in marked if missed(pattern, text)] == []


@given(st.data())
def test_mark_is_in_every_match_of_a_drawn_pattern(data):
    pattern = data.draw(DRAWN)
    if mark_of(pattern) is None:
        return
    text = data.draw(
        st.text("aBbxX01239-. @#F\n", max_size=60) | st.from_regex(pattern, alphabet=st.characters(codec="ascii"))
    )
    assert missed(pattern, text) == []


@pytest.mark.parametrize(
    ("pattern", "mark"),
    [
        (r"\d{3}-\d{2}", r"[\x30-\x39][\x30-\x39][\x30-\x39]\-[\x30-\x39][\x30-\x39]"),
        (r"(?i:ab)@\w{1,99}", r"[\x41-\x41\x61-\x61][\x42-\x42\x62-\x62]@"),
        ("a#|b%", "(?:a\\#|b%)"),
        (r"[a-z ]{1,80}", None),
        (r"\w+|##", None),
        ("|".join(f"#{number}#" for number in range(99)), None),
        ("", None),
        (r"(?:\b)?(?:)*%%%", "%%%"),
        (r"[\d-z]%%%", r"[\x00-\x7f]%%%"),
        (r"[[a]%%%", r"[\x00-\x7f]%%%"),
        (r"[a&&b]%%%", r"[\x00-\x7f]%%%"),
        (r"[+--]%%%", r"[\x00-\x7f]%%%"),
        (r"[\[a]%%%", r"[\x5b-\x5b\x61-\x61]%%%"),
        (r"\[~~%", r"\[\~\~%"),
    ],
)
def test_mark_is_the_rarest_part_of_a_pattern(pattern, mark):
    _members.cache_clear()  # a drawn test may have asked for the same before
    mark_of.cache_clear()
    assert mark_of(pattern) == mark
    assert compile_pattern(pattern)
