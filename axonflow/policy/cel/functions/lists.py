"""The extensions for lists and for lists as sets. Source: the documentation of cel-go's ext/lists and ext/sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Final

from axonflow.policy.cel.functions.identities import identities
from axonflow.policy.cel.functions.limits import MAX_BUILT, check_elements
from axonflow.policy.cel.values import NONE, CelError, Optional, Uint, Value, no_overload, some
from axonflow.policy.cel.versions import SemVer

__all__ = [
    "are_equivalent",
    "backwards",
    "contains_all",
    "distinct",
    "first_of",
    "flatten",
    "have_common",
    "last_of",
    "range_of",
    "sliced",
    "sort",
    "sort_by",
]

_List = Sequence[Value]


def distinct(values: _List) -> list[Value]:
    """NaN equals nothing, so each stays."""
    seen: set[str] = set()
    out: list[Value] = []
    for value, identity in zip(values, identities(values), strict=True):
        if identity is None or identity not in seen:
            out.append(value)
        if identity is not None:
            seen.add(identity)
    return out


def flatten(values: _List, levels: int = 1) -> list[Value]:
    if levels < 0:
        raise CelError("flatten() by a negative number of levels")
    out: list[Value] = []
    pending: list[Iterator[Value]] = [iter(values)]
    visited = 0
    while pending:
        for value in pending[-1]:
            visited += 1
            check_elements(visited)  # also of empty lists, of which there may be any number
            if isinstance(value, (list, tuple)) and len(pending) <= levels:
                pending.append(iter(value))
                break
            out.append(value)
        else:
            pending.pop()
    return out


def first_of(values: _List) -> Optional:
    return some(values[0]) if values else NONE


def last_of(values: _List) -> Optional:
    return some(values[-1]) if values else NONE


def backwards(value: Value) -> Value:
    """A list, or a text."""
    if isinstance(value, str):
        return value[::-1]
    if isinstance(value, (list, tuple)):
        return list(value[::-1])
    raise no_overload("reverse()", value)


def sliced(values: _List, start: int, end: int) -> list[Value]:
    if not 0 <= start <= end <= len(values):
        raise CelError("index out of range")
    return list(islice(values, start, end))


_ORDERED: Final = frozenset({bool, int, Uint, float, str, bytes, datetime, timedelta, SemVer})


def sort(values: _List) -> list[Value]:
    _check_ordered("sort()", values)
    return sorted(values)


def sort_by(values: _List, keys: _List) -> list[Value]:
    """`values` in the order of their `keys`, those of equal keys in the order that they had."""
    _check_ordered("sortBy()", keys)
    ranked = sorted(zip(keys, values, strict=True), key=itemgetter(0))
    return [value for _, value in ranked]


def _check_ordered(user: str, values: _List) -> None:
    for value in values:
        if type(value) not in _ORDERED or type(value) is not type(values[0]):
            raise no_overload(user, values[0], value)
        if value != value:  # noqa: PLR0124  as only NaN
            raise CelError(f"{user} does not take NaN")


def range_of(end: int) -> list[int]:
    if not 0 <= end <= MAX_BUILT:
        raise CelError(f"lists.range() takes 0 to {MAX_BUILT}")
    return list(range(end))


# -- lists as sets


def contains_all(values: _List, others: _List) -> bool:
    """NaN is in no list."""
    return _known(values).issuperset(identities(others))


def are_equivalent(values: _List, others: _List) -> bool:
    return contains_all(values, others) and contains_all(others, values)


def have_common(values: _List, others: _List) -> bool:
    return not _known(values).isdisjoint(identities(others))


def _known(values: _List) -> set[str | None]:
    return set(identities(values)) - {None}
