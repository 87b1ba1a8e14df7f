"""Where in a request an expression reads: which variable, an attribute by itself, and where inside of it.

Requests are taken apart into variables, each of which may have any value whatever the others have: ``action``,
``principal.id``, ``principal.on_behalf_of``, ``principal.level``, ``context.env``, ``content``, ``time``...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.scope import FIELDS, RECORDS
from axonflow.policy.cel.syntax import (
    Binary,
    Bind,
    Call,
    Constant,
    Has,
    Index,
    Macro,
    Name,
    Node,
    OptionalIndex,
    OptionalSelect,
    Select,
)

__all__ = ["Place", "constant_value", "place_of", "place_of_path", "places_in", "unpacked"]

Step = str | Constant
Place = tuple[str, tuple[str, ...]]
"""A variable, and the names that lead further from it."""

_ALONE: Final = frozenset({"action", "content", "time", "findings"})


def constant_value(constant: Constant, literals: tuple[Any, ...]) -> Any:
    """The value of `constant` in the expression that has these literals."""
    return constant.value if constant.slot is None else literals[constant.slot]


def steps_of(node: Node) -> tuple[Step, ...] | None:
    """The names that lead to `node` from a root, the root first; None when it is no such path."""
    steps: list[Step] = []
    while not isinstance(node, Name):
        if isinstance(node, (Select, Has, OptionalSelect)):
            steps.append(node.field)
        elif isinstance(node, (Index, OptionalIndex)) and isinstance(node.key, Constant):
            steps.append(node.key)
        else:
            return None
        node = node.operand
    return (node.name.lstrip("."), *reversed(steps))


def place_of_path(path: str) -> Place | None:
    """The place of a dotted path of `match` or `requires`."""
    return _place(tuple(path.split(".")))


def place_of(steps: tuple[Step, ...] | None, literals: tuple[Any, ...]) -> Place | None:
    """The place that `steps` lead to; None where it is no variable's: all of a record, or no name."""
    if steps is None:
        return None
    names = [constant_value(step, literals) if isinstance(step, Constant) else step for step in steps]
    return _place(tuple(names)) if all(isinstance(name, str) for name in names) else None


def _place(names: tuple[str, ...]) -> Place | None:
    root, *rest = names
    if root in _ALONE:
        return ("content" if root == "findings" else root), tuple(rest)
    if not rest or not rest[0] or (root != "context" and root not in RECORDS):
        return None
    if root in RECORDS and rest[0] == "attributes":
        if len(rest) == 1 or not rest[1]:
            return None
        name = rest[1]
        return f"{root}.attributes.{name}" if name in FIELDS[root] else f"{root}.{name}", tuple(rest[2:])
    variable = f"{root}.{rest[0]}"
    return variable, _shortened(rest[1:]) if variable == "principal.on_behalf_of" else tuple(rest[1:])


def _shortened(names: list[str]) -> tuple[str, ...]:
    """The short form of what leads further from a principal: ``attributes.level`` is ``level``."""
    for at, name in enumerate(names):
        if name == "attributes" and names[at + 1 :] and names[at + 1] not in FIELDS["principal"]:
            return (*names[:at], *names[at + 1 :])
        if name != "on_behalf_of":
            break
    return tuple(names)


def unpacked(variable: str) -> tuple[str, str, bool]:
    """The root of a variable, its name there, and whether that is one of a record's declared fields."""
    root, _, name = variable.partition(".")
    if root in RECORDS and name.startswith("attributes."):
        return root, name.removeprefix("attributes."), False
    return root, name, root in RECORDS and name in FIELDS[root]


class _Read(Struct):
    node: Node
    bound: frozenset[str]


def places_in(node: Node) -> Iterator[tuple[Step, ...]]:
    """The steps to all that `node` reads of a request: to all of the context, where the name in it is computed."""
    left = [_Read(node, frozenset())]
    while left:
        one = left.pop()
        steps = steps_of(_asked_for(one.node))
        if steps is not None and steps[0] not in one.bound:
            if not _is_value_name(steps):
                continue
            yield steps
        else:
            if isinstance(one.node, Call) and one.node.function == "detected" and one.node.target is None:
                yield ("content",)
            left += _inside(one)


def _is_value_name(steps: tuple[Step, ...]) -> bool:
    """Names of types, such as ``int``, read nothing."""
    root = steps[0]
    return root in _ALONE or root in RECORDS or root == "context"


def _asked_for(node: Node) -> Node:
    """``"env" in context`` reads ``context.env``: whether it is there."""
    if isinstance(node, Binary) and node.operator == "in" and isinstance(node.right, Name):
        return Index(node.offset, node.right, node.left)
    return node


def _inside(one: _Read) -> Iterator[_Read]:
    node = one.node
    if isinstance(node, Macro):
        inner = one.bound.union(node.variables)
        yield _Read(node.target, one.bound)
        yield from (_Read(part, inner) for part in (node.condition, node.body) if part is not None)
    elif isinstance(node, Bind):
        inner = one.bound.union(name for name, _ in node.values)
        yield from (_Read(value, inner) for _, value in node.values)
        yield _Read(node.body, inner)
    else:
        yield from (_Read(part, one.bound) for part in _parts(node))


def _parts(value: Any) -> Iterator[Node]:
    for name in value.__struct_fields__ if isinstance(value, Struct) else ():
        held = getattr(value, name)
        if isinstance(held, Struct):
            yield held  # type: ignore[misc]  # all structs in a tree are its nodes
        elif isinstance(held, tuple):
            items = (item for pair in held for item in (pair if isinstance(pair, tuple) else (pair,)))
            yield from (item for item in items if isinstance(item, Struct))  # type: ignore[misc]  # as above
