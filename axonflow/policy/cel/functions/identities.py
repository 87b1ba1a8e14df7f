"""A text for each value that is the same for equal values and for no others, so that sets of values can be built.

Looking for each element of a list in another would take the product of their lengths. Hashes of texts are seeded, so
no one can choose elements that all collide; those of numbers and tuples are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from axonflow.policy.cel.functions.limits import MAX_BUILT
from axonflow.policy.cel.values import NUMBERS, CelError, Optional, Value, kind_of
from axonflow.policy.json_value import MAX_TEXT_CHARS

__all__ = ["identities"]

_MAX_DEPTH: Final = 128
_MAX_CHARS: Final = 2 * MAX_TEXT_CHARS


class _Unequal(Exception):  # noqa: N818  no error, but what NaN is
    """The value holds a NaN, so it equals nothing, not even itself."""


def identities(values: Iterable[Value]) -> list[str | None]:
    """One for each of `values`; None for what equals nothing. Raises CelError when there is too much in them."""
    known = _Identities()
    return [known.of(value) for value in values]


class _Identities:
    """Counts what it has seen: an expression can put one value into a list many times, and again, and again."""

    def __init__(self) -> None:
        self._values = 0
        self._chars = 0

    def of(self, value: Value) -> str | None:
        try:
            return self._text(value, 0)
        except _Unequal:
            return None

    def _text(self, value: Value, depth: int) -> str:
        self._values += 1
        if isinstance(value, (str, bytes)):
            self._chars += len(value)
        if self._values > MAX_BUILT or self._chars > _MAX_CHARS or depth > _MAX_DEPTH:
            raise CelError("too many values to compare")
        if isinstance(value, (list, tuple)):
            return f"[{''.join([self._text(item, depth + 1) for item in value])}]"
        if isinstance(value, dict):
            entries = sorted(self._text(key, depth) + self._text(item, depth + 1) for key, item in value.items())
            return f"{{{''.join(entries)}}}"
        if isinstance(value, Optional):
            return f"o{self._text(value.value, depth + 1)}" if value.present else "o;"
        if type(value) in NUMBERS:
            return f"{_number(value)};"
        if isinstance(value, str):
            return f"s{len(value)}:{value}"
        text = value.hex() if isinstance(value, bytes) else repr(value)
        return f"{kind_of(value)}({text})"


def _number(value: float) -> str:
    """Numbers are equal across kinds: a double that is whole is written as the integer that it equals."""
    if value != value:  # noqa: PLR0124  as only NaN
        raise _Unequal
    return repr(int(value)) if value == value // 1 and value - value == 0 else repr(value)
