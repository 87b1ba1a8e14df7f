"""Payment card numbers: issuers, lengths, layouts and the check digit."""

from __future__ import annotations

from collections.abc import Iterator

from axonflow.detect.validators import luhn

__all__ = ["card_numbers_in", "is_card_number"]

_MAESTRO_LENGTHS = (12, 13, 14, 15, 16, 17, 18, 19)
# First prefix, last prefix, lengths. From the issuers' published ranges (ISO/IEC 7812-1 fixes the first digits).
_ISSUERS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, 16, 17, 18, 19)),  # Diners Club
    ("3095", "3095", (14, 16, 17, 18, 19)),
    ("36", "36", (14, 15, 16, 17, 18, 19)),
    ("38", "39", (14, 16, 17, 18, 19)),
    ("6011", "6011", (16, 17, 18, 19)),  # Discover
    ("644", "659", (16, 17, 18, 19)),
    ("35", "35", (16, 17, 18, 19)),  # JCB: 3528-3589 are given, the rest is nobody else's
    ("1800", "1800", (15,)),
    ("2131", "2131", (15,)),
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("81", "81", (16, 17, 18, 19)),
    ("2200", "2204", (16, 17, 18, 19)),  # Mir
    ("9792", "9792", (16,)),  # Troy
    ("60", "60", (16,)),  # RuPay
    ("50", "50", _MAESTRO_LENGTHS),
    ("56", "58", _MAESTRO_LENGTHS),
    ("6304", "6304", _MAESTRO_LENGTHS),
    ("6390", "6390", _MAESTRO_LENGTHS),
    ("67", "67", _MAESTRO_LENGTHS),
    ("0604", "0604", (12,)),
)


def is_card_number(digits: str) -> bool:
    """Whether `digits` have an issuer's prefix, a length of that issuer, and a valid Luhn check digit."""
    return luhn(digits) and any(
        len(digits) in lengths and first <= digits[: len(first)] <= last for first, last, lengths in _ISSUERS
    )


def card_numbers_in(groups: str) -> Iterator[tuple[int, int]]:
    """The card number that groups of digits with single separators begin with, the last group left out if need be.

    A number is often followed by its security code, laid out like a last short group.
    """
    end = len(groups)
    while end >= 12:
        part = groups[:end]
        digits = part if part.isdigit() else part.replace(" ", "").replace("-", "").replace(".", "")
        if is_card_number(digits):
            yield 0, end
            return
        end = max(part.rfind(" "), part.rfind("-"), part.rfind("."))
