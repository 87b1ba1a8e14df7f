"""What to say of a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from axonflow.errors import ExpressionError
from axonflow.policy.cel.library import FUNCTIONS, Function, flat
from axonflow.policy.cel.syntax import Call, Node

__all__ = ["did_you_mean", "unknown_function", "wrong_kinds"]


def did_you_mean(name: str, known: list[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]}?" if close else None


def unknown_function(node: Call, name: str, given: int) -> ExpressionError:
    """Why no row of the library takes `given` arguments, a method's target among them."""
    same = [row for row in FUNCTIONS.values() if row.name == name]
    if not same:
        names = sorted({row.name for row in FUNCTIONS.values()} | {"detected", "matches", "has"})
        return ExpressionError("unknown function", node.offset, found=f"{name[:64]}()", hint=did_you_mean(name, names))
    forms = dict.fromkeys(
        f"{'value.' if row.is_method else ''}{name}({len(row.parameters) - row.is_method} arguments"
        f"{' or more' if row.variadic else ''})"
        for row in same
    )
    return ExpressionError(
        f"{name}() is not called like this", node.offset, expected=" or ".join(forms), found=f"{given} in all"
    )


def wrong_kinds(
    node: Call, rows: Sequence[Function], arguments: Sequence[Node], kinds: Sequence[str]
) -> ExpressionError:
    """Why none of `rows` takes arguments of such kinds: one of them, or all of them together."""
    name = rows[0].name
    for position, kind in enumerate(kinds):
        wanted = list(dict.fromkeys(row.parameter(position) for row in rows))
        if kind not in {"dyn", *map(flat, wanted)} and "dyn" not in map(flat, wanted):
            return ExpressionError(
                f"wrong kind for {name}()", arguments[position].offset, expected=" or ".join(wanted), found=kind
            )
    forms = " or ".join(f"({', '.join(row.parameters)})" for row in rows)
    return ExpressionError(f"wrong kinds for {name}()", node.offset, expected=forms, found=f"({', '.join(kinds)})")
