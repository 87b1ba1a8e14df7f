"""Checks that confirm what a pattern proposes: checksums, ranges, registries. All take folded (ASCII) text."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from math import log2

import msgspec

__all__ = [
    "digits_of",
    "email_address",
    "email_in",
    "groups_of",
    "ipv4",
    "ipv6s_in",
    "jwt",
    "luhn",
    "mod97",
    "shannon_entropy",
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


_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1 annex B)."""
    if len(digits) < 2 or not _DIGITS.issuperset(digits):
        return False
    codes = digits.encode("ascii")
    # The code of 0 is 48; adding up bytes takes a third of the time of converting each digit.
    return (sum(codes[-1::-2]) + sum(codes[-2::-2].translate(_DOUBLED)) - 48 * len(codes)) % 10 == 0


def mod97(iban: str) -> bool:
    """Whether the check digits of `iban` (upper case, no spaces) are right (ISO 7064 MOD 97-10)."""
    if len(iban) < 5 or not (iban.isascii() and iban.isalnum()):
        return False
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


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


# What follows the last dot of a file name or of a unit of systemd (name@instance.service), and is no top-level domain.
_FILE_SUFFIXES = frozenset(
    "png jpg jpeg gif svg webp bmp ico css js ts jsx tsx json html htm xml yaml yml toml txt md csv pdf "
    "doc docx xls xlsx ppt pptx exe dll jar war class java cpp rb php go lock log tar gz mp3 mp4 wav avi header "
    "service socket timer mount automount slice scope swap".split()
)


def email_in(run: str) -> Iterator[tuple[int, int]]:
    """The mail address in a match: without the marks before it, which may be quotes or an underscore of a name."""
    start = len(run) - len(run.lstrip("._%+&'-"))
    if run[start] != "@":
        yield start, len(run)


def email_address(text: str) -> bool:
    """Whether the lengths and dots are those of a mail address (RFC 5321 section 4.5.3.1) outside of a file name."""
    local, _, domain = text.rpartition("@")
    if not (0 < len(local) <= 64 and len(domain) <= 253) or ".." in text or local[0] == "." or local[-1] == ".":
        return False
    labels = domain.split(".")
    if any(len(label) > 63 or label[0] == "-" or label[-1] == "-" for label in labels):
        return False
    return len(labels) > 2 or labels[-1].lower() not in _FILE_SUFFIXES


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
