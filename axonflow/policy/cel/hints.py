"""What to say of a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from axonflow.errors import ExpressionError
from axonflow.policy.cel.library import FUNCTIONS
from axonflow.policy.cel.overloads import Signature
from axonflow.policy.cel.rows import Function
from axonflow.policy.cel.syntax import Index, Name, Node, Select
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
    name: str, offset: int, signatures: Sequence[Signature], arguments: tuple[Node, ...], kinds: tuple[Type, ...]
) -> ExpressionError:
    """Why no function takes a call with arguments of such kinds; `signatures` are those of its name and style."""
    same = [one for one in signatures if len(one.taking(len(kinds))) == len(kinds)]
    if not same:
        return _unknown_function(name, offset, len(kinds))
    if len(same) > 1:
        forms = " or ".join(f"({', '.join(map(str, one.parameters))})" for one in same)
        found = f"({', '.join(map(str, kinds))})"
        return ExpressionError(f"wrong kinds for {name}()", offset, expected=forms, found=found)
    pairs = zip(arguments, same[0].taking(len(kinds)), kinds, strict=True)
    wrong, wanted, kind = next(pair for pair in pairs if not fits(pair[1], pair[2], {}))
    return ExpressionError(f"wrong kind for {name}()", wrong.offset, expected=str(wanted), found=str(kind))


def _unknown_function(name: str, offset: int, given: int) -> ExpressionError:
    same = [row for row in FUNCTIONS if row.name == name]
    if not same:
        names = sorted({row.name for row in FUNCTIONS} | {"detected", "has"})
        return ExpressionError("unknown function", offset, found=f"{name[:64]}()", hint=did_you_mean(name, names))
    forms = dict.fromkeys(map(_form, same))
    return ExpressionError(
        f"{name}() is not called like this", offset, expected=" or ".join(forms), found=f"{given} in all"
    )


def _form(row: Function) -> str:
    count = "1 or more" if row.is_variadic else str(len(row.parameters) - row.is_method)
    return f"{'value.' if row.is_method else ''}{row.name}({count} arguments)"
