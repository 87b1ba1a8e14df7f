"""Numbers that the United States, Canada and Brazil give to people, providers, banks and companies."""

from __future__ import annotations

from axonflow.detect.checks.check_digits import mod11_digit, only_alnum, weighted_sum
from axonflow.detect.validators import digits_of, luhn

__all__ = ["aba_routing", "br_cnpj", "br_cpf", "ca_sin", "us_itin", "us_npi", "us_ssn"]


def us_ssn(text: str) -> bool:
    """Whether the digits can be a Social Security number: areas 000, 666 and 900-999, group 00 and serial 0000 are
    never assigned (SSA POMS RM 10201.035); 078-05-1120 and 219-09-9999 were printed on sample cards.
    """
    digits = digits_of(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if len(digits) != 9 or area in {"000", "666"} or area[0] == "9" or group == "00" or serial == "0000":
        return False
    separators = {char for char in text if not char.isdigit()}
    return len(separators) <= 1 and digits not in {"078051120", "219099999"} and len(set(digits)) > 1


def us_itin(text: str) -> bool:
    """An ITIN is 9xx-gg-nnnn with group 50-65, 70-88, 90-92 or 94-99 (IRS Internal Revenue Manual 3.21.263)."""
    digits = digits_of(text)
    group = int(digits[3:5])
    return (
        digits[0] == "9"
        and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or group >= 94)
        and len({char for char in text if not char.isdigit()}) <= 1
    )


def aba_routing(text: str) -> bool:
    """Nine digits, weights 3-7-1, and a first pair that is assigned (ABA Key to Routing Numbers)."""
    digits = digits_of(text)
    first = int(digits[:2])
    return (
        (first <= 12 or 21 <= first <= 32 or 61 <= first <= 72 or first == 80)
        and digits.strip("0") != ""
        and weighted_sum(digits, (3, 7, 1) * 3) % 10 == 0
    )


def us_npi(digits: str) -> bool:
    """Ten digits, the first 1 or 2, with a Luhn digit over 80840 and them (45 CFR 162.406; CMS check digit paper)."""
    return digits[0] in "12" and luhn("80840" + digits)


def ca_sin(text: str) -> bool:
    """A Luhn digit; the first digit tells the province, 0 and 8 are not given to people (Service Canada)."""
    digits = digits_of(text)
    return digits[0] not in "08" and len(set(digits)) > 2 and luhn(digits)


def br_cpf(text: str) -> bool:
    """Two check digits modulo 11, and not one repeated digit (Receita Federal, IN RFB 1548/2015)."""
    digits = digits_of(text)
    first = mod11_digit(digits, range(10, 1, -1))
    second = mod11_digit(digits, range(11, 1, -1))
    return len(set(digits)) > 1 and digits[9:] == f"{_or_zero(first)}{_or_zero(second)}"


def _or_zero(digit: int) -> int:
    return 0 if digit > 9 else digit


_CNPJ_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


def br_cnpj(text: str) -> bool:
    """Two check digits modulo 11 over twelve characters, each worth its ASCII code less 48 (IN RFB 2229/2024)."""
    number = only_alnum(text)
    values = [ord(char) - 48 for char in number]
    first = 11 - sum([v * w for v, w in zip(values[:12], _CNPJ_WEIGHTS[1:], strict=True)]) % 11
    second = 11 - sum([v * w for v, w in zip(values[:13], _CNPJ_WEIGHTS, strict=True)]) % 11
    return len(set(number[:12])) > 1 and number[12:] == f"{_or_zero(first)}{_or_zero(second)}"
