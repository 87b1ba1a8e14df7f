"""Keccak-256 of short messages, of which Ethereum's checksums are made.

It is what SHA3-256 was before FIPS 202 gave messages another ending; hashlib has it only with OpenSSL 3.2 and later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["KECCAK_ENDING", "sponge_256"]

KECCAK_ENDING: Final = 0x01
"""What follows a message; SHA-3 has 0x06 (FIPS 202 section 6.1)."""

_RATE_BYTES: Final = 136
_LANES: Final = 25
_LANE: Final = (1 << 64) - 1


def _round_constants() -> Iterator[int]:
    """FIPS 202 section 3.2.5: bits of a linear feedback shift register at the places 2**j - 1."""
    register = 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = (register << 1) ^ (register >> 7) * 0x171
        yield constant


def _moves() -> Iterator[tuple[int, int]]:
    """FIPS 202 sections 3.2.2 and 3.2.3: where the lane at hand goes, and by how many bits it turns, from (1, 0) on."""
    x, y = 1, 0
    for step in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        yield x + 5 * y, (step + 1) * (step + 2) // 2 % 64


_CONSTANTS: Final = tuple(_round_constants())
_MOVES: Final = tuple(_moves())


def _permuted(lanes: list[int]) -> list[int]:
    """Keccak-f[1600] of 25 lanes of 64 bits (FIPS 202 section 3.3)."""
    for constant in _CONSTANTS:
        c0, c1, c2, c3, c4 = (lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5))
        mixed = (
            c4 ^ (c1 << 1 & _LANE | c1 >> 63),
            c0 ^ (c2 << 1 & _LANE | c2 >> 63),
            c1 ^ (c3 << 1 & _LANE | c3 >> 63),
            c2 ^ (c4 << 1 & _LANE | c4 >> 63),
            c3 ^ (c0 << 1 & _LANE | c0 >> 63),
        )
        lanes = [lane ^ add for lane, add in zip(lanes, mixed * 5, strict=True)]
        moving = lanes[1]
        for place, bits in _MOVES:
            moving, lanes[place] = lanes[place], moving << bits & _LANE | moving >> 64 - bits
        rows: list[int] = []
        for at in range(0, _LANES, 5):
            a, b, c, d, e = lanes[at : at + 5]
            rows += (a ^ ~b & c, b ^ ~c & d, c ^ ~d & e, d ^ ~e & a, e ^ ~a & b)
        rows[0] ^= constant
        lanes = rows
    return lanes


def sponge_256(message: bytes, ending: int) -> bytes:
    """The 32 bytes of `message`, which is shorter than 136 bytes."""
    block = bytearray(message.ljust(_RATE_BYTES, b"\0"))
    block[len(message)] = ending
    block[-1] |= 0x80
    absorbed = [int.from_bytes(block[at : at + 8], "little") for at in range(0, _RATE_BYTES, 8)]
    lanes = _permuted(absorbed + [0] * (_LANES - len(absorbed)))
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])
