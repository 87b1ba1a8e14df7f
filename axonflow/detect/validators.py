"""Checks that confirm what a pattern proposes: checksums, ranges, registries. All take folded (ASCII) text."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from math import log2

import msgspec

__all__ = [
    "IBAN_LENGTHS",
    "card_numbers_in",
    "digits_of",
    "email_address",
    "groups_of",
    "ibans_in",
    "ipv4",
    "ipv6s_in",
    "is_card_number",
    "jwt",
    "luhn",
    "mod97",
    "shannon_entropy",
    "us_ssn",
]

_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")


def digits_of(text: str) -> str:
    """The ASCII digits of `text`, in order."""
    return "".join([char for char in text if char in _DIGITS])


def groups_of(text: str) -> list[tuple[int, int]]:
    """The spans of the maximal runs of ASCII digits in `text`."""
    spans: list[tuple[int, int]] = []
    start = -1
    for at, char in enumerate(text):
        if char in _DIGITS:
            if start < 0:
                start = at
        elif start >= 0:
            spans.append((start, at))
            start = -1
    if start >= 0:
        spans.append((start, len(text)))
    return spans


def shannon_entropy(text: str) -> float:
    """Bits per character: 0 for one repeated character, about 4.7 for 40 random characters of base 64."""
    counts = Counter(text).values()
    total = len(text)
    return -sum(count / total * log2(count / total) for count in counts)


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1 annex B)."""
    if len(digits) < 2 or not _DIGITS.issuperset(digits):
        return False
    total = sum(map(int, digits[-1::-2]))
    total += sum((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


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
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
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


def card_numbers_in(run: str) -> Iterator[tuple[int, int]]:
    """The card numbers in a run of digits, spaces and dashes: whole groups of digits, the longest first.

    A number inside a longer group is none. Takes time linear in the run: a card has at most 19 digits.
    """
    groups = groups_of(run)
    first = 0
    while first < len(groups):
        end = _card_end(run, groups, first)
        if end is None:
            first += 1
        else:
            yield groups[first][0], groups[end - 1][1]
            first = end


def _card_end(run: str, groups: list[tuple[int, int]], first: int) -> int | None:
    size = groups[first][1] - groups[first][0]
    if size != 4 and not 12 <= size <= 19:  # no layout begins so
        return None
    best = None
    sizes: list[int] = []
    separators: set[str] = set()
    for at in range(first, len(groups)):
        start, end = groups[at]
        if at > first:
            separators.add(run[groups[at - 1][1] : start])
        sizes.append(end - start)
        if sum(sizes) > 19 or len(separators) > 1 or not separators <= {" ", "-"}:
            break
        if _is_card_layout(sizes) and is_card_number(digits_of(run[groups[first][0] : end])):
            best = at + 1
    return best


def _is_card_layout(sizes: list[int]) -> bool:
    """In one piece, in fours (the last may differ), or 4-6-5 and 4-6-4 as American Express and Diners print it."""
    if len(sizes) == 1:
        return 12 <= sizes[0] <= 19
    if len(sizes) == 3 and sizes[:2] == [4, 6]:
        return sizes[2] in {4, 5}
    return len(sizes) >= 3 and all(size == 4 for size in sizes[:-1]) and 1 <= sizes[-1] <= 7


# SWIFT's IBAN registry (the registration authority of ISO 13616).
IBAN_LENGTHS: dict[str, int] = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FK FO GL NL SD",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "LY PT ST",
        "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HN HU LB NI PL SV",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for country in countries.split()
}


def mod97(iban: str) -> bool:
    """Whether the check digits of `iban` (upper case, no spaces) are right (ISO 7064 MOD 97-10)."""
    if len(iban) < 5 or not (iban.isascii() and iban.isalnum()):
        return False
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def ibans_in(run: str) -> Iterator[tuple[int, int]]:
    """The IBANs in a run of letters, digits and single separators; each ends where its country says it does."""
    at = 0
    while at < len(run):
        if at == 0 or not run[at - 1].isalnum():
            end = _iban_end(run, at)
            if end is not None:
                yield at, end
                at = end
                continue
        at += 1


def _iban_end(run: str, start: int) -> int | None:
    length = IBAN_LENGTHS.get(run[start : start + 2].upper())
    if length is None or not run[start + 2 : start + 4].isdigit():
        return None
    taken: list[str] = []
    at = start
    while at < len(run) and len(taken) < length:
        if run[at].isalnum():
            taken.append(run[at].upper())
        at += 1
    if len(taken) < length or (at < len(run) and run[at].isalnum()):
        return None
    return at if mod97("".join(taken)) else None


def us_ssn(text: str) -> bool:
    """Whether the digits can be a Social Security number: areas 000, 666 and 900-999, group 00 and serial 0000 are
    never assigned (SSA POMS RM 10201.035); 078-05-1120 and 219-09-9999 were printed on sample cards.
    """
    digits = digits_of(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if len(digits) != 9 or area in {"000", "666"} or area[0] == "9" or group == "00" or serial == "0000":
        return False
    separators = {char for char in text if char not in _DIGITS}
    return len(separators) <= 1 and digits not in {"078051120", "219099999"} and len(set(digits)) > 1


def ipv4(text: str) -> bool:
    """Whether `text` is an IPv4 address that can belong to somebody: no loopback, no mask, not "this network"."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return False
    return not (address.is_loopback or address.packed[0] in {0, 255})


def ipv6s_in(run: str) -> Iterator[tuple[int, int]]:
    """The IPv6 address that a run of hexadecimal digits, colons and dots is, without the punctuation after it."""
    text = run.rstrip(".")
    if text.endswith(":") and not text.endswith("::"):
        text = text[:-1]
    if text.count(":") < 2:
        return
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return
    groups = [group for group in text.split(":") if group]
    # a::b is also how C++ and Haskell qualify a name.
    is_name = len(groups) < 3 and len(groups[0] if groups else "") < 3
    if not (is_name or address.is_loopback or address.is_unspecified or _DIGITS.isdisjoint(text)):
        yield 0, len(text)


# What follows the last dot of a file name, and is no top-level domain.
_FILE_SUFFIXES = frozenset(
    "png jpg jpeg gif svg webp bmp ico css js ts jsx tsx json html htm xml yaml yml toml txt md csv pdf "
    "doc docx xls xlsx ppt pptx exe dll jar war class java cpp rb php go lock log tar gz mp3 mp4 wav avi".split()
)


def email_address(text: str) -> bool:
    """Whether the lengths and dots are those of a mail address (RFC 5321 section 4.5.3.1) outside of a file name."""
    local, _, domain = text.rpartition("@")
    if not (0 < len(local) <= 64 and len(domain) <= 253) or ".." in text or local[0] == "." or local[-1] == ".":
        return False
    labels = domain.split(".")
    if any(len(label) > 63 or label[0] == "-" or label[-1] == "-" for label in labels):
        return False
    return labels[-1].lower() not in _FILE_SUFFIXES


class _JoseHeader(msgspec.Struct):
    alg: str


_decode_header = msgspec.json.Decoder(_JoseHeader).decode


def jwt(text: str) -> bool:
    """Whether the first segment decodes to a JOSE header that names an algorithm (RFC 7515 section 4)."""
    header = text.partition(".")[0]
    try:
        _decode_header(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except ValueError:
        return False
    return True
