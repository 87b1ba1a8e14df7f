"""The extension for strings. Source: the cases of cel-spec, string_ext.

Python finds one text in another in linear time from the left, but not from the right: what looks from the right turns
both texts around.
"""

from __future__ import annotations

from typing import Final

from axonflow.policy.cel.functions.limits import check_chars, check_elements
from axonflow.policy.cel.values import CelError, Value, as_string

__all__ = [
    "char_at",
    "index_of",
    "join",
    "last_index_of",
    "lower_ascii",
    "quote",
    "replace",
    "split",
    "substring",
    "trim",
    "upper_ascii",
]


def _check_position(position: int, text: str) -> None:
    if not 0 <= position <= len(text):
        raise CelError("index out of range")


def char_at(text: str, position: int) -> str:
    _check_position(position, text)
    return text[position : position + 1]


def index_of(text: str, part: str, start: int = 0) -> int:
    _check_position(start, text)
    return text.find(part, start)


def last_index_of(text: str, part: str, start: int | None = None) -> int:
    """The last place at `start` or before it."""
    latest = len(text) if start is None else start
    _check_position(latest, text)
    found = text[::-1].find(part[::-1], max(0, len(text) - len(part) - latest))
    return -1 if found < 0 else len(text) - len(part) - found


def substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    _check_position(stop, text)
    if not 0 <= start <= stop:
        raise CelError("index out of range")
    return text[start:stop]


def lower_ascii(text: str) -> str:
    """By way of bytes, whose lower() knows ASCII only: translate() takes a hundred times as long."""
    return text.lower() if text.isascii() else text.encode().lower().decode()


def upper_ascii(text: str) -> str:
    return text.upper() if text.isascii() else text.encode().upper().decode()


_WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
"""Unicode's property White_Space, which is what CEL trims. Python's strip() takes four control characters more."""


def trim(text: str) -> str:
    return text.strip(_WHITE_SPACE)


def replace(text: str, old: str, new: str, limit: int = -1) -> str:
    found = text.count(old)
    count = found if limit < 0 else min(found, limit)
    check_chars(len(text) + count * (len(new) - len(old)))
    return text.replace(old, new, count)


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    most = limit if limit >= 0 else len(text) + 1
    if most == 0:
        return []
    if not separator:
        check_elements(min(most, len(text)))
        return [*text[: most - 1], text[most - 1 :]] if most <= len(text) else list(text)
    check_elements(min(most, text.count(separator) + 1))
    return text.split(separator, most - 1)


def join(values: Value, separator: str = "") -> str:
    check_chars(sum(len(as_string(value)) + len(separator) for value in values))
    return separator.join(values)


_ESCAPES: Final = {
    "\\": "\\\\", '"': '\\"', "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
    "\v": "\\v",
}  # fmt: skip
"""The backslash first, for the others add some."""


def quote(text: str) -> str:
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    check_chars(len(text) + 2)
    return f'"{text}"'
