"""Addresses of machines, and credentials in the addresses of services."""

from __future__ import annotations

import re

from axonflow.detect.checks.machines import hardware_address, has_credentials
from axonflow.detect.context_words import has_any, words_of
from axonflow.detect.detector import Shape
from axonflow.detect.packs.pii_shapes import number, personal
from axonflow.detect.validators import ipv4, ipv6s_in

__all__ = ["NETWORK"]

_VERSION_WORDS = frozenset(
    "version versions v ver release releases section chapter figure build firmware rev revision pin pins pinned "
    "upgrade upgraded upgrading downgrade downgraded clause subclause paragraph appendix".split()
)
_HOST_WORDS = frozenset("ip ips ipv address addresses host hosts server servers connect ping ssh gateway dns".split())


_LINE = re.compile(r"(?:\A|\n)[ \t]{0,16}\Z")
_COMMENT = re.compile(r"(?:(?://|#|\*|;|--|%)[ \t]{0,16}\[?|</a>)\Z")
_TITLE = re.compile(r"\]?\.?[ \t]{1,8}[A-Z][a-z]")
_MAX_SECTION = 29


def _is_section(before: str, span: str, after: str) -> bool:
    """Whether four small numbers begin a line and a title follows: ``3.2.2.4 Conversion``."""
    numbers = [] if ":" in span else span.split(".")
    if len(numbers) != 4 or len(set(numbers)) == 1 or not all(0 < int(number) <= _MAX_SECTION for number in numbers):
        return False
    # A line of a list of hosts may begin so, too; their addresses mostly begin with 10.
    begins = _COMMENT.search(before) or (None if numbers[0] == "10" else _LINE.search(before))
    return begins is not None and _TITLE.match(after) is not None


def _ip_in_context(before: str, span: str, after: str) -> bool:
    if before[-1:].isalnum() or after[:1].isalnum() or _is_section(before, span, after):
        return False
    if "." in span and before[-1:] in {".", "-"} and before[-2:-1].isdigit():
        return False
    if ":" not in span and after[:1] == "." and after[1:2].isdigit():
        return False
    # "release 15.4.0.1, pin 16.2.1.0", but not "the release server 10.1.2.3"
    nearby = words_of(before)[-4:]
    versions = [place for place, word in enumerate(nearby) if word in _VERSION_WORDS]
    return not versions or has_any(nearby[versions[-1] :], _HOST_WORDS)


def _is_whole(before: str, span: str, after: str) -> bool:
    """Whether no further pairs hang on: fingerprints are pairs of digits too, but more of them."""
    mark = span[2] if span[2] in ":-" else "."
    return before[-1:] != mark and not (after[:1] == mark and after[1:2].isalnum())


NETWORK = (
    personal(
        "ip_address",
        "An IPv4 or IPv6 address that can belong to somebody.",
        number(r"\d{1,3}(?:\.\d{1,3}){3}", validate=ipv4, in_context=_ip_in_context),
        Shape(
            pattern=r"(?:\b[0-9A-Fa-f]{1,4}|:):[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,36}",
            carve=ipv6s_in,
            in_context=_ip_in_context,
        ),
        max_span_chars=45,
        severity="low",
        examples=(
            "the release server 198.51.100.7 is down",
            "from 106.31.73.20:8080",
            "host 2001:db8::8a2e:370:7334.",
            "fe80::1ff:fe23:4567:890a",
            "192.168.1.20/24",
            "ip_203.0.113.9_x",
            "8.8.8.8 Google and\n8.8.4.4 Google",
            "1.1.1.1 Cloudflare",
            "10.0.0.7 Printer",
            "10.1.2.3 Mail",
        ),
        counter_examples=(
            "release 2.31.0.4 broke it; pin 2.30.9.1",
            "1.2.3.4.5",
            "version 1.2.3.4",
            "Upgrade from 10.4.2.11 to 10.5.0.1 failed",
            "and:\n// 3.2.2.4  Conversion from integral types",
            "defined in subclause 7.3.5.1.",
            "<a name='dh'></a>10.3.2.1.\u00a0Structure",
            "  // [27.8.1.5] Template class",
            "256.1.1.1",
            "127.0.0.1 and 0.0.0.0 and 255.255.255.0",
            "at 12:30:45",
            "std::begin(a::b2)",
            "00:1a:2b:3c:4d:5e",
            "::1",
        ),
    ),
    personal(
        "mac_address",
        "A hardware address of a network device (MAC, EUI-48).",
        *(
            number(
                rf"[0-9A-Fa-f]{{2}}(?:{mark}[0-9A-Fa-f]{{2}}){{5}}",
                triggers=(mark,),
                validate=hardware_address,
                in_context=_is_whole,
            )
            for mark in (":", "-")
        ),
        number(
            r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
            triggers=(".",),
            validate=hardware_address,
            in_context=_is_whole,
            confidence=0.8,
        ),
        max_span_chars=17,
        severity="low",
        examples=(
            "device 3c:22:fb:9a:0e:71 joined",
            "00-1B-63-84-45-E6",
            "arp 001b.6384.45e6",
            "mac=00:1a:2b:3c:4d:5e",
        ),
        counter_examples=(
            "ff:ff:ff:ff:ff:ff and 00:00:00:00:00:00",
            "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
            "at 12:30:45:10:20:30:40",
            "1234.5678.9012",
            "3c:22:fb:9a:0e",
            "550e8400-e29b-41d4-a7-16-44-66-55-44",
        ),
    ),
    personal(
        "url_credentials",
        "The name and password in the address of a service.",
        Shape(
            pattern=(
                r"\b(?i:https?|ftps?|sftp|ssh|wss?|git|svn|ldaps?|smb|nfs|afp|rtsps?|imaps?|smtps?|pop3s?|telnet|vnc|socks[45]h?)"
                r":(?://|\\{1,16}/\\{1,16}/)([^\s:/@?#\"'<>]{1,100}:[^\s/@?#\"'<>]{1,200})@[A-Za-z0-9\[]"
            ),
            triggers=("://", ":\\"),
            group=1,
            validate=has_credentials,
            confidence=0.9,
        ),
        max_span_chars=301,
        examples=(
            "curl https://ann:" + "s3cr3t-Word@db.example.com/x",
            "ftp://backup:" + "Tr0ub4dor@10.1.2.3/",
            "proxy=socks5://bob:" + "hunter2@proxy.example:1080",
            '{"url": "https:\\/\\/ann:' + 's3cr3t-Word@db.example.com\\/x"}',
        ),
        counter_examples=(
            "https://ann@example.com/",
            "https://user:${PASSWORD}@example.com",
            "https://<user>:<password>@example.com",
            "http://example.com:8080/a@b",
            "https://user:****@example.com and https://x:xxxx@example.com",
        ),
    ),
)
