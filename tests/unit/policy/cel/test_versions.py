"""Versions and ranges against semver.org 2.0.0 and the meaning that docs/reference/expressions.md gives."""

from functools import cmp_to_key
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.policy.cel.functions.policies import is_semver
from axonflow.policy.cel.version_ranges import Range
from axonflow.policy.cel.versions import SemVer, read_semver

NUMBERS = st.integers(0, 3) | st.sampled_from([10, 99, 10**18 - 1])
IDENTIFIERS = st.sampled_from(["0", "1", "2", "10", "a", "b", "A", "rc", "alpha", "beta", "x-1", "-", "0a", "00a"])


@st.composite
def versions(draw, build=True):
    text = ".".join(str(draw(NUMBERS)) for _ in range(3))
    prerelease = ".".join(draw(st.lists(IDENTIFIERS, max_size=3)))
    text += f"-{prerelease}" if prerelease else ""
    return text + ("+build.7" if build and draw(st.booleans()) else "")


def compared(left, right):
    """Section 11, word by word: below 0 when `left` has the lower precedence."""
    (left, left_pre), (right, right_pre) = (
        (text.split("+")[0].split("-")[0], text.split("+")[0].partition("-")[2]) for text in (left, right)
    )
    for one, other in zip(left.split("."), right.split("."), strict=True):
        if one != other:
            return int(one) - int(other)
    if left_pre == right_pre:
        return 0
    if not left_pre or not right_pre:
        return 1 if not left_pre else -1
    ones, others = left_pre.split("."), right_pre.split(".")
    for one, other in zip(ones, others, strict=False):
        if one == other:
            continue
        if one.isdigit() and other.isdigit():
            return int(one) - int(other)
        if one.isdigit() != other.isdigit():
            return -1 if one.isdigit() else 1
        return -1 if one < other else 1
    return len(ones) - len(others)


@settings(max_examples=200)
@given(versions(), versions())
def test_semver_two_versions_are_ordered_as_section_11_says(left, right):
    sign = compared(left, right)
    one, other = read_semver(left), read_semver(right)
    assert (one < other, one <= other, one == other, one != other, one >= other, one > other) == (
        sign < 0,
        sign <= 0,
        sign == 0,
        sign != 0,
        sign >= 0,
        sign > 0,
    )
    assert sign or hash(one) == hash(other)


@given(st.lists(versions(), max_size=8))
def test_semver_order_of_many_versions_is_total(texts):
    ordered = sorted(map(read_semver, texts))
    assert all(one <= other for one, other in pairwise(ordered))
    assert [str(one) for one in ordered] == [text.partition("+")[0] for text in sorted(texts, key=cmp_to_key(compared))]


def test_semver_examples_of_the_standard_are_in_order():
    texts = (
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 2.0.0 2.1.0"
    )
    found = [read_semver(text) for text in [*texts.split(), "2.1.1"]]
    assert all(one < other for one, other in pairwise(found))


@pytest.mark.parametrize(
    "text",
    ["1.2.3", "0.0.0", "1.0.0-alpha", "1.0.0-0.3.7", "1.0.0-x-y-z.--", "1.0.0+20130313144700",
     "1.0.0-b+exp.sha.5114f85", "1.0.0-0a+00"],
)  # fmt: skip
def test_semver_of_the_grammar_is_read_and_given_back_without_build_metadata(text):
    assert is_semver(text)
    assert str(read_semver(text)) == text.partition("+")[0]


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2.3-a..b", "1.2.3 ", "1.2.3\n", "1.2.3.4",
     "-1.2.3", "1.2.٣",
     "1.2.3-ü", f"1.2.{10**18}", "1.2.3-" + "a" * 256],
)  # fmt: skip
def test_semver_that_is_none_is_refused(text):
    assert not is_semver(text)
    with pytest.raises(ValueError, match=r"version|pre-release"):
        read_semver(text)


@pytest.mark.parametrize(
    ("text", "prerelease"), [("1.2.3", ""), ("1.2.3-rc.1", "rc.1"), ("1.2.3-a-b+c-d", "a-b"), ("1.2.3+c-d", "")]
)
def test_semver_prerelease_is_what_stands_behind_the_hyphen(text, prerelease):
    assert read_semver(text).prerelease == prerelease


def test_semver_other_things_are_not_equal():
    version = read_semver("1.2.3")
    assert version != "1.2.3"
    assert isinstance(version, SemVer)


# -- ranges

