"""Which values operators and functions take, and the types of what they give."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Final

from msgspec import Struct

from axonflow.policy.cel.library import FUNCTIONS, Function
from axonflow.policy.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NUMBERS,
    STRING,
    TIMESTAMP,
    UINT,
    Type,
    bound,
    fits,
    join,
    list_of,
    map_of,
    parse_type,
)

__all__ = ["Signature", "arithmetic", "is_ordered", "named", "resolve"]

_ITEM: Final = Type("A")
_Rows = tuple[tuple[Type, Type, Type], ...]

_NUMERIC: Final[_Rows] = tuple((kind, kind, kind) for kind in (INT, UINT, DOUBLE))
_ARITHMETIC: Final[dict[str, _Rows]] = {
    "+": (
        *_NUMERIC,
        *((kind, kind, kind) for kind in (STRING, BYTES, list_of(_ITEM), DURATION)),
        (TIMESTAMP, DURATION, TIMESTAMP),
        (DURATION, TIMESTAMP, TIMESTAMP),
    ),
    "-": (
        *_NUMERIC,
        (TIMESTAMP, TIMESTAMP, DURATION),
        (TIMESTAMP, DURATION, TIMESTAMP),
        (DURATION, DURATION, DURATION),
    ),
    "*": _NUMERIC,
    "/": _NUMERIC,
    "%": _NUMERIC[:2],
}
_ORDERED: Final = frozenset(
    {(kind, kind) for kind in (BOOL, STRING, BYTES, TIMESTAMP, DURATION)} | set(product(NUMBERS, NUMBERS))
)


@lru_cache(maxsize=4096)
def arithmetic(operator: str, left: Type, right: Type) -> Type | None:
    """The type of ``left operator right``; None when it can have no value."""
    return _result([Signature("", (row[0], row[1]), row[2]) for row in _ARITHMETIC[operator]], (left, right))


@lru_cache(maxsize=4096)
def is_ordered(left: Type, right: Type) -> bool:
    """Whether ``left < right`` may have a value."""
    return any(fits(one, left, {}) and fits(other, right, {}) for one, other in _ORDERED)


class Signature(Struct, frozen=True):
    """One way to call a function: the types it takes, a method's target first, and the type it gives."""

    name: str
    parameters: tuple[Type, ...]
    result: Type
    template: str = ""

    def given(self, arguments: tuple[Type, ...]) -> Type | None:
        """The type of a call with such arguments; None when it cannot be called so."""
        variables: dict[str, Type] = {}
        if len(arguments) != len(self.parameters):
            return None
        if not all(fits(*pair, variables) for pair in zip(self.parameters, arguments, strict=True)):
            return None
        return bound(self.result, variables)


def _result(signatures: list[Signature], arguments: tuple[Type, ...]) -> Type | None:
    results = [result for signature in signatures if (result := signature.given(arguments)) is not None]
    if not results:
        return None
    first, *others = results
    for other in others:
        first = join(first, other)
    return first


_FLAT: Final = {
    "list": list_of(DYN),
    "strings": list_of(STRING),
    "map": map_of(DYN, DYN),
}


def _signature(row: Function) -> Signature:
    kinds = [_FLAT.get(kind) or parse_type(kind) for kind in (*row.parameters, row.result)]
    return Signature(row.name, tuple(kinds[:-1]), kinds[-1], row.template)


def _by_name() -> dict[tuple[str, bool], list[Signature]]:
    found: dict[tuple[str, bool], list[Signature]] = {}
    for row in FUNCTIONS.values():
        found.setdefault((row.name, row.is_method), []).append(_signature(row))
    return found


_SIGNATURES: Final = _by_name()


def named(name: str, *, is_method: bool) -> list[Signature]:
    """All ways to call a function."""
    return _SIGNATURES.get((name, is_method), [])


@lru_cache(maxsize=4096)
def resolve(name: str, is_method: bool, arguments: tuple[Type, ...]) -> tuple[tuple[Signature, ...], Type]:  # noqa: FBT001  a key of the cache
    """The ways in which a call with such arguments may be meant, and the type of what it gives."""
    fitting = [one for one in named(name, is_method=is_method) if one.given(arguments) is not None]
    return tuple(fitting), (_result(fitting, arguments) or DYN)
