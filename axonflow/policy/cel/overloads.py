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
    SEMVER,
    STRING,
    TIMESTAMP,
    UINT,
    Type,
    bound,
    fits,
    is_sure,
    joined,
    list_of,
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
    results: list[Type] = []
    for one, other, result in _ARITHMETIC[operator]:
        variables: dict[str, Type] = {}
        if fits(one, left, variables) and fits(other, right, variables):
            results.append(bound(result, variables))
    return joined(results)


@lru_cache(maxsize=4096)
def is_ordered(left: Type, right: Type) -> bool:
    """Whether ``left < right`` may have a value."""
    return any(fits(one, left, {}) and fits(other, right, {}) for one, other in _ORDERED)


class Signature(Struct, frozen=True):
    """One way to call a function: a row of the library with the types that it takes, a method's target first."""

    row: Function
    parameters: tuple[Type, ...]
    result: Type

    def parameter(self, position: int) -> Type:
        return self.parameters[min(position, len(self.parameters) - 1)]

    def is_sure(self, arguments: tuple[Type, ...]) -> bool:
        """Whether a call with such arguments needs no look at their values."""
        return self.row.takes(len(arguments)) and all(
            is_sure(self.parameter(at), kind) for at, kind in enumerate(arguments)
        )

    def given(self, arguments: tuple[Type, ...]) -> Type | None:
        """The type of a call with such arguments; None when it cannot be called so."""
        variables: dict[str, Type] = {}
        if not self.row.takes(len(arguments)):
            return None
        if not all(fits(self.parameter(at), kind, variables) for at, kind in enumerate(arguments)):
            return None
        return bound(self.result, variables)


def _signature(row: Function) -> Signature:
    return Signature(row, tuple(map(parse_type, row.parameters)), parse_type(row.result))


def _by_name() -> dict[tuple[str, bool], tuple[Signature, ...]]:
    found: dict[tuple[str, bool], tuple[Signature, ...]] = {}
    for row in FUNCTIONS.values():
        key = (row.name, row.is_method)
        found[key] = (*found.get(key, ()), _signature(row))
    return found


_SIGNATURES: Final = _by_name()
NAMESPACES: Final = frozenset(name.rpartition(".")[0] for name, _ in _SIGNATURES if "." in name)
"""What stands before the dot in names of functions, such as ``math``."""


def named(name: str, *, is_method: bool) -> tuple[Signature, ...]:
    """All ways to call a function."""
    return _SIGNATURES.get((name, is_method), ())


@lru_cache(maxsize=4096)
def resolve(name: str, is_method: bool, arguments: tuple[Type, ...]) -> tuple[tuple[Signature, ...], Type]:  # noqa: FBT001  a key of the cache
    """The ways in which a call with such arguments may be meant, and the type of what it gives.

    The first that surely fits is meant, whatever else may fit.
    """
    signatures = named(name, is_method=is_method)
    sure = tuple(one for one in signatures if one.is_sure(arguments))[:1]
    fitting = {one: result for one in sure or signatures if (result := one.given(arguments)) is not None}
    return tuple(fitting), joined(fitting.values()) or DYN
