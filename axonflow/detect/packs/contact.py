"""Ways to reach somebody: mail addresses and telephone numbers."""

from __future__ import annotations

from axonflow.detect.detector import Shape
from axonflow.detect.packs.pii_shapes import personal
from axonflow.detect.phone_numbers import phone_in_context, phones_in
from axonflow.detect.validators import email_address, email_in

__all__ = ["CONTACT"]

_LOCAL_CHARS = frozenset("._%+&'-") | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


def _email_in_context(before: str, span: str, after: str) -> bool:
    # Of a longer run only the end is matched: no mail address has so long a local part.
    if len(span.partition("@")[0]) >= 64 and before[-1:] in _LOCAL_CHARS:
        return False
    # https://name:word@host and git@host:path are addresses of machines.
    tail = before.rsplit(maxsplit=1)[-1] if before[-1:].strip() else ""
    if "://" in tail and "?" not in tail and "/" not in tail.partition("://")[2]:
        return False
    return not (span.startswith("git@") and after[:1] == ":")


_PHONE_TAIL = r"[\d ().\-/]{4,100}\d(?:(?i: ?(?:x|ext\.?) ?)\d{1,6})?"


def _phone(pattern: str, *triggers: str) -> Shape:
    return Shape(
        pattern=pattern,
        group=1,
        triggers=triggers,
        min_digit_run=7,
        carve=phones_in,
        in_context=phone_in_context,
        confidence=0.75,
    )


CONTACT = (
    personal(
        "email",
        "A mail address.",
        Shape(
            # The first character may be any that the others may be: automata for runs that differ in it grow large.
            pattern=r"[A-Za-z0-9._%+&'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
            triggers=("@",),
            carve=email_in,
            validate=email_address,
            in_context=_email_in_context,
            confidence=0.95,
        ),
        max_span_chars=254,
        severity="medium",
        examples=(
            "write to jane.doe+news@example.co.uk, please",
            "<o'brien@mail.example.com>",
            "contact:j_d@xn--bcher-kva.example.",
            "'quoted@example.com' and ventas@empresa.com.py",
            "\u90ae\u7bb1\u662ffoo@example.com\u8bf7\u56de\u590d",
        ),
        counter_examples=(
            "see @channel and user@localhost",
            "icon@2x.png is the large one",
            "systemctl enable pg_basebackup@main.service backup@1.timer",
            "git clone git@github.com:acme/site.git",
            "a..b@example.com is not one; .@example.com neither",
            "https://ann:word@db.example.com/x",
        ),
    ),
    personal(
        "phone",
        "A telephone number.",
        _phone(rf"((?:\b\d|\(?\+ ?\(?\d|\(\d){_PHONE_TAIL})(?:\b|_)"),
        _phone(rf"_(\d{_PHONE_TAIL})(?:\b|_)", *[f"_{digit}" for digit in "0123456789"]),
        max_span_chars=40,
        severity="medium",
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
            "phone=+44 20 7946 0958",
            "home_415-555-2671",
            "0151-23456789 oder 0812-3456-7890",
            "tel 06.12.34.56.78",
            "mon num\u00e9ro est le 0612345678",
            "unter 0221 / 47 03 218 oder mobil",
            "mobile_+49 30 901820",
        ),
        counter_examples=(
            "on 2024-01-15 and 15.01.2024, 12/31/2024 10:30",
            "order 415-555-2671",
            "Bestellnummer 600-218-2254",
            "mi n\u00famero de cliente es 12345678",
            "SSN 523-38-7198, routing 071090434, reach me at home",
            "Konto: CH46 0076 2021 8934 4808 5, danke",
            "id 4155552671",
            "1 000 000 people",
            "version 10.20.30.40",
            "ISBN 978-3-16-148410-0",
            "4111 1111 1111 1111",
            "2001-2002-2003-2004",
            "pi is 3.14159265358979",
            "call me at 2024-01-15",
            "total 12345678.90",
            "insert text 11 10 12 1 0 of",
            "calls: total 0.155251, path c 0.378907 0.03125 0.78125 0.023438 1.171875 z",
            "BM +3217-06446 Bermuda, BR -0351-03225, 0340-0369,03700-03999,04-19",
            "340 325.2598 moveto",
        ),
    ),
)
