"""Personal data: addresses, numbers of cards, accounts and people."""

from __future__ import annotations

from axonflow.detect.context_words import has_any, words_of
from axonflow.detect.detector import Detector, Shape
from axonflow.detect.phone_numbers import phone_in_context, phones_in
from axonflow.detect.validators import (
    card_numbers_in,
    digits_of,
    email_address,
    ibans_in,
    ipv4,
    ipv6s_in,
    us_ssn,
)

__all__ = ["PII"]

_CARD_WORDS = frozenset("card cards credit debit visa mastercard maestro amex payment pan cc pay paid charge".split())
_SSN_WORDS = frozenset("ssn ssns social security sin taxpayer tin itin".split())
_VERSION_WORDS = frozenset(
    "version versions v ver release releases section chapter figure build firmware rev revision pin pins pinned "
    "upgrade upgraded upgrading downgrade downgraded".split()
)
_HOST_WORDS = frozenset(
    "ip ips ipv address addresses host hosts server servers from connect ping ssh gateway dns".split()
)


def _is_hex(text: str) -> bool:
    return len(text) == 4 and all(char in "0123456789abcdefABCDEF" for char in text)


def _stands_alone(before: str, _span: str, after: str) -> bool:
    """Whether the digits are no part of a decimal fraction, an identifier with dashes or a UUID."""
    last = before[-1:]
    if last in {".", "-"} and (before[-2:-1].isdigit() or (last == "-" and _is_hex(before[-5:-1]))):
        return False
    return not (after[:1] in {".", "-"} and after[1:2].isdigit())


def _card_in_context(before: str, span: str, after: str) -> bool:
    if not _stands_alone(before, span, after):
        return False
    # One number in fifty of these lengths passes by chance: 12 and 13 digits are also order numbers and times.
    return len(digits_of(span)) > 13 or has_any(words_of(before) + words_of(after), _CARD_WORDS)


def _ssn_in_context(before: str, span: str, after: str) -> bool:
    if not _stands_alone(before, span, after):
        return False
    return "-" in span or has_any(words_of(before)[-6:] + words_of(after)[:3], _SSN_WORDS)


def _iban_in_context(_before: str, _span: str, after: str) -> bool:
    return not after[:1].isalnum()


def _email_in_context(before: str, span: str, after: str) -> bool:
    # https://name:word@host and git@host:path are addresses of machines.
    tail = before.rsplit(maxsplit=1)[-1] if before[-1:].strip() else ""
    if "://" in tail and "?" not in tail and "/" not in tail.partition("://")[2]:
        return False
    return not (span.startswith("git@") and after[:1] == ":")


def _ip_in_context(before: str, span: str, after: str) -> bool:
    if before[-1:].isalnum() or after[:1].isalnum():
        return False
    if "." in span and before[-1:] in {".", "-"} and before[-2:-1].isdigit():
        return False
    # "release 15.4.0.1, pin 16.2.1.0", but not "the release server 10.1.2.3"
    nearby = words_of(before)[-4:]
    versions = [place for place, word in enumerate(nearby) if word in _VERSION_WORDS]
    return not versions or has_any(nearby[versions[-1] :], _HOST_WORDS)


