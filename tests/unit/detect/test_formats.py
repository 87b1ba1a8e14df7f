"""Tokens of the format of a value: permutations that no detector takes for a value."""

import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect import formats
from axonflow.detect.formats import FormatTokens, permuted, suits

KEY = b"k" * 32
TEXTS = st.text(st.sampled_from("0123456789abcXYZ -./@\u00e9"), max_size=24)


def kinds(text):
    alphabets = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    return [next((number for number, one in enumerate(alphabets) if char in one), char) for char in text]


class Values:
    """Finds these texts and no other."""

    def __init__(self, *values):
        self.values = values

    def __call__(self, detector_id, text):
        return text in self.values


@given(TEXTS, st.binary(min_size=32, max_size=32))
def test_permuted_text_has_the_format_of_the_text(text, key):
    assert kinds(permuted(key, text)) == kinds(text)
    assert permuted(key, text) == permuted(key, text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "parts"), [("{}", (10,)), ("{}-{}{}", (10, 10, 10)), ("{}.{}/{}{}", (2, 10, 2, 1))]
)
def test_permuted_texts_of_a_format_are_all_texts_of_the_format(template, parts):
    alphabets = {1: "-", 2: string.ascii_lowercase, 10: string.digits}
    every = [template.format(*chars) for chars in itertools.product(*[alphabets[part] for part in parts])]
    assert sorted(permuted(KEY, text) for text in every) == sorted(every)


def test_permuted_digits_do_not_depend_on_how_they_are_grouped():
    assert permuted(KEY, "4111 1111 1111 1111").replace(" ", "") == permuted(KEY, "4111111111111111")


def test_permuted_text_of_two_keys_differs():
    assert permuted(KEY, "4111111111111111") != permuted(b"j" * 32, "4111111111111111")


def test_token_is_nothing_that_would_be_found():
    def is_even(detector_id, text):
        return int(text) % 2 == 0

    tokens = FormatTokens(is_even)
    for number in range(100, 200, 2):
        token = tokens.token(KEY, "pii.x", str(number))
        assert int(token) % 2 == 1
        assert token != str(number)


def test_token_is_nothing_that_another_detector_takes_for_something():
    plain = FormatTokens(Values("ab")).token(KEY, "pii.x", "ab")
    token = FormatTokens(Values("ab"), Values(plain)).token(KEY, "pii.x", "ab")
    assert token == permuted(KEY, plain) != plain


@pytest.mark.parametrize("text", ["", "--", "4111 \u4e00 11", "41\\n11", "\u0416\u0416"])
def test_token_of_what_has_no_alphabet_is_none(text):
    assert FormatTokens(Values(text)).token(KEY, "pii.x", text) is None


def test_token_of_other_digits_is_in_ascii():
    token = FormatTokens(Values("1234")).token(KEY, "pii.x", "\uff11\uff12\uff13\uff14")
    assert token.isascii()
    assert token.isdigit()


def test_token_where_everything_is_found_is_none_and_takes_bounded_work(monkeypatch):
    monkeypatch.setattr(formats, "MAX_STEPS_A_CONTENT", 300)
    asked = []

    def always(detector_id, text):
        asked.append(text)
        return True

    tokens = FormatTokens(always)
    assert [tokens.token(KEY, "pii.x", str(number) * 9) for number in (1, 2, 3)] == [None] * 3
    assert len(asked) == 300 + 3  # and once for each value


def test_suits_only_what_can_have_a_token():
    assert suits(Values("123", "456"), "pii.x", ["123", "456"])
    assert not suits(Values("123"), "pii.x", ["123", "456"])
    assert not suits(lambda detector_id, text: True, "pii.x", ["123"])
    assert suits(Values(), "pii.x", [])


def test_token_of_a_token_is_none():
    tokens = FormatTokens(lambda detector_id, text: text.startswith("1"))
    token = tokens.token(KEY, "pii.x", "1234")
    assert tokens.token(KEY, "pii.x", "1234") == token
    assert tokens.token(KEY, "pii.x", token) is None
