"""Equality, and what is in a value: fields, elements, members. Source: cel-spec doc/langdef.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from axonflow.policy.cel.values import NONE, NUMBERS, CelError, Optional, Value, kind_of, no_overload, some
from axonflow.policy.json_value import MAX_NODES

__all__ = [
    "contains",
    "equal",
    "has",
    "index",
    "make_map",
    "optional_index",
    "optional_select",
    "present",
    "select",
]

MAX_COMPARED: Final = 2 * MAX_NODES
"""Values in one comparison. No request holds so many, but an expression can put one list into another many times."""

_CONTAINERS: Final = frozenset({list, tuple, dict, Optional})
_ABSENT: Final = object()


def equal(left: Value, right: Value) -> bool:
    """Equality across kinds is false, across number types by value (cel-spec, Equality)."""
    left_class, right_class = left.__class__, right.__class__
    if left_class in _CONTAINERS:
        return right_class in _CONTAINERS and _same(left, right, iter(range(MAX_COMPARED)))
    if left_class is right_class or (left_class in NUMBERS and right_class in NUMBERS):
        return bool(left == right)
    return False


def _same(left: Value, right: Value, steps: Iterator[int]) -> bool:
    if next(steps, None) is None:
        raise CelError(f"more than {MAX_COMPARED} values in one comparison")
    if isinstance(left, (list, tuple)):
        return (
            isinstance(right, (list, tuple))
            and len(left) == len(right)
            and all(_same(*pair, steps) for pair in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return isinstance(right, dict) and len(left) == len(right) and _same_maps(left, right, steps)
    if isinstance(left, Optional):
        return isinstance(right, Optional) and left.present is right.present and _same(left.value, right.value, steps)
    return equal(left, right)


def _same_maps(left: dict[Value, Value], right: dict[Value, Value], steps: Iterator[int]) -> bool:
    for key, value in left.items():
        other = lookup(right, key, _ABSENT)
        if other is _ABSENT or not _same(value, other, steps):
            return False
    return True


def lookup(known: dict[Value, Value], key: Value, otherwise: Value) -> Value:
    """The value of `key`, or of the number that equals it. To Python true is 1; to the language it is not."""
    value = known.get(key, otherwise)
    if value is otherwise or key.__class__ is str or (key.__class__ is not bool and key not in {0, 1}):
        return value
    stored = next(name for name in known if name == key)
    return value if (stored.__class__ is bool) is (key.__class__ is bool) else otherwise


def contains(container: Value, item: Value) -> bool:
    """``item in container``"""
    if isinstance(container, (list, tuple)):
        if item.__class__ not in _CONTAINERS:
            return any(equal(item, element) for element in container)
        steps = iter(range(MAX_COMPARED))
        return any(_same(item, element, steps) for element in container)
    if isinstance(container, dict):
        return item.__class__ in _KEYS and lookup(container, item, _ABSENT) is not _ABSENT
    raise no_overload("in", item, container)


_KEYS: Final = frozenset({str, bool, *NUMBERS})


def present(value: Value, name: str) -> Value:
    if value is None:
        raise CelError(f"{name} is missing")
    return value


def select(value: Value, field: str, name: str) -> Value:
    if isinstance(value, Optional):
        return optional_select(value, field)
    if not isinstance(value, dict):
        raise CelError(f"{name} is missing: {kind_of(value)} has no fields")
    if field not in value:
        raise CelError(f"{name} is missing")
    return value[field]


def optional_select(value: Value, field: str) -> Optional:
    """``value.?field``, and ``value.field`` of an optional."""
    if isinstance(value, Optional):
        if not value.present:
            return NONE
        value = value.value
    if not isinstance(value, dict):
        raise CelError(f"{kind_of(value)} has no fields")
    return some(value[field]) if field in value else NONE


def has(value: Value, field: str) -> bool:
    if isinstance(value, Optional):
        return value.present and has(value.value, field)
    if not isinstance(value, dict):
        raise CelError(f"{kind_of(value)} has no fields")
    return field in value


def index(value: Value, key: Value) -> Value:
    if isinstance(value, Optional):
        return optional_index(value, key)
    found = _element(value, key)
    if found is _ABSENT:
        raise CelError("no such key" if isinstance(value, dict) else "index out of range")
    return found


def optional_index(value: Value, key: Value) -> Optional:
    """``value[?key]``, and ``value[key]`` of an optional."""
    if isinstance(value, Optional):
        if not value.present:
            return NONE
        value = value.value
    found = _element(value, key)
    return NONE if found is _ABSENT else some(found)


def _element(value: Value, key: Value) -> Value:
    if isinstance(value, dict) and key.__class__ in _KEYS:
        return lookup(value, key, _ABSENT)
    if isinstance(value, (list, tuple)) and _is_whole(key):
        return value[int(key)] if 0 <= key < len(value) else _ABSENT
    raise no_overload("[]", value, key)


def _is_whole(key: Value) -> bool:
    return isinstance(key, (int, float)) and key.__class__ in NUMBERS and key == key // 1


def make_map(*entries: tuple[Value, Value]) -> dict[Value, Value]:
    out: dict[Value, Value] = {}
    for key, value in entries:
        if not isinstance(key, (str, bool, int)):
            raise CelError(f"{kind_of(key)} is not a map key")
        if key in out:
            known = next(known for known in out if known == key)
            raise CelError(
                "repeated map key" if equal(known, key) else "a map cannot have both a bool and its number as keys"
            )
        out[key] = value
    return out
