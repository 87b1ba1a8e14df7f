"""The functions of the language, a row for each way to call one. docs/reference/expressions.md lists them from here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from axonflow.policy.cel.library.arithmetic import MATH
from axonflow.policy.cel.library.encoders import ENCODERS
from axonflow.policy.cel.library.lists import LISTS, SETS
from axonflow.policy.cel.library.network import NETWORK
from axonflow.policy.cel.library.policies import POLICIES
from axonflow.policy.cel.library.rows import Function
from axonflow.policy.cel.library.standard import STANDARD
from axonflow.policy.cel.library.strings import STRINGS

__all__ = ["EXTENSIONS", "FUNCTIONS", "NAMESPACES", "Function", "fitting", "flat", "overloads"]

EXTENSIONS: Final[dict[str, tuple[Function, ...]]] = {
    "Standard": STANDARD,
    "Strings": STRINGS,
    "Numbers": MATH,
    "Lists": LISTS,
    "Sets": SETS,
    "Encoders": ENCODERS,
    "Network": NETWORK,
    "For policies": POLICIES,
}

FUNCTIONS: Final = {(row.name, row.is_method, row.parameters): row for rows in EXTENSIONS.values() for row in rows}

NAMESPACES: Final = frozenset(name.partition(".")[0] for name, _, _ in FUNCTIONS if "." in name)


def _by_name() -> dict[tuple[str, bool], tuple[Function, ...]]:
    found: dict[tuple[str, bool], tuple[Function, ...]] = {}
    for row in FUNCTIONS.values():
        key = (row.name, row.is_method)
        found[key] = (*found.get(key, ()), row)
    return found


_BY_NAME: Final = _by_name()


def overloads(name: str, arguments: int, *, is_method: bool) -> tuple[Function, ...]:
    """The ways to call a function with so many arguments, a method's target among them."""
    return tuple(row for row in _BY_NAME.get((name, is_method), ()) if row.takes(arguments))


def flat(kind: str) -> str:
    """The kind of a type: ``list`` of ``list(string)``, ``dyn`` of a type variable."""
    return "dyn" if len(kind) == 1 else kind.partition("(")[0]


def fitting(rows: Sequence[Function], kinds: Sequence[str]) -> tuple[Function, ...]:
    """Those of `rows` that arguments of such flat kinds may fit; dyn fits everywhere."""
    return tuple(
        row
        for row in rows
        if all(
            "dyn" in {kind, flat(row.parameter(at))} or kind == flat(row.parameter(at)) for at, kind in enumerate(kinds)
        )
    )
