"""Card numbers, bank accounts and addresses of crypto currencies."""

from hashlib import sha3_256

import pytest
import stdnum.bitcoin
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect.checks.cards import card_numbers_in, is_card_number
from axonflow.detect.checks.countries import IBAN_LENGTHS, is_bic, is_iban
from axonflow.detect.checks.crypto_addresses import (
    base58_address,
    bech32_address,
    checksummed_ethereum_address,
    ethereum_address,
)
from axonflow.detect.checks.keccak import KECCAK_ENDING, sponge_256
from axonflow.detect.validators import luhn, mod97

BBAN = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=11, max_size=30)


@given(st.sampled_from(sorted(IBAN_LENGTHS)), BBAN)
def test_mod97_has_one_pair_of_check_digits_from_02_to_98(country, bban):
    assert sum(mod97(f"{country}{check:02}{bban}") for check in range(2, 99)) == 1


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("DE89 3704 0044 0532 0130 00", True),
        ("gb82-west-1234-5698-7654-32", True),
        ("NO9386011117947", True),
        ("DE8937040044053201300", False),
        ("AB12370400440532013000", False),
        ("DE88370400440532013000", False),
    ],
)
def test_iban_has_the_length_of_its_country_and_check_digits(text, valid):
    assert is_iban(text) is valid


@pytest.mark.parametrize(("text", "valid"), [("COBADEFFXXX", True), ("COBAZZFF", False)])
def test_bic_names_a_country(text, valid):
    assert is_bic(text) is valid


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("4111111111111111", True),
        ("2223003122003222", True),
        ("378282246310005", True),
        ("36227206271667", True),
        ("6011000990139424", True),
        ("3530111333300000", True),
        ("6205500000000000004", True),
        ("0000000000000000", False),
        ("411111111111116", False),
        ("1111111111111117", False),
    ],
)
def test_card_number_needs_prefix_length_and_check_digit(number, valid):
    assert is_card_number(number) is valid


@given(st.text("0123456789 -.", min_size=1, max_size=24))
def test_card_number_of_any_groups_is_a_beginning_of_whole_groups(groups):
    for start, end in card_numbers_in(groups):
        assert start == 0
        assert is_card_number("".join(char for char in groups[:end] if char.isdigit()))
        assert not groups[end : end + 1].isdigit()


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ("4111 1111 1111 1111", ["4111 1111 1111 1111"]),
        ("4111 1111 1111 1111 123", ["4111 1111 1111 1111"]),
        ("4111.1111.1111.1111", ["4111.1111.1111.1111"]),
        ("4111 1111 1111 1112", []),
        ("378282246310005", ["378282246310005"]),
    ],
)
def test_card_number_leaves_a_security_code_behind_it_out(groups, found):
    assert [groups[start:end] for start, end in card_numbers_in(groups)] == found


HASHES = st.binary(min_size=20, max_size=20)
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def in_base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, at = divmod(number, 58)
        text = BASE58[at] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


@given(HASHES, st.sampled_from([b"\0", b"\5"]), st.data())
def test_base58_address_agrees_with_the_oracle(payload, version, data):
    from hashlib import sha256

    body = version + payload
    address = in_base58(body + sha256(sha256(body).digest()).digest()[:4])
    at = data.draw(st.integers(1, len(address) - 1))
    changed = address[:at] + data.draw(st.sampled_from(BASE58)) + address[at + 1 :]
    assert base58_address(address)
    assert stdnum.bitcoin.is_valid(address)
    assert base58_address(changed) is (changed == address)


def test_base58_address_of_another_version_or_length_is_none():
    assert not base58_address("z" * 40)
    assert not base58_address("9" * 26)


@pytest.mark.parametrize(
    ("text", "valid"),
    [  # the test vectors of BIP 173 and BIP 350
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", True),
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", True),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", True),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", False),
        ("BC1QW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", False),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", False),
    ],
)
def test_bech32_address_has_the_checksum_of_its_version(text, valid):
    assert bech32_address(text) is valid


@pytest.mark.parametrize(("digits", "valid"), [("de709f2102306220921060314715629080e2fb77", True), ("0" * 40, False)])
def test_ethereum_address_has_different_digits(digits, valid):
    assert ethereum_address("0x" + digits) is valid


@pytest.mark.parametrize(
    ("address", "valid"),
    [  # the mixed ones of EIP-55; one letter of another case; one case only
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", True),
        ("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", True),
        ("0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", True),
        ("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", True),
        ("0xd1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", False),
        ("0x52908400098527886E0F7030069857D2E4169EE7", False),
        ("0xde709f2102306220921060314715629080e2fb77", False),
        ("0x1234567890123456789012345678901234567890", False),
    ],
)
def test_ethereum_checksum_is_in_the_case_of_its_letters(address, valid):
    assert checksummed_ethereum_address(address) is valid


@given(st.binary(max_size=135))
def test_sponge_with_the_ending_of_sha3_agrees_with_hashlib(message):
    assert sponge_256(message, 0x06) == sha3_256(message).digest()


def test_sponge_with_the_ending_of_keccak_gives_the_published_digest_of_nothing():
    assert sponge_256(b"", KECCAK_ENDING).hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(st.text("0123456789", min_size=1, max_size=19), st.integers(0, 9))
def test_luhn_of_bytes_agrees_with_the_sum_by_hand(digits, last):
    number = f"{digits}{last}"
    total = 0
    for at, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + at % 2)
        total += value - 9 if value > 9 else value
    assert luhn(number) is (total % 10 == 0)
