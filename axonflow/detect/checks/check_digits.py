"""The check-digit systems that numbers of several countries share."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["is_date", "iso7064_mod11_10", "mod11_digit", "only_alnum", "verhoeff", "weighted_sum"]

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def only_alnum(text: str) -> str:
    """The ASCII letters, in upper case, and digits of `text`."""
    return "".join([char for char in text if char.isalnum()]).upper()


def weighted_sum(digits: str, weights: Sequence[int]) -> int:
    """The sum of the digits, each times its weight; what has no weight does not count."""
    return sum([int(digit) * weight for digit, weight in zip(digits, weights, strict=False)])


def mod11_digit(digits: str, weights: Sequence[int]) -> int:
    """11 less the weighted sum modulo 11, from 1 to 11: what countries do with 10 and 11 differs."""
    return 11 - weighted_sum(digits, weights) % 11


def iso7064_mod11_10(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO 7064, MOD 11,10)."""
    product = 10
    for digit in digits[:-1]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return (product + int(digits[-1])) % 10 == 1


def _dihedral(left: int, right: int) -> int:
    """Multiplication in the dihedral group of the pentagon: 0-4 turn it, 5-9 flip it."""
    if left < 5:
        return (left + right) % 5 + (5 if right >= 5 else 0)
    return (left - right) % 5 + (0 if right >= 5 else 5)


_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _permutations() -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = [tuple(range(10))]
    for _ in range(7):
        rows.append(tuple(_PERMUTATION[digit] for digit in rows[-1]))
    return rows


_PRODUCTS = tuple(tuple(_dihedral(left, right) for right in range(10)) for left in range(10))
_PERMUTED = tuple(_permutations())


def verhoeff(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (J. Verhoeff, Error detecting decimal codes, 1969)."""
    state = 0
    for at, digit in enumerate(reversed(digits)):
        state = _PRODUCTS[state][_PERMUTED[at % 8][int(digit)]]
    return state == 0


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there was or will be such a day. A year below 100 is of an unknown century: 29 February passes then."""
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return False
    is_leap = year < 100 or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
    return is_leap or (month, day) != (2, 29)
