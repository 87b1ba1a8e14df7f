"""Conditions that say something slightly else, one change at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from axonflow.policy.cel import syntax
from axonflow.policy.cel.literals import Uint
from axonflow.policy.cel.syntax import Binary, Call, Constant, Has, Logical, Node, Unary
from axonflow.policy.testing.probing import children

__all__ = ["Changed", "changed_conditions", "is_only_an_error"]

_COMPARISONS: Final = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+"}
_MACROS: Final = {"exists": "all", "all": "exists"}
_METHODS: Final = {"startsWith": "endsWith", "endsWith": "startsWith"}
_LAZY: Final = frozenset({"or", "orValue"})
"""Methods of optionals whose argument is only looked at where there is no value."""
_MARK: Final = "~"
"""Behind a text, it makes another one that nobody wrote."""


class Changed(NamedTuple):
    """`whole` is the condition with `after` in place of `before`."""

    kind: str
    before: Node
    after: Node
    whole: Node


def changed_conditions(node: Node) -> Iterator[Changed]:
    """Every change of one thing in `node`. Some of the results may not be valid: whoever compiles them finds out."""
    if not _is_turned(node):
        negated = Unary(node.offset, "!", node)
        yield Changed("condition negated", node, negated, negated)
    yield from _changes(node)


def _is_turned(node: Node) -> bool:
    """Whether one of the changes of `node` itself is its negation already."""
    return (isinstance(node, Unary) and node.operator == "!") or (
        isinstance(node, Binary) and node.operator in {"==", "!="}
    )


def _changes(node: Node) -> Iterator[Changed]:
    for kind, after in _own(node):
        yield Changed(kind, node, after, after)
    for put_back, child in _parts(node):
        for changed in _changes(child):
            yield changed._replace(whole=put_back(changed.whole))


def _own(node: Node) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Constant):
        yield from _other_constants(node)
    elif isinstance(node, Unary) and node.operator == "!":
        yield "negation dropped", node.operand
    elif isinstance(node, Binary) and node.operator in _COMPARISONS:
        kind = "operator changed" if node.operator in "+-" else "comparison moved"
        yield kind, _with(node, operator=_COMPARISONS[node.operator])
    elif isinstance(node, Logical):
        yield from _other_logical(node)
    elif isinstance(node, syntax.Conditional):
        yield "branches swapped", _with(node, then=node.otherwise, otherwise=node.then)
    elif isinstance(node, syntax.Macro) and node.macro in _MACROS:
        yield "loop changed", _with(node, macro=_MACROS[node.macro])
    elif isinstance(node, syntax.ListLiteral):
        for position in range(len(node.items)):
            yield "list element removed", _with(node, items=_without(node.items, position))
    elif isinstance(node, Call):
        yield from _other_calls(node)


def _other_constants(node: Constant) -> Iterator[tuple[str, Node]]:
    value = node.value
    if isinstance(value, bool):
        yield "literal changed", _with(node, value=not value)
    elif isinstance(value, (int, float)):
        for other in (value + 1, value - 1):
            kept = Uint(other) if isinstance(value, Uint) else other
            if kept != value and not (isinstance(kept, Uint) and other < 0):
                yield "literal changed", _with(node, value=kept)
    elif isinstance(value, str):
        yield "literal changed", _with(node, value=value + _MARK)


def _other_logical(node: Logical) -> Iterator[tuple[str, Node]]:
    yield "&& and || swapped", _with(node, operator="||" if node.operator == "&&" else "&&")
    for position, operand in enumerate(node.operands):
        rest = _without(node.operands, position)
        kind = "has() dropped" if isinstance(operand, Has) else "operand dropped"
        yield kind, rest[0] if len(rest) == 1 else _with(node, operands=rest)


def _other_calls(node: Call) -> Iterator[tuple[str, Node]]:
    if node.function == "detected" and node.target is None and len(node.arguments) > 1:
        for position in range(len(node.arguments)):
            yield "detector removed", _with(node, arguments=_without(node.arguments, position))
    elif node.function in _METHODS and node.target is not None:
        yield "method changed", _with(node, function=_METHODS[node.function])


def _with(node: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(node, **fields)


def _without(items: tuple[Node, ...], position: int) -> tuple[Node, ...]:
    return (*items[:position], *items[position + 1 :])


def _parts(node: Node) -> Iterator[tuple[Callable[[Node], Node], Node]]:
    """The nodes right below `node` whose changes mean something, each with what puts another in its place."""
    if isinstance(node, Call) and node.function == "detected":
        return  # its arguments are names of detectors
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(node, syntax.ListLiteral) and name == "items":
            # A text in a list, changed, equals nothing any more: as if it were not there, which is a change of its own.
            found = [(at, item) for at, item in _nested(value) if not _is_text(item)]
        else:
            found = list(_nested(value))
        for at, child in found:
            yield _placing(node, name, value, at), child


def _is_text(node: Node) -> bool:
    return isinstance(node, Constant) and isinstance(node.value, str)


def _nested(value: object, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(value, Struct):
        yield at, value
    elif isinstance(value, tuple):
        for position, item in enumerate(value):
            yield from _nested(item, (*at, position))


def _placing(node: Node, name: str, value: Any, at: tuple[int, ...]) -> Callable[[Node], Node]:
    return lambda new: _with(node, **{name: _put(value, at, new)})


def _put(value: Any, at: tuple[int, ...], new: Node) -> Any:
    if not at:
        return new
    return (*value[: at[0]], _put(value[at[0]], at[1:], new), *value[at[0] + 1 :])


def is_only_an_error(changed: Changed, condition: Node, *, fails_closed: bool) -> bool:
    """Whether dropping an operand only changes whether a condition fails, and not whether its rule matches.

    ``has(f) && ...``: without `f` it was false; if another operand reads `f` whatever else holds, it is false or fails
    now, and what `fails_closed` is not does not match either way. ``!has(f) || ...``: without `f` it was true; if
    another operand reads `f`, it is true or fails now, and what `fails_closed` matches either way.
    """
    if not isinstance(condition, Logical) or changed.before is not condition:
        return False
    if changed.kind not in {"operand dropped", "has() dropped"}:
        return False
    after = changed.after
    is_rest = any(after is operand for operand in condition.operands)  # of two operands one is left
    left = (after,) if is_rest or not isinstance(after, Logical) else after.operands
    (dropped,) = [one for one in condition.operands if not any(one is other for other in left)]
    if condition.operator == "||" and fails_closed and isinstance(dropped, Unary) and dropped.operator == "!":
        dropped = dropped.operand
    elif condition.operator == "||" or fails_closed:
        return False
    return isinstance(dropped, Has) and any(_surely_reads(operand, _bare(dropped)) for operand in left)


def _bare(node: Node) -> object:
    """`node` without offsets, to compare; has() and the selection of a field alike."""
    if isinstance(node, Has):
        return ("Select", _bare(node.operand), node.field)
    if isinstance(node, syntax.Select):
        return ("Select", _bare(node.operand), node.field)
    return ("Name", node.name) if isinstance(node, syntax.Name) else object()


def _surely_reads(node: Node, field: object) -> bool:
    """Whether the value of `node` cannot be known without `field`."""
    if isinstance(node, syntax.Select) and _bare(node) == field:
        return True
    if isinstance(node, (Has, Logical, syntax.Conditional, syntax.Bind, syntax.OptionalSelect, syntax.OptionalIndex)):
        return False
    if isinstance(node, syntax.Macro):
        return _surely_reads(node.target, field)
    if isinstance(node, Call) and node.function in _LAZY and node.target is not None:
        return _surely_reads(node.target, field)
    return any(_surely_reads(child, field) for child in children(node))
