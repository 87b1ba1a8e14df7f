"""``text.format(list)``. Source: the cases of cel-spec, string_ext.

A clause is ``%``, for %e and %f a precision such as ``.3``, and a letter. Where a number belongs, NaN and the infinite
doubles are written as NaN, Infinity and -Infinity.
"""

from __future__ import annotations

import math
from typing import Final

from axonflow.policy.cel.functions.limits import check_chars
from axonflow.policy.cel.functions.standard import to_string
from axonflow.policy.cel.values import NUMBERS, CelError, CelType, Uint, Value, kind_of

__all__ = ["format_text"]

_MAX_CHARS: Final = 65_536
"""Each clause is read in steps of Python."""
_MAX_DEPTH: Final = 128
_MAX_PRECISION_DIGITS: Final = 3
_DEFAULT_PRECISION: Final = 6


def format_text(text: str, arguments: Value) -> str:
    """`text` with its clauses replaced by the next of `arguments` each."""
    if len(text) > _MAX_CHARS:
        raise CelError(f"format() of a text of more than {_MAX_CHARS} characters")
    out = _Written()
    position = used = 0
    while (clause := text.find("%", position)) >= 0:
        out.add(text[position:clause])
        position = clause + 1
        if text.startswith("%", position):
            out.add("%")
            position += 1
            continue
        precision, position = _precision(text, position)
        letter = text[position : position + 1]
        position += 1
        if used == len(arguments):
            raise CelError("format() has more clauses than arguments")
        _write(out, letter, precision, arguments[used])
        used += 1
    if used < len(arguments):
        raise CelError("format() has more arguments than clauses")
    out.add(text[position:])
    return "".join(out.parts)


class _Written:
    """The parts of a text, as long as they are not too much together."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._chars = 0

    def room_for(self, chars: int) -> None:
        check_chars(self._chars + chars)

    def add(self, part: str) -> None:
        self.room_for(len(part))
        self._chars += len(part)
        self.parts.append(part)


def _precision(text: str, position: int) -> tuple[int | None, int]:
    """The precision at `position`, if there is one, and where what follows it starts."""
    if not text.startswith(".", position):
        return None, position
    end = position + 1
    while text[end : end + 1] in _DIGITS and end <= position + _MAX_PRECISION_DIGITS:
        end += 1
    if end == position + 1 or text[end : end + 1] in _DIGITS:
        raise CelError(f"a precision in format() has 1 to {_MAX_PRECISION_DIGITS} digits")
    return int(text[position + 1 : end]), end


_DIGITS: Final = frozenset("0123456789")


def _write(out: _Written, letter: str, precision: int | None, value: Value) -> None:
    if letter == "s" and precision is None:
        _write_any(out, value, 0)
    elif letter in {"x", "X"} and precision is None:
        out.add(_hexadecimal(out, value) if letter == "x" else _hexadecimal(out, value).upper())
    elif letter in _INTEGRAL and precision is None:
        kinds, code = _INTEGRAL[letter]
        out.add(
            _not_finite(value) if letter == "d" and _is_not_finite(value) else _integral(letter, kinds, code, value)
        )
    elif letter in {"e", "f"}:
        out.add(_decimal(letter, _DEFAULT_PRECISION if precision is None else precision, value))
    else:
        raise CelError("a clause of format() is one of %s %d %f %e %b %o %x %X %%, %f and %e with a precision or not")


_INTEGRAL: Final[dict[str, tuple[frozenset[type], str]]] = {
    "d": (frozenset({int, Uint}), "d"),
    "o": (frozenset({int, Uint}), "o"),
    "b": (frozenset({int, Uint, bool}), "b"),
}


def _integral(letter: str, kinds: frozenset[type], code: str, value: Value) -> str:
    if type(value) not in kinds:
        raise CelError(f"%{letter} in format() does not take {kind_of(value)}")
    return format(int(value), code)


def _is_not_finite(value: Value) -> bool:
    return value.__class__ is float and not math.isfinite(value)


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _decimal(letter: str, precision: int, value: Value) -> str:
    if type(value) not in NUMBERS:
        raise CelError(f"%{letter} in format() does not take {kind_of(value)}")
    return _not_finite(value) if _is_not_finite(value) else format(float(value), f".{precision}{letter}")


def _hexadecimal(out: _Written, value: Value) -> str:
    if value.__class__ is int or value.__class__ is Uint:
        return format(int(value), "x")
    if not isinstance(value, (str, bytes)):
        raise CelError(f"%x in format() does not take {kind_of(value)}")
    out.room_for(2 * len(value))
    data = value.encode() if isinstance(value, str) else value
    out.room_for(2 * len(data))
    return data.hex()


def _write_any(out: _Written, value: Value, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise CelError("format() of a value that is nested too deep")
    if isinstance(value, (list, tuple)):
        out.add("[")
        for position, item in enumerate(value):
            out.add(", " if position else "")
            _write_any(out, item, depth + 1)
        out.add("]")
    elif isinstance(value, dict):
        out.add("{")
        for position, (key, item) in enumerate(
            sorted(((to_string(key), item) for key, item in value.items()), key=_first)
        ):
            out.add(f", {key}: " if position else f"{key}: ")
            _write_any(out, item, depth + 1)
        out.add("}")
    else:
        out.add(_scalar(value))


def _first(pair: tuple[str, Value]) -> str:
    return pair[0]


def _scalar(value: Value) -> str:
    if value is None:
        return "null"
    if _is_not_finite(value):
        return _not_finite(value)
    return value.name if isinstance(value, CelType) else to_string(value)
