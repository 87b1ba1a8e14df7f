"""What to say of a name that is not known."""

from __future__ import annotations

import difflib

from axonflow.errors import ExpressionError
from axonflow.policy.cel.library import FUNCTIONS
from axonflow.policy.cel.syntax import Call

__all__ = ["did_you_mean", "unknown_function"]


def did_you_mean(name: str, known: list[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]}?" if close else None


def unknown_function(node: Call) -> ExpressionError:
    is_method = node.target is not None
    given = len(node.arguments) + is_method
    same = [row for row in FUNCTIONS.values() if row.name == node.function]
    if not same:
        names = sorted({row.name for row in FUNCTIONS.values()} | {"detected", "matches", "has"})
        return ExpressionError(
            "unknown function", node.offset, found=f"{node.function[:64]}()", hint=did_you_mean(node.function, names)
        )
    forms = [
        f"{'value.' if row.is_method else ''}{row.name}({len(row.parameters) - row.is_method} arguments)"
        for row in same
    ]
    return ExpressionError(
        f"{node.function}() is not called like this", node.offset, expected=" or ".join(forms), found=f"{given} in all"
    )
