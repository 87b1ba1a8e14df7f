"""Numbers that the states of Europe give to people."""

from __future__ import annotations

from collections import Counter

from axonflow.detect.checks.check_digits import is_date, iso7064_mod11_10, mod11_digit, only_alnum, weighted_sum
from axonflow.detect.validators import digits_of, luhn

__all__ = [
    "be_national_number",
    "de_id_card",
    "de_tax_id",
    "dk_cpr",
    "dk_cpr_checked",
    "es_dni",
    "fi_hetu",
    "fr_nir",
    "gb_nhs",
    "gb_nino",
    "it_codice_fiscale",
    "nl_bsn",
    "pl_pesel",
    "pt_nif",
    "se_personnummer",
]


def gb_nino(text: str) -> bool:
    """Prefixes that are never given fail (HMRC, National Insurance Manual NIM39110)."""
    prefix = text[:2].upper()
    return (
        not set(prefix) & set("DFIQUV")
        and prefix[1] != "O"
        and prefix not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}
    )


def gb_nhs(text: str) -> bool:
    """Ten digits, the last modulo 11; a 10 is never given (NHS Data Dictionary, NHS NUMBER)."""
    digits = digits_of(text)
    return len(set(digits)) > 1 and mod11_digit(digits, range(10, 1, -1)) % 11 == int(digits[9])


def de_tax_id(text: str) -> bool:
    """Of the first ten digits one comes twice or three times, the others once at most; ISO 7064 (BZSt, Steuer-IdNr)."""
    digits = digits_of(text)
    counts = sorted(Counter(digits[:10]).values())
    return digits[0] != "0" and counts[-1] in {2, 3} and counts[-2] == 1 and iso7064_mod11_10(digits)


def de_id_card(text: str) -> bool:
    """Nine letters or digits and their check digit, weights 7-3-1 (ICAO Doc 9303 part 3, section 4.9)."""
    values = [int(char, 36) for char in text[:9]]
    return sum([value * (7, 3, 1)[at % 3] for at, value in enumerate(values)]) % 10 == int(text[9])


def fr_nir(text: str) -> bool:
    """The key is 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18 (INSEE, NIR)."""
    number = only_alnum(text)
    month = int(number[3:5])
    if not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50):
        return False
    plain = number.replace("2A", "19", 1) if number[5:7] == "2A" else number
    plain = number.replace("2B", "18", 1) if number[5:7] == "2B" else plain
    return plain.isdigit() and 97 - int(plain[:13]) % 97 == int(plain[13:])


def es_dni(text: str) -> bool:
    """The letter is the number modulo 23; X, Y, Z of foreigners count as 0, 1, 2 (Orden INT/2058/2008)."""
    number = only_alnum(text)
    digits = number[:-1].translate({88: "0", 89: "1", 90: "2"})
    return len(set(digits)) > 1 and "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == number[-1]


_CF_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_CF_MONTHS = "ABCDEHLMPRST"
_CF_DIGITS = str.maketrans("LMNPQRSTUV", "0123456789")


def it_codice_fiscale(text: str) -> bool:
    """A day of birth (women: plus 40) and a check letter; letters may stand for digits (DM 23 December 1976)."""
    code = only_alnum(text)
    day = int(code[9:11].translate(_CF_DIGITS))
    if not is_date(int(code[6:8].translate(_CF_DIGITS)), _CF_MONTHS.index(code[8]) + 1, day - 40 if day > 40 else day):
        return False
    values = [int(char) if char.isdigit() else ord(char) - 65 for char in code[:15]]
    return (sum([_CF_ODD[value] for value in values[::2]]) + sum(values[1::2])) % 26 == ord(code[15]) - 65


def nl_bsn(text: str) -> bool:
    """The eleven-test: weights 9 to 2, and -1 for the last digit (Logisch Ontwerp BSN)."""
    digits = digits_of(text)
    return len(set(digits)) > 1 and weighted_sum(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


_CENTURIES = {0: 1900, 20: 2000, 40: 2100, 60: 2200, 80: 1800}


def pl_pesel(digits: str) -> bool:
    """A day of birth whose month tells the century, and a check digit (ustawa o ewidencji ludnosci, art. 15)."""
    month = int(digits[2:4])
    if not is_date(_CENTURIES[month // 20 * 20] + int(digits[:2]), month % 20, int(digits[4:6])):
        return False
    return weighted_sum(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def be_national_number(text: str) -> bool:
    """97 less the first nine digits (from 2000 on: after a 2) modulo 97; bis numbers add 20 or 40 to the month.

    Source: Rijksregister, Algemene instructies, informatietype 000.
    """
    digits = digits_of(text)
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    if int(digits[2:4]) > 52 or month > 12 or day > 31 or (month and day and not is_date(int(digits[:2]), month, day)):
        return False
    first, check = digits[:9], int(digits[9:])
    return first[6:] not in {"000", "999"} and check in {97 - int(first) % 97, 97 - int("2" + first) % 97}


def se_personnummer(text: str) -> bool:
    """A day of birth (coordination numbers: plus 60) and a Luhn digit over the last ten (Skatteverket, SKV 704)."""
    digits = digits_of(text)
    year, short = (int(digits[:4]), digits[2:]) if len(digits) == 12 else (int(digits[:2]), digits)
    if len(digits) == 12 and not 1840 <= year <= 2099:
        return False
    day = int(short[4:6])
    return is_date(year, int(short[2:4]), day - 60 if day > 60 else day) and short[6:9] != "000" and luhn(short)


def dk_cpr(text: str) -> bool:
    """A day of birth whose seventh digit tells the century (CPR-kontoret, Personnummeret i CPR)."""
    digits = digits_of(text)
    year, seventh = int(digits[4:6]), int(digits[6])
    if seventh < 4 or (seventh in {4, 9} and year > 36):
        century = 1900
    else:
        century = 2000 if seventh in {4, 9} or year < 58 else 1800
    return is_date(century + year, int(digits[2:4]), int(digits[:2]))


def dk_cpr_checked(text: str) -> bool:
    """The same with the check digit modulo 11, which numbers given since 2007 may lack."""
    return dk_cpr(text) and weighted_sum(digits_of(text), (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


_HETU_CENTURIES = dict.fromkeys("-YXWVU", 1900) | dict.fromkeys("ABCDEF", 2000) | {"+": 1800}


def fi_hetu(text: str) -> bool:
    """The day of birth, a sign for the century, and the number modulo 31 as a character (DVV; signs of 2023)."""
    code = text.upper()
    number, serial = code[:6], code[7:10]
    if not is_date(_HETU_CENTURIES[code[6]] + int(code[4:6]), int(code[2:4]), int(code[:2])) or int(serial) < 2:
        return False
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number + serial) % 31] == code[10]


def pt_nif(text: str) -> bool:
    """Weights 9 to 2 modulo 11; the first digit, never 0, tells the kind of payer (Decreto-Lei 14/2013)."""
    digits = digits_of(text)
    check = mod11_digit(digits, range(9, 1, -1))
    return digits[0] != "0" and (0 if check > 9 else check) == int(digits[8])
