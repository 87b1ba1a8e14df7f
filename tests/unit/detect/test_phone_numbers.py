"""Layouts of telephone numbers, and the words that decide for the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect.phone_numbers import phone_in_context, phone_layout, phones_in


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("+44 20 7946 0958", "international"),
        ("+1 415 555 2671", "international"),
        ("0049 30 901820", "international"),
        ("+41 (0)44 668 18 00", "international"),
        ("+1 415 555 267", None),
        ("+1 115 555 2671", None),
        ("+28 123 456 789", None),
        ("+999", None),
        ("415-555-2671", "national"),
        ("1-415-555-2671", "national"),
        ("(415) 555-2671 x12", "national"),
        ("411-555-2671", "plain"),
        ("340 325.2598", "plain"),
        ("340.325.2598", "national"),
        ("(340) 325.2598", "national"),
        ("06 12 34 56 78", "national"),
        ("(08) 8747 6301", "national"),
        ("(2019) 8747 6301", None),
        ("(71)", None),
        ("0012345678", "plain"),
        ("0 123 45678", "plain"),
        ("699 956 915", "plain"),
        ("111-1111", None),
        ("2024-01-15", None),
        ("15.01.2024", None),
        ("10.20.30.40", None),
        ("12 99 2024", "plain"),
        ("40 12 2024", "plain"),
        ("1234567890123", None),
        ("080-33-9104", "plain"),
        ("02110-1301", "plain"),
        ("2001-2026", None),
        ("0069 0307 0303", None),
        ("692-701 (1981", None),
        ("012.803.605-26", "plain"),
        ("006.395.879-17", "plain"),
        ("(+358) 639296650", "international"),
        ("12 34 56 78 90 12", None),
    ],
)
def test_layout_says_what_a_number_looks_like(text, layout):
    assert phone_layout(text) == layout


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ("2024 415-555-2671", ["415-555-2671"]),
        ("415-555-2671-88", ["415-555-2671-88"]),
        ("+1 415 555 2671 2024", ["+1 415 555 2671"]),
        ("(415) 555-2671 (2)", ["(415) 555-2671"]),
        ("(5 415-555-2671", ["5 415-555-2671", "415-555-2671"]),
        ("(+44) 20 7946 0958", ["(+44) 20 7946 0958"]),
        ("1 2 3 4 5 6 7 8", []),
        ("5 +44 20 7946 0958", ["+44 20 7946 0958"]),
        ("12 34-56-78 90", ["12 34-56-78 90"]),
        ("12    34567890   1", ["34567890"]),
        ("345-899-3560x4587", ["345-899-3560x4587"]),
        ("123456789012345678901", []),
    ],
)
def test_candidates_in_a_run_are_whole_groups(run, found):
    assert [run[start:end] for start, end in phones_in(run)] == found


@given(st.text("0123456789 ()+-./x", max_size=80))
def test_candidates_in_any_run_are_within_it_and_in_order(run):
    spans = list(phones_in(run))
    assert all(0 <= start < end <= len(run) for start, end in spans)
    assert spans == sorted(spans)


@pytest.mark.parametrize(
    ("before", "span", "after", "is_one"),
    [
        ("", "+44 20 7946 0958", "", True),
        ("order ", "415-555-2671", "", False),
        ("order: call ", "415-555-2671", "", True),
        ("", "415-555-2671", "", True),
        ("", "2125550123", "", False),
        ("phone ", "2125550123", "", True),
        ("phone_number: ", "2125550123", "", True),
        ("phone order ", "2125550123", "", False),
        ("", "2125550123", " (mobile)", True),
        ("", "2125550123", " office", True),
        ("Desk: ", "2125550123", "", True),
        ("the office is at ", "2125550123", "", False),
        ("x", "415-555-2671", "", False),
        ("#", "415-555-2671", "", False),
        ("", "415-555-2671", "_", True),
        ("his number is ", "2125550123", "", True),
        ("the number is ", "2125550123", "", False),
        ("I am ", "2125550123", " if you want to reach me", True),
        ("", "2125550123", " if you want to reach it", False),
        ("=", "415-555-2671", "", True),
        ("_", "415-555-2671", "", True),
        ("12-", "415-555-2671", "", False),
        ("tel:", "415-555-2671", "", True),
        ("12:", "415-555-2671", "", False),
        ("a,", "415-555-2671", "", True),
        ("", "415-555-2671", "-12", False),
        ("", "415-555-2671", ".", True),
    ],
)
def test_words_and_characters_around_decide(before, span, after, is_one):
    assert phone_in_context(before, span, after) is is_one
