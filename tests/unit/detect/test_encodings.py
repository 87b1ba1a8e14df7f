"""What is written in percent-encoding or between terminal colours is laid open, and its place is known."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect.encodings import MARKS, MAX_OPEN_CHARS, decoded, decoded_so_far

KEY = "ghp_" + "q7Zr2Kd9Xw4Tn6Vb1Lm8Hs3Pf5Gj0Yc2Ru7B"


@pytest.mark.parametrize(
    ("text", "plain", "span"),
    [
        ("a%62c", "abc", (1, 4)),
        ("a%2562c", "abc", (1, 6)),
        ("a%252562c", "abc", (1, 8)),
        ("a\x1b[31mb\x1b[0mc", "abc", (6, 7)),
        ("a\\x1b[1;31mb\\u001b[0mc", "abc", (11, 12)),
        ("a\\033[31mb^[[0mc", "abc", (9, 10)),
        ("a\\e[Kb\x1b(Bc", "abc", (5, 6)),
        ("a\x1b]8;;https://x.example\x07b\x1b]8;;\x1b\\c", "abc", (24, 25)),
        ("a%1b[31mb%1b[0mc", "abc", (8, 9)),
        ("a%C3%A9c", "aéc", (1, 7)),
        ("a%E9c", "a\x1ac", (1, 4)),
        ("a%F0%9F%98%80%62", "a\U0001f600b", (1, 13)),
    ],
)
def test_decoded_of_an_encoded_text_shows_it_and_where_its_second_character_was(text, plain, span):
    found = decoded(text)
    assert found.text == plain
    assert found.span(1, 2) == span


@pytest.mark.parametrize(
    "text", ["", "plain", "100% sure", "%zz %", "a^b", "\\xml \\each \\0", "\x1b", "x\x1b[" + "1" * 99]
)
def test_decoded_of_a_text_without_an_encoding_is_none(text):
    assert decoded(text) is None


def test_decoded_of_what_is_encoded_too_often_is_decoded_three_times():
    assert decoded("%25252561").text == "%61"


def test_decoded_of_nothing_but_control_sequences_is_empty():
    assert decoded("\x1b[0m\x1b[1m").text == ""


@given(st.text(max_size=30), st.lists(st.booleans(), min_size=30, max_size=30), st.integers(0, 29), st.integers(1, 30))
def test_decoded_span_of_a_partly_encoded_text_holds_what_became_it(text, encode, start, length):
    text = (
        text.encode("utf-8", "replace")
        .decode()
        .replace("%", "/")
        .replace("\\", "/")
        .replace("^", "/")
        .replace("\x1b", "/")
    )
    pieces = [quote(char, safe="") if flag else char for char, flag in zip(text, encode, strict=False)]
    pieces = [
        piece if piece.startswith("%") or not flag else f"%{ord(piece):02x}"
        for piece, flag in zip(pieces, encode, strict=False)
    ]
    found = decoded("".join(pieces))
    end = min(len(text), start + length)
    if found is None or start >= end:
        return
    assert found.text == text
    first = sum(map(len, pieces[:start]))
    assert found.span(start, end) == (first, first + sum(map(len, pieces[start:end])))


@pytest.mark.parametrize("coloured", ["ghp\x1b[31m_", "%67hp_", "gh\\x1b[0mp_", "%2567hp_"])
def test_decoded_reading_of_a_hidden_key_lets_it_be_found_and_masked_whole(scanner, coloured):
    text = f"token {coloured}{KEY[4:]} end"
    found = decoded(text)
    (one,) = scanner.inspect(found.text).findings(("secret.github_token",))
    start, end = found.span(one.start, one.end)
    assert text[:start] + text[end:] == "token  end"


def test_decoded_of_long_near_sequences_ends():
    assert decoded("\x1b]" * 20_000) is None
    assert decoded("%4" * 20_000) is None
    assert decoded("%41" * 20_000).text == "A" * 20_000


@pytest.mark.parametrize(
    ("detector_id", "text", "value"),
    [
        ("pii.credit_card", "card 4111\u200b1111\u200b1111\u200b1111 ok", "4111\u200b1111\u200b1111\u200b1111"),
        ("pii.email", "to a\u0301nn@exam\xadple.com now", "a\u0301nn@exam\xadple.com"),
        ("pii.iban", "DE89\u20603704\u20600044\u20600532\u20600130\u206000", None),
    ],
)
def test_characters_that_are_not_seen_hide_nothing(scanner, detector_id, text, value):
    (one,) = scanner.inspect(text).findings((detector_id,))
    assert text[one.start : one.end] == (value or text)


def test_characters_that_emoji_are_made_of_are_left():
    assert decoded("\u2764\ufe0f 1\ufe0f\u20e3 \U0001f469\u200d\U0001f4bb x") is None


PIECES = st.sampled_from(
    ["%", "%2", "%25", "%e", "%C3%A9", "%F0%9F%98%80", "%E2%80%8B", "%E2", "%80", "%5c", "%5e", "41", "1b", "5", "x",
     "u00", "\u200b", "\u0301", "\xad" * 65, "\x1b", "\\", "\\x1b", "\\u001b", "\\033", "\\e", "^", "^[", "[", "]", "(",
     "B", "m", "31;1", "8;;", "\x07", "\\a", "\\x07", "\\u0007", "a", ".", " ", "\n", "y" * 250]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=6).map("".join))
def test_decoded_so_far_of_a_beginning_is_the_beginning_of_every_text_that_goes_on(beginning, rest):
    read, length_chars = decoded_so_far(beginning)
    whole = decoded(beginning + rest)
    so_far = beginning[:length_chars] if read is None else read.text
    assert (beginning + rest if whole is None else whole.text).startswith(so_far)
    starts = list(range(len(so_far))) if read is None else list(read.starts)
    assert (list(range(len(so_far))) if whole is None else list(whole.starts[: len(so_far)])) == starts
    assert re.search(f"[{MARKS}]", beginning[length_chars:]) or length_chars == len(beginning)


@pytest.mark.parametrize(
    ("text", "length_chars"),
    [
        ("a b%20c", 7),
        ("a b%2", 3),
        ("a%E2%80", 1),
        ("a%E2%80%8B", 1),
        ("a%E2%80%8Bb", 11),
        ("a\u200b", 1),
        ("a \u200b", 3),
        ("a\x1b[31", 1),
        ("a\x1b[31m", 6),
        ("a\x1b]8;;x\x1b\\", 9),
        ("a\\u001", 1),
        ("a%25", 1),
        ("a%2541", 6),
    ],
)
def test_decoded_so_far_of_an_open_end_leaves_it_out(text, length_chars):
    assert decoded_so_far(text)[1] == length_chars


@pytest.mark.parametrize("unit", ["%20", "%2520", "\x1b[0m", "\x1b]\x1b\\", "\\", "^[]", "a\u200b", "\x1b]", "%E2"])
def test_decoded_so_far_of_a_long_text_leaves_little_out(unit):
    _, length_chars = decoded_so_far(unit * 2_000)
    assert len(unit) * 2_000 - length_chars <= 3 * MAX_OPEN_CHARS
