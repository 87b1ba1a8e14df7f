"""Which values operators and functions take, and the types of what they give."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from axonflow.policy.cel.library import FUNCTIONS
from axonflow.policy.cel.readers import Reader
from axonflow.policy.cel.rows import Function, Grows, Work
from axonflow.policy.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NUMBERS,
    SEMVER,
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

__all__ = ["NAMESPACES", "Signature", "arithmetic", "is_ordered", "named", "resolve"]

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
    {(kind, kind) for kind in (BOOL, STRING, BYTES, TIMESTAMP, DURATION, SEMVER)} | set(product(NUMBERS, NUMBERS))
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
    """One way to call a function: the types it takes, a method's target first, and the type it gives. See Function."""

    name: str
    parameters: tuple[Type, ...]
    result: Type
    template: str = ""
    is_variadic: bool = False
    work: Work = "linear"
    grows: Grows = "sum"
    readers: tuple[Reader | None, ...] = ()

    def taking(self, count: int) -> tuple[Type, ...]:
        """The types of the arguments when there are `count`; those of another number when there cannot be so many."""
        return self.parameters * max(count, 1) if self.is_variadic else self.parameters

    def given(self, arguments: tuple[Type, ...]) -> Type | None:
        """The type of a call with such arguments; None when it cannot be called so."""
        variables: dict[str, Type] = {}
        parameters = self.taking(len(arguments))
        if len(arguments) != len(parameters):
            return None
        if not all(fits(*pair, variables) for pair in zip(parameters, arguments, strict=True)):
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
    readers = row.readers or (None,) * len(row.parameters)
    return Signature(
        row.name, tuple(kinds[:-1]), kinds[-1], row.template, row.is_variadic, row.work, row.grows, readers
    )


def _by_name() -> dict[tuple[str, bool], list[Signature]]:
    found: dict[tuple[str, bool], list[Signature]] = {}
    for row in FUNCTIONS:
        found.setdefault((row.name, row.is_method), []).append(_signature(row))
    return found


_SIGNATURES: Final = _by_name()
NAMESPACES: Final = frozenset({row.name.rpartition(".")[0] for row in FUNCTIONS if "." in row.name})
"""What stands before the dot in names of functions."""


def named(name: str, *, is_method: bool) -> list[Signature]:
    """All ways to call a function."""
    return _SIGNATURES.get((name, is_method), [])


@lru_cache(maxsize=4096)
def resolve(name: str, is_method: bool, arguments: tuple[Type, ...]) -> tuple[Signature | None, Type]:  # noqa: FBT001  a key of the cache
    """The way in which a call with such arguments is meant, None if there is none, and the type of what it gives.

    Where it may be meant in several ways, what all of them take.
    """
    fitting = [one for one in named(name, is_method=is_method) if one.given(arguments) is not None]
    if not fitting:
        return None, DYN
    parameters = fitting[0].taking(len(arguments))
    for other in fitting[1:]:
        parameters = tuple(map(join, parameters, other.taking(len(arguments))))
    return replace(fitting[0], parameters=parameters), _result(fitting, arguments) or DYN
