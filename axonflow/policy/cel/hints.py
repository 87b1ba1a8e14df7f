"""What to say of a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from axonflow.errors import ExpressionError
from axonflow.policy.cel.library import FUNCTIONS
from axonflow.policy.cel.overloads import Signature
from axonflow.policy.cel.syntax import Call, Index, Name, Node, Select
from axonflow.policy.cel.types import Type, fits

__all__ = ["did_you_mean", "not_called_so", "path_of"]


def path_of(node: Node) -> str:
    """How messages call what `node` gives: the names that lead to it, if names do."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Select):
        return f"{path_of(node.operand)}.{node.field}"
    return f"{path_of(node.operand)}[]" if isinstance(node, Index) else "the value"


def did_you_mean(name: str, known: list[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]}?" if close else None


def not_called_so(
    node: Call, name: str, signatures: Sequence[Signature], arguments: Sequence[Node], kinds: Sequence[Type]
) -> ExpressionError:
    """Why no function takes a call with arguments of such kinds; `signatures` are those of its name and style."""
    same = [one for one in signatures if one.row.takes(len(kinds))]
    if not same:
        return _unknown_function(node, name, len(kinds))
    for position, kind in enumerate(kinds):
        wanted = list(dict.fromkeys(one.parameter(position) for one in same))
        if not any(fits(parameter, kind, {}) for parameter in wanted):
            expected = " or ".join(map(str, wanted))
            return ExpressionError(
                f"wrong kind for {name}()", arguments[position].offset, expected=expected, found=str(kind)
            )
    forms = " or ".join(f"({', '.join(map(str, one.parameters))})" for one in same)
    found = f"({', '.join(map(str, kinds))})"
    return ExpressionError(f"wrong kinds for {name}()", node.offset, expected=forms, found=found)


def _unknown_function(node: Call, name: str, given: int) -> ExpressionError:
    same = [row for row in FUNCTIONS.values() if row.name == name]
    if not same:
        names = sorted({row.name for row in FUNCTIONS.values()} | {"detected", "has"})
        return ExpressionError("unknown function", node.offset, found=f"{name[:64]}()", hint=did_you_mean(name, names))
    forms = dict.fromkeys(
        f"{'value.' if row.is_method else ''}{name}({len(row.parameters) - row.is_method} arguments"
        f"{' or more' if row.variadic else ''})"
        for row in same
    )
    return ExpressionError(
        f"{name}() is not called like this", node.offset, expected=" or ".join(forms), found=f"{given} in all"
    )
