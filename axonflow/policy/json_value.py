"""The bounds of every JSON value that enters a decision: what it may hold, how deep and how large."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from axonflow.errors import RequestError

__all__ = ["MAX_DEPTH", "MAX_NODES", "MAX_TEXT_CHARS", "check_json_value", "check_text"]

MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_TEXT_CHARS = 4 * 1024 * 1024
"""Characters in all the strings of one value together, keys included."""
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1

JsonValue = Any
"""None, bool, int (64 bits), finite float, str, list of JsonValue, dict of str to JsonValue.

Exactly these types: a subclass (an enum's member, a defaultdict, a numpy number) may compare, hash or look up in its
own way, so a filter or an index could miss it, and the wire has no form for it. It is refused, not converted.
"""
_PLAIN: Final = (str, int, float, dict, list)


def _hint(value: object) -> str | None:
    plain = next((kind.__name__ for kind in _PLAIN if isinstance(value, kind)), None)
    return plain and f"Give it as a plain {plain}."


def check_text(text: object, at: str, max_chars: int) -> str:
    """`text`, if it is a non-empty, encodable string of at most `max_chars` without NUL.

    Raises RequestError. PostgreSQL stores neither NUL nor lone surrogates, so an identifier that holds one
    could be decided on but never be recorded.
    """
    if text.__class__ is not str:
        raise RequestError("wrong type", expected="a string", found=type(text).__name__, at=at, hint=_hint(text))
    if not 0 < len(text) <= max_chars:
        raise RequestError("wrong length", expected=f"1 to {max_chars} characters", found=str(len(text)), at=at)
    if "\x00" in text:
        raise RequestError("a NUL character cannot be recorded", expected="text without NUL", at=at)
    _check_encodable(text, at)
    return text


def _check_encodable(text: str, at: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RequestError(
            "not encodable as UTF-8", expected="text without lone surrogates", found=f"one at {error.start}", at=at
        ) from None


def _named(at: str, key: object) -> str:
    return f"{at}[{key}]" if isinstance(key, int) else f"{at}.{str(key)[:64]!a}"


def _children(value: Any, at: str) -> Iterator[tuple[Any, str]]:
    if value.__class__ is dict:
        for key, item in value.items():
            if key.__class__ is not str:
                raise RequestError(
                    "wrong key", expected="a string key", found=type(key).__name__, at=at, hint=_hint(key)
                )
            if not key.isascii():
                _check_encodable(key, at)
            yield item, _named(at, key)
    else:
        for position, item in enumerate(value):
            yield item, _named(at, position)


def _check_leaf(value: Any, at: str) -> int:
    """Characters in the leaf, after checking that it is one."""
    kind = value.__class__
    if value is None or kind is bool:
        return 0
    if kind is str:
        _check_encodable(value, at)
        return len(value)
    if kind is int:
        if not _INT64_MIN <= value <= _INT64_MAX:
            raise RequestError("number out of range", expected="an integer of 64 bits", found="a larger one", at=at)
        return 0
    if kind is float:
        if not isfinite(value):
            raise RequestError("number out of range", expected="a finite number", found=str(value), at=at)
        return 0
    raise RequestError(
        "not a JSON value",
        expected="null, boolean, number, string, list or object",
        found=kind.__name__,
        at=at,
        hint=_hint(value),
    )


def check_json_value(value: JsonValue, at: str) -> None:
    """Raise RequestError unless `value` is JSON within the bounds of this module.

    Walks without recursion: nesting is what an attacker would use against it. A container that holds itself
    ends at MAX_DEPTH.
    """
    if not _is_surely_fine(value):
        _check_with_places(value, at)


def _is_surely_fine(value: JsonValue) -> bool:
    """The same rules without names of places, which cost more than the checks. False is not yet a fault."""
    container = value if value.__class__ is dict or value.__class__ is list else (value,)
    below: list[Any] = []
    nodes = len(container)
    chars = _chars_in(container, below) if nodes <= MAX_NODES else MAX_TEXT_CHARS + 1
    depth = 1
    while below and chars <= MAX_TEXT_CHARS and depth < MAX_DEPTH:
        level, below = below, []
        depth += 1
        for container in level:
            nodes += len(container)
            if nodes > MAX_NODES:  # now, not later: the same large list may be in here a million times
                return False
            chars += _chars_in(container, below)
    return not below and chars <= MAX_TEXT_CHARS


def _chars_in(container: Any, below: list[Any]) -> int:
    """Characters in the keys and strings of a list or object, more than any may have if not all of them are surely
    fine; the lists and objects in it are put `below`."""
    chars = 0
    if container.__class__ is dict:
        for key in container:
            if key.__class__ is not str or not key.isascii():
                return MAX_TEXT_CHARS + 1
            chars += len(key)
        container = container.values()
    for item in container:
        kind = item.__class__
        if kind is str:
            chars += len(item) if item.isascii() else MAX_TEXT_CHARS + 1
        elif kind is dict or kind is list:
            below.append(item)
        elif not (item is None or kind is bool or (kind is int and _INT64_MIN <= item <= _INT64_MAX)):
            return MAX_TEXT_CHARS + 1
    return chars


def _check_with_places(value: JsonValue, at: str) -> None:
    level: list[tuple[Any, str]] = [(value, at)]
    nodes = chars = depth = 0
    while level:
        below: list[tuple[Any, str]] = []
        for item, where in level:
            nodes += 1
            kind = item.__class__
            if kind is dict or kind is list:
                nodes += len(item)
                if nodes > MAX_NODES:
                    break
                if kind is dict:
                    chars += sum(len(key) for key in item if key.__class__ is str)
                below.extend(_children(item, where))
            else:
                chars += _check_leaf(item, where)
        if nodes > MAX_NODES:
            raise RequestError("value too large", expected=f"at most {MAX_NODES} values in it", found="more", at=at)
        if chars > MAX_TEXT_CHARS:
            raise RequestError("value too large", expected=f"at most {MAX_TEXT_CHARS} characters", found="more", at=at)
        depth += 1
        if depth > MAX_DEPTH and below:
            raise RequestError("nested too deep", expected=f"at most {MAX_DEPTH} levels", found="more", at=at)
        level = below
