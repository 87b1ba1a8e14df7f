"""Values of any shape made such that every store keeps them and everybody reads the same in them."""

from __future__ import annotations

import hashlib
import math
from typing import Any, Final

__all__ = ["EXACT", "MAX_TEXT_CHARS", "Storable", "digest_of", "escaped", "storable", "storable_facts", "storable_text"]

Storable = str | int | float | bool | None | list[Any] | dict[str, Any]

MAX_TEXT_CHARS: Final = 256
MAX_ITEMS: Final = 64
MAX_DEPTH: Final = 4
EXACT: Final = 2**53
"""Beyond, readers that keep numbers as doubles (RFC 8259, section 6) would read another."""
_MAX_BITS: Final = 4_096
"""Python refuses to write out numbers of some 14,000 bits and more (CVE-2020-10735)."""
_ESCAPED: Final = {code: f"\\u{code:04x}" for code in (0, *range(0xD800, 0xE000))}
"""A NUL and lone surrogates, which PostgreSQL and UTF-8 know no place for, as JSON writes them."""


def storable_text(text: str) -> str:
    """`text`, `escaped`; a long one as its digest alone.

    More than `MAX_TEXT_CHARS` characters become ``sha256:<64 hex digits>:<how many characters>``.
    """
    if len(text) <= MAX_TEXT_CHARS:
        return escaped(text)
    return digest_of(text.encode("utf-8", "surrogatepass"), len(text))


def digest_of(data: bytes, count: int) -> str:
    """What is told of what is not kept itself: ``sha256:<64 hex digits>:<how many characters, or bytes>``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}:{count}"


def escaped(text: str) -> str:
    """`text` with what no database keeps written as visible escapes."""
    return text.translate(_ESCAPED) if _is_broken(text) else text


def _is_broken(text: str) -> bool:
    if "\0" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def storable(value: object, depth: int = MAX_DEPTH) -> Storable:
    """What is kept of `value`, whatever it is: a JSON value of at most `depth` levels, of at most `MAX_ITEMS` items
    each.

    Numbers that are no doubles of their own (beyond 2^53, not finite) become text; what is not JSON becomes the name of
    its type, what is too deep ``...``, and of too many items an item ``...`` says how many there were.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return storable_text(str.__str__(value))  # an enumeration's own text, not its member's name
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, (dict, list, tuple)):
        return _container(value, depth - 1) if depth > 0 else "..."
    return f"<{type(value).__name__}>"[:MAX_TEXT_CHARS]


def _whole(value: int) -> Storable:
    if -EXACT <= value <= EXACT:
        return int(value)
    bits = value.bit_length()
    return str(int(value)) if bits <= _MAX_BITS else f"<an integer of {bits} bits>"


def _container(value: dict[Any, Any] | list[Any] | tuple[Any, ...], depth: int) -> Storable:
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for name, item in value.items():
            if len(kept) == MAX_ITEMS:
                kept["..."] = len(value)
                break
            kept[str(storable(name, 0))] = storable(item, depth)
        return kept
    items: list[Any] = [storable(item, depth) for item in value[:MAX_ITEMS]]
    return items if len(value) <= MAX_ITEMS else [*items, f"... {len(value)}"]


def storable_facts(facts: dict[str, Any]) -> dict[str, Storable]:
    """`facts` by name, each made `storable`; the first `MAX_ITEMS`."""
    kept = _container(facts, MAX_DEPTH)
    assert isinstance(kept, dict)
    return kept
