"""Addresses of crypto currencies, which carry checksums of their own."""

from __future__ import annotations

from hashlib import sha256

from axonflow.detect.checks.keccak import KECCAK_ENDING, sponge_256

__all__ = ["base58_address", "bech32_address", "checksummed_ethereum_address", "ethereum_address"]

_BASE58 = {char: at for at, char in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
# Bitcoin's chainparams.cpp and its descendants: Bitcoin, Dogecoin, Litecoin, TRON.
_VERSIONS = frozenset({0x00, 0x05, 0x1E, 0x16, 0x30, 0x32, 0x41})


def base58_address(text: str) -> bool:
    """Whether `text` is a version, 20 bytes and the first four of their double SHA-256 (Bitcoin wiki, Base58Check)."""
    number = 0
    for char in text:
        number = number * 58 + _BASE58[char]
    if number.bit_length() > 200:
        return False
    data = number.to_bytes(25, "big")
    return data[0] in _VERSIONS and sha256(sha256(data[:21]).digest()).digest()[:4] == data[21:]


_BECH32 = {char: at for at, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_END, _BECH32M_END = 1, 0x2BC830A3


def bech32_address(text: str) -> bool:
    """Whether the checksum of a segregated witness address is right (BIP 173; from version 1 on BIP 350)."""
    if not (text.islower() or text.isupper()):
        return False
    prefix, _, data = text.lower().rpartition("1")
    values = [_BECH32[char] for char in data]
    state = 1
    for value in [*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix), *values]:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for at, generator in enumerate(_GENERATORS):
            if top >> at & 1:
                state ^= generator
    return state == (_BECH32M_END if values[0] else _BECH32_END)


def ethereum_address(text: str) -> bool:
    """Whether 0x and 40 hexadecimal digits can be an account: those with hardly any different digits are not."""
    return len(set(text[2:].lower())) > 4


def checksummed_ethereum_address(text: str) -> bool:
    """Whether the case of its letters is the checksum of an address that has both cases (EIP-55).

    Takes half a millisecond for these: hashlib has no Keccak.
    """
    digits = text[2:]
    if digits == digits.lower() or digits == digits.upper():
        return False
    nibbles = sponge_256(digits.lower().encode("ascii"), KECCAK_ENDING).hex()
    return all(
        char.isupper() is (nibble >= "8") for char, nibble in zip(digits, nibbles, strict=False) if char.isalpha()
    )
