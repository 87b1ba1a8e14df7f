"""Checksums, ranges and registries."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect.packs.key_armour import pem_keys_in
from axonflow.detect.packs.key_checks import has_password, is_aws_secret, looks_generated, not_longer
from axonflow.detect.validators import (
    email_address,
    email_in,
    groups_of,
    ipv4,
    ipv6s_in,
    jwt,
    luhn,
    mod97,
    shannon_entropy,
)

DIGITS = st.text("0123456789", min_size=1, max_size=30)


def check_digit(digits):
    return next(str(last) for last in range(10) if luhn(digits + str(last)))


@given(DIGITS)
def test_luhn_has_exactly_one_check_digit(digits):
    assert sum(luhn(digits + str(last)) for last in range(10)) == 1


@given(DIGITS, st.data())
def test_luhn_with_one_digit_changed_fails(digits, data):
    number = digits + check_digit(digits)
    at = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[at]]))
    assert not luhn(number[:at] + other + number[at + 1 :])


@pytest.mark.parametrize("text", ["", "0", "41 11", "\u0664\u0661"])
def test_luhn_of_what_is_no_number_fails(text):
    assert not luhn(text)


@given(st.text("0123456789", min_size=11, max_size=30))
def test_mod97_with_two_digits_swapped_fails(bban):
    iban = next(f"DE{check:02}{bban}" for check in range(2, 99) if mod97(f"DE{check:02}{bban}"))
    for at in range(4, len(iban) - 1):
        swapped = iban[:at] + iban[at + 1] + iban[at] + iban[at + 2 :]
        assert swapped == iban or not mod97(swapped)


@pytest.mark.parametrize("text", ["DE", "DE89 3704", "DE\u0668\u06699"])
def test_mod97_of_what_is_no_iban_fails(text):
    assert not mod97(text)


@given(st.text(max_size=60))
def test_groups_of_are_the_runs_of_ascii_digits(text):
    groups = groups_of(text)
    covered = {at for start, end in groups for at in range(start, end)}
    assert covered == {at for at, char in enumerate(text) if char in "0123456789"}
    assert all(before[1] < after[0] for before, after in pairwise(groups))


@pytest.mark.parametrize(
    ("text", "valid"), [("8.8.8.8", True), ("1.2.3", False), ("01.2.3.4", False), ("0.1.2.3", False)]
)
def test_ipv4_belongs_to_somebody(text, valid):
    assert ipv4(text) is valid


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("2001:db8::1", [(0, 11)]),
        ("2001:db8::1:", [(0, 11)]),
        ("2001:db8::1..", [(0, 11)]),
        ("fe80::", [(0, 6)]),
        ("::ffff:1.2.3.4", [(0, 14)]),
        ("a:b", []),
        ("1:2:3", []),
        ("::", []),
        ("::1", []),
        ("a::b", []),
        ("face::cafe:babe", []),
    ],
)
def test_ipv6_in_a_run_is_an_address_without_punctuation(text, spans):
    assert list(ipv6s_in(text)) == spans


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a@b.co", True),
        ("a" * 65 + "@b.co", False),
        ("a@" + "b" * 64 + ".co", False),
        ("a@" + "b." * 130 + "co", False),
        ("a@-b.co", False),
        ("a@b-.co", False),
        ("a.@b.co", False),
        ("a@b..co", False),
        ("a@b.js", False),
        ("a@empresa.com.py", True),
    ],
)
def test_email_address_has_the_lengths_of_the_standard(text, valid):
    assert email_address(text) is valid


@pytest.mark.parametrize(
    ("run", "found"), [("a@b.co", ["a@b.co"]), ("'_a@b.co", ["a@b.co"]), (".@b.co", []), ("a.b'@c.co", ["a.b'@c.co"])]
)
def test_email_in_a_match_begins_with_a_letter_or_digit(run, found):
    assert [run[start:end] for start, end in email_in(run)] == found


@pytest.mark.parametrize(
    ("token", "valid"),
    [("eyJhbGciOiJIUzI1NiJ9.x.y", True), ("eyJ!.x.y", False), ("eyJ0eXAiOiJKV1QifQ.x.y", False), ("\x00.x", False)],
)
def test_jwt_has_a_header_with_an_algorithm(token, valid):
    assert jwt(token) is valid


@given(st.text(min_size=1, max_size=100))
def test_entropy_is_between_zero_and_that_of_all_different(text):
    assert 0 <= shannon_entropy(text) <= 7


def test_generated_tokens_are_told_from_place_holders():
    assert looks_generated("hf_" + "qZrKdXwTnVbLmHsPfGjYcRuBeNk")
    assert not looks_generated("sk-your-key")
    assert not looks_generated("hf_onlylowercaseletters")
    assert not looks_generated("sk-1111111111111111111")
    assert not is_aws_secret("a" * 40)


@pytest.mark.parametrize(
    ("before", "after", "alone"), [("=", "", True), ("x", "", False), ("", "x", False), (" ", "=", True)]
)
def test_token_beside_more_of_its_characters_is_longer(before, after, alone):
    assert not_longer(before, "token", after) is alone


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("db://u:pw@h", True),
        ("db://u:@h", False),
        ("db://u:xxx@h", False),
        ("db://u:{{pw}}@h", False),
        ("db://u:a${X}@h", False),
        ("db://u:a{{X}}@h", False),
        ("db://h", False),
    ],
)
def test_password_in_a_url_is_no_place_holder(url, found):
    assert has_password(url) is found


BEGIN, END, BODY = (
    "-----BEGIN PRIVATE" + " KEY-----",
    "-----END PRIVATE" + " KEY-----",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
)


@pytest.mark.parametrize(
    ("match", "found"),
    [
        (f"{BEGIN}\n{BODY}\n{END}", f"{BEGIN}\n{BODY}\n{END}"),
        (f"{BEGIN}\nshort\n{END}", None),
        (BEGIN, None),
        (f"{BEGIN}\n{BODY}\n{BODY}\n\nthen some words", f"{BEGIN}\n{BODY}\n{BODY}"),
        (f"{BEGIN}\nDEK-Info: AES\n\n{BODY}\n", f"{BEGIN}\nDEK-Info: AES\n\n{BODY}"),
        (f"{BEGIN}\\n{BODY}\\n", f"{BEGIN}\\n{BODY}"),
        (f'{BEGIN}\\n{BODY}\\n{BODY}"}}, "b": 1', f"{BEGIN}\\n{BODY}\\n{BODY}"),
        (f'{BEGIN}\\nshort"}}', None),
        (f"{BEGIN} is a header", None),
    ],
)
def test_pem_key_goes_to_its_end_or_as_far_as_its_body(match, found):
    assert [match[start:end] for start, end in pem_keys_in(match)] == ([found] if found else [])
