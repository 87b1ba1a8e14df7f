"""Calls that are no functions: their arguments are not evaluated first. Source: cel-spec doc/langdef.md, Macros, and
the extensions of cel-go: comprehensions with two variables, optionals, bindings and blocks.
"""

from __future__ import annotations

from typing import Final

from axonflow.errors import ExpressionError
from axonflow.policy.cel.lexer import Token
from axonflow.policy.cel.syntax import (
    Bind,
    Call,
    Constant,
    Has,
    ListLiteral,
    Macro,
    Maybe,
    Name,
    Node,
    Select,
)

__all__ = ["has", "is_macro", "macro", "of_cel"]

_VARIABLES: Final = {
    **dict.fromkeys(("map", "filter", "sortBy", "optMap", "optFlatMap"), (1,)),
    **dict.fromkeys(("all", "exists", "exists_one", "existsOne"), (1, 2)),
    **dict.fromkeys(("transformList", "transformMap", "transformMapEntry"), (2,)),
}
"""How many variables a macro may have."""
_WITH_CONDITION: Final = frozenset({"map", "transformList", "transformMap", "transformMapEntry"})


def is_macro(name: str) -> bool:
    return name in _VARIABLES


def macro(token: Token, target: Node, arguments: tuple[Node, ...]) -> Macro:
    """``target.macro(variables, [condition,] body)``. Raises ExpressionError."""
    name, count = token.text, len(arguments)
    fitting = [number for number in _VARIABLES[name] if number + 1 == count]
    conditional = [number for number in _VARIABLES[name] if number + 2 == count and name in _WITH_CONDITION]
    if not fitting and not conditional:
        variables = "a variable" if 1 in _VARIABLES[name] else "two variables"
        expected = " or ".join(str(number + 1) for number in _VARIABLES[name])
        raise ExpressionError(
            f"{name}() takes {variables} and an expression",
            token.offset,
            expected=f"{expected} arguments",
            found=str(count),
            hint=f"For example roles.{name}({'r' if 1 in _VARIABLES[name] else 'i, r'}, r == 'admin').",
        )
    names = tuple([_variable(argument, name) for argument in arguments[: (fitting or conditional)[0]]])
    if len(set(names)) < len(names):
        raise ExpressionError("two variables of one name", arguments[1].offset, expected="two names", found=names[0])
    condition = None if fitting else arguments[-2]
    return Macro(token.offset, "exists_one" if name == "existsOne" else name, target, names, condition, arguments[-1])


def _variable(node: Node, user: str) -> str:
    if not isinstance(node, Name) or node.name.startswith("."):
        raise ExpressionError("not a variable", node.offset, expected=f"a name as first argument of {user}()")
    return node.name


def has(token: Token, arguments: tuple[Node, ...]) -> Has:
    """``has(operand.field)``. Raises ExpressionError."""
    if len(arguments) != 1 or not isinstance(arguments[0], Select):
        raise ExpressionError(
            "has() asks for a field",
            token.offset,
            expected="one field selection",
            hint="For example has(context.ticket).",
        )
    return Has(token.offset, arguments[0].operand, arguments[0].field)


def of_cel(call: Call, pinned: set[int]) -> Node:
    """``cel.bind(name, value, body)`` and what optimisers write: ``cel.block``, ``cel.index``, ``cel.iterVar``.

    The slots of literals whose values become names are added to `pinned`. Raises ExpressionError.
    """
    arguments = call.arguments
    if call.function == "bind" and len(arguments) == 3:
        return Bind(call.offset, ((_variable(arguments[0], "cel.bind"), arguments[1]),), arguments[2])
    if call.function == "block" and len(arguments) == 2 and isinstance(arguments[0], ListLiteral):
        items = arguments[0].items
        if not any(isinstance(item, Maybe) for item in items):
            return Bind(call.offset, tuple((f"@index {at}", item) for at, item in enumerate(items)), arguments[1])
    if len(arguments) == {"index": 1, "iterVar": 2}.get(call.function):
        numbers = [argument for argument in arguments if isinstance(argument, Constant) and argument.slot is not None]
        if len(numbers) == len(arguments) and all(number.value.__class__ is int for number in numbers):
            pinned.update(number.slot for number in numbers if number.slot is not None)
            return Name(call.offset, f"@{call.function} {' '.join(str(number.value) for number in numbers)}")
    raise ExpressionError(
        f"cel.{call.function[:64]}() is not called like this",
        call.offset,
        expected="cel.bind(name, value, expression)",
    )
