"""Checks that a custom detector names: of check digits, of numbers that follow a registry, of how random a text is."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from axonflow.detect.checks.cards import is_card_number
from axonflow.detect.checks.check_digits import only_alnum, verhoeff
from axonflow.detect.checks.countries import is_iban
from axonflow.detect.detector import Validate
from axonflow.detect.validators import digits_of, email_address, ipv4, luhn, shannon_entropy

__all__ = ["VALIDATORS", "NamedValidator", "all_of", "validator_of"]

_MOST_BITS: Final = 7.0
"""Per character: text is folded to ASCII."""


class NamedValidator(NamedTuple):
    """One check. `make` gives it for a threshold; those without one take none."""

    summary: str
    example: str
    """A span that it confirms."""
    check: Validate | None = None
    at_least: Callable[[float], Validate] | None = None


def _digits_of(check: Validate) -> Validate:
    return lambda text: check(digits_of(text))


def _verhoeff(digits: str) -> bool:
    return len(digits) > 1 and verhoeff(digits)


# A totally anti-symmetric quasigroup of order ten (H. M. Damm, 2004).
_DAMM: Final = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip


def _damm(digits: str) -> bool:
    check = 0
    for digit in digits:
        check = int(_DAMM[check][int(digit)])
    return len(digits) > 1 and check == 0


def _mod97(text: str) -> bool:
    digits = "".join(str(int(char, 36)) for char in text if char.isalnum())
    return len(digits) > 2 and int(digits) % 97 == 1


def _mod11_2(text: str) -> bool:
    kept = [char for char in text.upper() if char.isdigit() or char == "X"]
    if len(kept) < 2 or "X" in kept[:-1]:
        return False
    total = 0
    for char in kept[:-1]:
        total = (total + int(char)) * 2 % 11
    return (total + (10 if kept[-1] == "X" else int(kept[-1]))) % 11 == 1


def _iban(text: str) -> bool:
    return is_iban(only_alnum(text))


def _has_entropy(bits: float) -> Validate:
    return lambda text: shannon_entropy(text) >= bits


VALIDATORS: Final[dict[str, NamedValidator]] = {
    "luhn": NamedValidator("the last digit is the Luhn check digit of the others", "79927398713", _digits_of(luhn)),
    "verhoeff": NamedValidator("the last digit is the Verhoeff check digit", "236-3", _digits_of(_verhoeff)),
    "damm": NamedValidator("the last digit is the Damm check digit", "5724", _digits_of(_damm)),
    "mod97": NamedValidator("ISO 7064 MOD 97-10, the check digits last; letters count 10 to 35", "794-44", _mod97),
    "mod11_2": NamedValidator("ISO 7064 MOD 11-2, 0 to 9 or X last, as in ORCID", "0000-0002-1825-0097", _mod11_2),
    "iban": NamedValidator("an IBAN: its country's length, and MOD 97-10", "DE89370400440532013000", _iban),
    "card_number": NamedValidator(
        "a payment card: an issuer's prefix and length, and Luhn", "4111 1111 1111 1111", _digits_of(is_card_number)
    ),
    "email": NamedValidator("the lengths and dots of a mail address (RFC 5321)", "ann@example.com", email_address),
    "ipv4": NamedValidator("an IPv4 address that can belong to somebody", "8.8.8.8", ipv4),
    "entropy": NamedValidator(
        "`entropy>=N`: at least N bits of Shannon entropy per character, 0 to 7; words have about 3, random"
        " characters of base 64 above 4", "entropy>=3.5 of Zq8LmX2vTn4KpWc7", at_least=_has_entropy,
    ),
}  # fmt: skip
"""By name. docs/reference/detectors.md lists them."""

_WRITTEN: Final = re.compile(r"([a-z][a-z0-9_]*)(?: ?>= ?(\d{1,3}(?:\.\d{1,3})?))?")


def validator_of(written: str) -> Validate:
    """The check that `written` names, such as ``luhn`` or ``entropy>=3.5``. Raises ValueError saying what there is."""
    found = _WRITTEN.fullmatch(written)
    named = VALIDATORS.get(found[1]) if found else None
    if found is None or named is None:
        raise ValueError(f"one of {', '.join(sorted(VALIDATORS))}")
    if named.check is not None:
        if found[2] is not None:
            raise ValueError(f"{found[1]} without a threshold")
        return named.check
    assert named.at_least is not None  # a row has one of the two
    if found[2] is None or float(found[2]) > _MOST_BITS:
        raise ValueError(f"{found[1]}>=N with N from 0 to {_MOST_BITS:g}")
    return named.at_least(float(found[2]))


def all_of(checks: tuple[Validate, ...]) -> Validate | None:
    """The check that holds where each of `checks` does; None where there are none."""
    if len(checks) < 2:
        return checks[0] if checks else None
    return partial(_holds, checks)


def _holds(checks: tuple[Validate, ...], text: str) -> bool:
    return all(check(text) for check in checks)
