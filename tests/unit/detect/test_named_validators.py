"""The checks that custom detectors name."""

import re

import pytest

from axonflow.detect.named_validators import VALIDATORS, all_of, validator_of


@pytest.mark.parametrize("name", [name for name, one in VALIDATORS.items() if one.check is not None])
def test_validator_confirms_its_example_and_nothing_short(name):
    check = validator_of(name)
    assert check(VALIDATORS[name].example)
    for text in ("", "0", "x", "-"):
        assert not check(text)


@pytest.mark.parametrize("name", ["luhn", "verhoeff", "damm", "mod97", "mod11_2"])
def test_validator_of_check_digits_finds_every_single_wrong_digit(name):
    check, right = validator_of(name), VALIDATORS[name].example
    for place, digit in enumerate(right):
        for other in set("0123456789") - {digit} if digit.isdigit() else ():
            assert not check(right[:place] + other + right[place + 1 :])


@pytest.mark.parametrize(("name", "text"), [("verhoeff", "236-3"), ("damm", "5724")])
def test_validator_of_check_digits_finds_every_exchange_of_neighbours(name, text):
    check, digits = validator_of(name), re.sub(r"\D", "", text)
    for place in range(len(digits) - 1):
        swapped = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
        assert swapped == digits or not check(swapped)


@pytest.mark.parametrize(
    ("name", "text", "holds"),
    [
        ("mod11_2", "0000-0002-1694-233X", True),
        ("mod11_2", "X0000-0002-1694-233X", False),
        ("mod97", "WEST12345698765432GB82", True),
        ("iban", "GB82 WEST 1234 5698 7654 32", True),
        ("iban", "xGB82WEST12345698765432", False),
        ("email", "a@b.example", True),
        ("ipv4", "127.0.0.1", False),
        ("entropy>=2", "abcd", True),
        ("entropy >= 2.01", "abcd", False),
        ("entropy>=0", "aaaa", True),
    ],
)
def test_validator_by_name_judges_a_text(name, text, holds):
    assert validator_of(name)(text) is holds


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("lunh", "one of card_number, damm"),
        ("", "one of"),
        ("luhn>=2", "luhn without a threshold"),
        ("entropy", "entropy>=N with N from 0 to 7"),
        ("entropy>=7.5", "entropy>=N with N from 0 to 7"),
        ("entropy>=1e9", "one of"),
    ],
)
def test_validator_of_an_unknown_name_says_what_there_is(written, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        validator_of(written)


def test_validators_together_confirm_what_each_confirms():
    assert all_of(()) is None
    assert all_of((validator_of("luhn"),))("79927398713")
    both = all_of((validator_of("luhn"), validator_of("entropy>=2")))
    assert both("79927398713")
    assert not both("00")
