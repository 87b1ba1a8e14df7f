"""Characters that stand for a key in the examples of detectors, so that no file holds a whole one."""

from __future__ import annotations

__all__ = ["UUID", "base32", "base64", "digits", "hexadecimal", "lower", "mixed"]

_MIXED = "q7Zr2Kd9Xw4Tn6Vb1Lm8Hs3Pf5Gj0Yc2Ru7Be4Nk9Ta1Dq6Wx3Sv8Jh5Mz2Ly7Pf"
_HEXADECIMAL = "7f3ac91e5b8d20646e1fa7c3059bd84f2c6a9e137db0f58431c8e6a25f97d04b"
_BASE32 = "Q3ZR2KD7XW4TN6VBJ5HS2PFGY7CMEALU"

UUID = "3f9c2a7e-5b1d-4c86-9e04-a7d2f6b8c135"


def _taken(pool: str, count: int) -> str:
    return (pool * (count // len(pool) + 1))[:count]


def mixed(count: int) -> str:
    """Letters of both cases and digits."""
    return _taken(_MIXED, count)


def base64(count: int) -> str:
    """The alphabet of base 64 without padding."""
    return _taken(_MIXED[:40] + "+" + _MIXED[40:] + "/", count)


def hexadecimal(count: int) -> str:
    """Hexadecimal digits, lower case."""
    return _taken(_HEXADECIMAL, count)


def base32(count: int) -> str:
    """Capital letters and the digits 2 to 7."""
    return _taken(_BASE32, count)


def lower(count: int) -> str:
    """Lower-case letters and digits."""
    return _taken(_MIXED.lower(), count)


def digits(count: int) -> str:
    """Decimal digits."""
    return _taken("4816327059", count)