PII: tuple[Detector, ...] = (
    Detector(
        id="pii.email",
        category="pii",
        severity="medium",
        description="A mail address.",
        shapes=(
            Shape(
                pattern=r"[A-Za-z0-9][A-Za-z0-9._%+&'-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}\b",
                triggers=("@",),
                validate=email_address,
                in_context=_email_in_context,
                confidence=0.95,
            ),
        ),
        max_span_chars=254,
        examples=(
            "write to jane.doe+news@example.co.uk, please",
            "<o'brien@mail.example.com>",
            "contact:j_d@xn--bcher-kva.example.",
            "\u90ae\u7bb1\u662ffoo@example.com\u8bf7\u56de\u590d",
        ),
        counter_examples=(
            "see @channel and user@localhost",
            "icon@2x.png is the large one",
            "git clone git@github.com:acme/site.git",
            "a..b@example.com is not one; .@example.com neither",
            "https://ann:word@db.example.com/x",
        ),
    ),
    Detector(
        id="pii.credit_card",
        category="pii",
        severity="high",
        description="A payment card number with its issuer's prefix and a valid check digit.",
        shapes=(
            Shape(
                pattern=r"\b\d[\d -]{10,}\d\b",
                min_digit_run=12,
                carve=card_numbers_in,
                in_context=_card_in_context,
                confidence=0.95,
            ),
        ),
        max_span_chars=24,
        examples=(
            "card 4111111111111111 exp 12/27",
            "4111-1111-1111-1111",
            "in 2024 5555 5555 5555 4444 was charged",
            "amex 3782 822463 10005.",
            "\u0664\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661",
            "maestro card 501800000009",
        ),
        counter_examples=(
            "4111111111111112",
            "order 41111111111111110000000",
            "0.4111111111111111",
            "x4111111111111111",
            "id 1234567812345670",
            "550e8400-e29b-41d4-a716-501800000009",
            "4111 1111-1111 1111",
        ),
    ),
    Detector(
        id="pii.us_ssn",
        category="pii",
        severity="high",
        description="A Social Security number of the United States.",
        shapes=(
            Shape(
                pattern=r"\b\d{3}[- ]\d{2}[- ]\d{4}\b",
                min_digit_run=9,
                validate=us_ssn,
                in_context=_ssn_in_context,
            ),
            Shape(
                pattern=r"\b\d{9}\b",
                min_digit_run=9,
                validate=us_ssn,
                in_context=_ssn_in_context,
                confidence=0.8,
            ),
        ),
        max_span_chars=11,
        examples=("SSN: 460-89-9847", "my social security number is 460 89 9847", "ssn=460899847"),
        counter_examples=(
            "000-12-3456 and 666-12-3456",
            "900-12-3456",
            "460-00-9847, 460-89-0000",
            "078-05-1120",
            "part 12-460-89-9847",
            "460-89 9847",
            "ticket 460899847",
            "460 89 9847 rows",
        ),
    ),
    Detector(
        id="pii.iban",
        category="pii",
        severity="high",
        description="An international bank account number with a valid checksum.",
        shapes=(
            Shape(
                pattern=r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,}",
                min_digit_run=5,
                carve=ibans_in,
                in_context=_iban_in_context,
                confidence=0.99,
            ),
        ),
        max_span_chars=48,
        examples=(
            "IBAN DE89 3704 0044 0532 0130 00 please",
            "gb82west12345698765432",
            "room AB12 is for NO93 8601 1117 947",
        ),
        counter_examples=(
            "DE89 3704 0044 0532 0130 01",
            "DE893704004405320130001",
            "ZZ89370400440532013000",
            "AT12 people came to the 34 places and 567 more",
        ),
    ),
    Detector(
        id="pii.phone",
        category="pii",
        severity="medium",
        description="A telephone number.",
        shapes=(
            Shape(
                pattern=(r"(?:\b\d|\(?\+ ?\(?\d|\(\d)[\d ().\-/]{4,}\d(?:(?i: ?(?:x|ext\.?) ?)\d{1,6})?\b"),
                min_digit_run=7,
                carve=phones_in,
                in_context=phone_in_context,
                confidence=0.75,
            ),
        ),
        max_span_chars=40,
        examples=(
            "+44 20 7946 0958",
            "call (415) 555-2671 today",
            "415-555-2671 ext. 12",
            "1-415-555-2671",
            "+41 (0)44 668 18 00",
            "06 12 34 56 78",
            "phone: 4155552671",
            "0049 30 901820",
            "(08) 8747 6301",
            "mobile 99 577 450",
            "Fax:345-899-3560x4587",
        ),
        counter_examples=(
            "on 2024-01-15 and 15.01.2024, 12/31/2024 10:30",
            "order 415-555-2671",
            "id 4155552671",
            "1 000 000 people",
            "version 10.20.30.40",
            "ISBN 978-3-16-148410-0",
            "4111 1111 1111 1111",
            "2001-2002-2003-2004",
            "pi is 3.14159265358979",
            "call me at 2024-01-15",
            "total 12345678.90",
        ),
    ),
    Detector(
        id="pii.ip_address",
        category="pii",
        severity="low",
        description="An IPv4 or IPv6 address that can belong to somebody.",
        shapes=(
            Shape(
                pattern=r"\b\d{1,3}(?:\.\d{1,5}){3,}\b",
                triggers=(".",),
                min_digit_run=4,
                validate=ipv4,
                in_context=_ip_in_context,
            ),
            Shape(
                pattern=r"(?:\b[0-9A-Fa-f]{1,4}|:):[0-9A-Fa-f:.]{1,40}",
                triggers=(":",),
                carve=ipv6s_in,
                in_context=_ip_in_context,
            ),
        ),
        max_span_chars=45,
        examples=(
            "the release server 198.51.100.7 is down",
            "from 106.31.73.20:8080",
            "host 2001:db8::8a2e:370:7334.",
            "fe80::1ff:fe23:4567:890a",
            "192.168.1.20/24",
        ),
        counter_examples=(
            "release 2.31.0.4 broke it; pin 2.30.9.1",
            "1.2.3.4.5",
            "version 1.2.3.4",
            "256.1.1.1",
            "127.0.0.1 and 0.0.0.0 and 255.255.255.0",
            "at 12:30:45",
            "std::begin(a::b2)",
            "00:1a:2b:3c:4d:5e",
            "::1",
        ),
    ),
)
