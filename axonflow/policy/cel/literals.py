"""The values of CEL's number, string and bytes literals. Source: cel-spec doc/langdef.md, section Values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Final

from axonflow.errors import ExpressionError
from axonflow.policy.cel.lexer import Token

__all__ = ["INT_MAX", "INT_MIN", "UINT_MAX", "Uint", "as_written", "literal", "quoted", "rendered"]

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
UINT_MAX: Final = 2**64 - 1
_MAX_DIGITS: Final = 4_000

_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|([0-3][0-7]{2})|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_PLAIN: Final = re.compile(r"[\w .:/@-]*")
"""What neither ends a literal nor escapes anything, and most texts are."""
_SIMPLE: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Uint(int):
    """An unsigned integer of 64 bits: a kind of its own, equal to the int of the same value."""

    __slots__ = ()


def literal(token: Token, *, negative: bool = False) -> int | float | str | bytes:
    """The value of a literal, negated where a sign precedes it: -2^63 has no positive twin.

    Raises ExpressionError for a number out of range and an escape that is none.
    """
    if token.kind == "string":
        return _text(token)
    if token.kind == "uint":
        return _unsigned(token)
    if token.kind == "double":
        value = float(token.text)
        return -value if negative else value
    base = 16 if token.text[:2] in {"0x", "0X"} else 10
    # Python itself refuses to read a decimal of thousands of digits, with an error of its own.
    digits = int(token.text, base) if len(token.text) <= _MAX_DIGITS else INT_MAX + 2
    if negative:
        digits = -digits
    if not INT_MIN <= digits <= INT_MAX:
        raise ExpressionError(
            "number out of range", token.offset, expected="an integer of 64 bits", found=token.text[:40]
        )
    return digits


def quoted(value: bool | float | str | Sequence[str]) -> str:  # noqa: FBT001  it is one of the values
    """`value` as a literal of the language, in which nothing of it can be taken for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if _PLAIN.fullmatch(value):
            return f'"{value}"'
        return '"' + "".join([character if character.isalnum() else _escaped(character) for character in value]) + '"'
    if isinstance(value, (int, float)):
        text = "1e999" if value in {math.inf, -math.inf} else repr(abs(value))
        return f"-{text}" if value < 0 else text
    return "[" + ", ".join([quoted(item) for item in value]) + "]"


def rendered(token: Token, value: float | str | bytes) -> Token:
    """A token with `value` in place of its own, less the sign: ``literal(rendered(token, v), negative=v < 0) == v``."""
    if isinstance(value, bytes):
        return token._replace(text='b"' + "".join(f"\\x{octet:02x}" for octet in value) + '"')
    if isinstance(value, Uint):
        return token._replace(text=f"{int(value)}u")
    return token._replace(text=quoted(value if isinstance(value, str) else abs(value)))


def as_written(token: Token, value: float | str | bytes) -> str:
    """`value` in place of the token's own, for people: what can be read stays as it is. A literal all the same: the
    escapes of JSON are among those of the language."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else rendered(token, value).text


def _escaped(character: str) -> str:
    return f"\\U{ord(character):08x}"


def _unsigned(token: Token) -> Uint:
    digits = token.text[:-1]
    base = 16 if digits[:2] in {"0x", "0X"} else 10
    value = int(digits, base) if len(digits) <= _MAX_DIGITS else UINT_MAX + 1
    if value > UINT_MAX:
        raise ExpressionError(
            "number out of range", token.offset, expected="an unsigned integer of 64 bits", found=token.text[:40]
        )
    return Uint(value)


def _text(token: Token) -> str | bytes:
    body = token.text.lstrip("rRbB")
    prefix = token.text[: len(token.text) - len(body)].lower()
    quotes = 3 if len(body) >= 6 and body[:3] in {'"""', "'''"} else 1
    body = body[quotes:-quotes]
    binary = "b" in prefix
    if not body.isascii():
        _check_scalars(body, token)
    if "r" in prefix:
        return body.encode() if binary else body
    return _unescaped(body, token.offset + len(prefix) + quotes, binary=binary)


def _check_scalars(value: str, token: Token) -> None:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ExpressionError("not a Unicode scalar value", token.offset, expected="no surrogates")


def _unescaped(body: str, offset: int, *, binary: bool) -> str | bytes:
    out: list[str] = []
    octets: list[bytes] = []
    position = 0
    for match in _ESCAPE.finditer(body):
        plain = body[position : match.start()]
        value, is_octet = _escape(match, offset, binary=binary)
        if binary:
            octets += [plain.encode(), bytes([value]) if is_octet else chr(value).encode()]
        else:
            out += [plain, chr(value)]
        position = match.end()
    rest = body[position:]
    return b"".join(octets) + rest.encode() if binary else "".join(out) + rest


def _escape(match: re.Match[str], offset: int, *, binary: bool) -> tuple[int, bool]:
    """The code point of one escape, and whether it names an octet rather than a character."""
    simple, octal, hexadecimal, short, long, other = match.groups()
    if simple:
        return ord(_SIMPLE.get(simple, simple)), False
    if octal:
        return int(octal, 8), binary
    if hexadecimal:
        return int(hexadecimal, 16), binary
    point = int(short or long or "110000", 16)
    if other or binary or point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        raise ExpressionError("unknown escape", offset + match.start(), found=f"{match.group()!a}")
    return point, False