RANGES = [
    (">=1.2 <2", "1.2.0 1.4.2 1.3.0-rc.1 2.0.0-rc.1", "1.1.9 1.2.0-rc.1 2.0.0 2.1.0"),
    (">= 1.2   < 2", "1.2.0", "2.0.0"),
    ("1.2.3", "1.2.3 1.2.3+build", "1.2.4 1.2.3-rc.1"),
    ("=1.2.3-rc.1", "1.2.3-rc.1", "1.2.3 1.2.3-rc.2"),
    ("1.2", "1.2.0 1.2.99 1.2.1-rc.1", "1.2.0-rc.1 1.3.0 1.3.0-rc.1 1.1.9"),
    ("=1", "1.0.0 1.99.0", "2.0.0 2.0.0-0 0.9.9"),
    (">1.2.3", "1.2.4 1.2.4-a", "1.2.3 1.2.3-a"),
    (">1.2", "1.3.0 1.3.0-rc.1 2.0.0", "1.2.0 1.2.99"),
    ("<=1.2", "1.2.0 1.2.99 1.0.0 1.2.0-rc.1", "1.3.0 1.3.0-rc.1"),
    ("<=1.2.3", "1.2.3 1.2.3-a", "1.2.4-a"),
    ("<1.2", "1.1.9 1.2.0-rc.1", "1.2.0"),
    ("^1.2.3", "1.2.3 1.9.0 1.9.0-rc.1", "1.2.2 1.2.3-rc.1 2.0.0 2.0.0-rc.1"),
    ("^1.2.3-rc.1", "1.2.3-rc.1 1.2.3", "1.2.3-beta"),
    ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
    ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
    ("^0.0.0", "0.0.0", "0.0.1"),
    ("^0.0", "0.0.0 0.0.9", "0.1.0"),
    ("^0", "0.0.0 0.9.9", "1.0.0"),
    ("^1", "1.0.0 1.9.9", "2.0.0"),
    ("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2 1.3.0-a"),
    ("~1.2", "1.2.0 1.2.9", "1.3.0"),
    ("~1", "1.0.0 1.9.9", "2.0.0"),
    ("^1.2 || ^3 ||5.0.0", "1.2.0 3.4.0 5.0.0", "2.0.0 4.0.0 5.0.1"),
    (">1.0.0 <1.0.0", "", "1.0.0 0.9.0 1.1.0"),
]


@pytest.mark.parametrize(("text", "inside", "outside"), RANGES)
def test_range_of_each_form_holds_what_the_reference_says(text, inside, outside):
    wanted = Range(text)
    assert [one for one in inside.split() if not wanted.holds(read_semver(one))] == []
    assert [one for one in outside.split() if wanted.holds(read_semver(one))] == []


@settings(max_examples=100)
@given(versions(build=False), versions(), st.integers(1, 3))
def test_range_and_its_opposite_never_hold_together(bound, text, given_parts):
    partial = bound if given_parts == 3 else ".".join(bound.split("-")[0].split(".")[:given_parts])
    version = read_semver(text)
    held = {sign: Range(sign + partial).holds(version) for sign in ("<", "<=", "=", ">=", ">")}
    assert held["<"] is not held[">="]
    assert held[">"] is not held["<="]
    assert held["<="] is (held["<"] or held["="])


@pytest.mark.parametrize("sign", ["", "=", "<", "<=", ">", ">=", "^", "~"])
def test_range_of_pairs_holds_what_both_hold(sign):
    texts = ["1", "1.2", "1.2.3", "0.0.1-a"]
    found = [read_semver(one) for one in ("1.2.3", "1.2.3-a", "0.0.1", "0.0.1-a", "1.0.0", "2.0.0-0")]
    for (left, right), version in product(product(texts, texts), found):
        both = Range(f"{sign}{left} >={right}").holds(version)
        either = Range(f"{sign}{left}||>={right}").holds(version)
        alone = Range(sign + left).holds(version), Range(f">={right}").holds(version)
        assert (both, either) == (all(alone), any(alone))


@pytest.mark.parametrize(
    "text",
    ["", " ", "||", "1.2 ||", ">=", "v1.2", "1.2.x", "*", "1.2 - 1.3", ">=1.2,<2", "=>1", ">=1.2<2", "1.2-rc",
     "1.2\n", "1.2.3.4", "01.2", "1" * 257,
     f"<{2**63}"],
)  # fmt: skip
def test_range_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="range"):
        Range(text)
