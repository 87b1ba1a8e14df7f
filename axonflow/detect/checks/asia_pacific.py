"""Numbers that India, Singapore, Indonesia and Australia give to people."""

from __future__ import annotations

from axonflow.detect.checks.check_digits import is_date, verhoeff, weighted_sum
from axonflow.detect.validators import digits_of

__all__ = ["au_medicare", "au_tfn", "id_nik", "in_aadhaar", "in_pan", "sg_nric"]


def in_aadhaar(text: str) -> bool:
    """Twelve digits, the first from 2, and a Verhoeff digit; none is a palindrome (UIDAI, Aadhaar numbers)."""
    digits = digits_of(text)
    return digits[0] not in "01" and digits != digits[::-1] and verhoeff(digits)


def in_pan(text: str) -> bool:
    """The fourth letter is the kind of holder, the serial number is not 0000 (Income Tax Department, PAN structure)."""
    return text[3].upper() in "ABCFGHJLPT" and text[5:9] != "0000"


_NRIC_LETTERS = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
_NRIC_OFFSETS = {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}


def sg_nric(text: str) -> bool:
    """The last letter follows from the series and the digits (Immigration & Checkpoints Authority; M since 2022)."""
    series = text[0].upper()
    total = _NRIC_OFFSETS[series] + weighted_sum(text[1:8], (2, 7, 6, 5, 4, 3, 2))
    return text[8].upper() == _NRIC_LETTERS[series][total % 11]


# Kode wilayah of the provinces, Permendagri 72/2019, and those that were founded in 2022.
_PROVINCES = frozenset(
    "11 12 13 14 15 16 17 18 19 21 31 32 33 34 35 36 51 52 53 61 62 63 64 65 71 72 73 74 75 76 81 82 91 92 93 94 95 "
    "96".split()
)


def id_nik(digits: str) -> bool:
    """A province, a regency, a district, the day of birth (women: plus 40), and a number that is not 0."""
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    if digits[:2] not in _PROVINCES or "00" in {digits[2:4], digits[4:6]} or digits[12:] == "0000":
        return False
    return is_date(year, month, day - 40 if day > 40 else day)


def au_tfn(text: str) -> bool:
    """Nine digits, or eight of old, whose weighted sum is a multiple of 11 (ATO, TFN algorithm)."""
    digits = digits_of(text)
    weights = (1, 4, 3, 7, 5, 8, 6, 9, 10) if len(digits) == 9 else (10, 7, 8, 4, 6, 3, 5, 1)
    return len(set(digits)) > 1 and weighted_sum(digits, weights) % 11 == 0


def au_medicare(text: str) -> bool:
    """The first digit is 2-6, the ninth the check digit, the tenth the issue (METeOR 270101, Medicare card number)."""
    digits = digits_of(text)
    is_checked = weighted_sum(digits, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(digits[8])
    return digits[0] in "23456" and digits[9] != "0" and is_checked
