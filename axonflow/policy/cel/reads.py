"""Which attributes of a request an expression reads, and which of them it only compares with literals: known from its
tree, before there is any request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct

from axonflow.policy.cel.scope import RECORDS
from axonflow.policy.cel.syntax import (
    Binary,
    Bind,
    Call,
    Constant,
    Has,
    Index,
    ListLiteral,
    Macro,
    Name,
    Node,
    OptionalIndex,
    OptionalSelect,
    Select,
)

__all__ = ["Compared", "Reads"]

_ROOTS: Final = RECORDS | {"context"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}", re.ASCII)
_MAX_STEPS: Final = 16
_COMPARING: Final = frozenset({"<", "<=", ">", ">=", "==", "!="})

_Steps = tuple[str | int, ...]
"""The names of a path, from a root; a number is the slot of the literal that is one."""


class Compared(NamedTuple):
    """That what stands at `steps` is compared with `constants` there, each by itself, or, where there are none, asked
    for whether it is there; nothing else becomes of it. `constants` are None where something else may."""

    steps: _Steps
    constants: tuple[Constant, ...] | None

    def path(self, literals: Sequence[Any]) -> str | None:
        """Its path in the expression that has these literals; None where that is no name."""
        return _path(self.steps, literals)

    def values(self, literals: Sequence[Any]) -> list[Any]:
        """What it is compared with there."""
        return [one.value if one.slot is None else literals[one.slot] for one in self.constants or ()]


class Reads:
    """What expressions of one shape read: `paths` whatever their literals are, and `places` by those. `uses` are all
    the places where they do, and what for.

    Where a name is only known when it is evaluated, the path ends before it. What is nothing but a root is left out:
    what may be read of it is everything, and it is among `wholes`.
    """

    __slots__ = ("paths", "places", "uses", "wholes")

    def __init__(self, node: Node | None) -> None:
        self.uses: tuple[Compared, ...] = () if node is None else tuple(_uses(node))
        every = {use.steps for use in self.uses}
        self.wholes = frozenset(str(steps[0]) for steps in every if len(steps) == 1)
        found = {steps for steps in every if len(steps) > 1}
        self.places: tuple[_Steps, ...] = tuple(steps for steps in found if any(isinstance(one, int) for one in steps))
        self.paths = frozenset(".".join(map(str, steps)) for steps in found.difference(self.places))

    def of(self, literals: Sequence[Any]) -> Iterator[str]:
        """Those at `places`, in the expression that has these literals."""
        for steps in self.places:
            path = _path(steps, literals)
            if path is not None:
                yield path


def _path(steps: _Steps, literals: Sequence[Any]) -> str | None:
    names = [literals[step] if isinstance(step, int) else step for step in steps]
    return ".".join(names) if all(isinstance(name, str) and _NAME.fullmatch(name) for name in names) else None


def _uses(node: Node) -> Iterator[Compared]:
    left: list[tuple[Any, frozenset[str]]] = [(node, frozenset())]
    while left:
        one, variables = left.pop()
        if isinstance(one, tuple):
            left += ((item, variables) for item in one)
            continue
        use = _use(one)
        if use is not None and use.steps[0] not in variables:
            yield use
        elif isinstance(one, Macro):
            inner = variables.union(one.variables)
            left += ((one.target, variables), (one.condition, inner), (one.body, inner))
        elif isinstance(one, Bind):
            inner = variables.union(name for name, _ in one.values)
            left += [(value, inner) for _, value in one.values]
            left.append((one.body, inner))
        elif isinstance(one, Struct):
            left += ((getattr(one, name), variables) for name in one.__struct_fields__)


def _use(node: Any) -> Compared | None:
    """What `node` does with one path, and with nothing else that is read."""
    if isinstance(node, Binary) and node.operator == "in" and isinstance(node.right, Name):
        # ``"env" in context`` reads ``context.env``: whether it is there. What is in no root may be in a list.
        steps = _steps(Index(node.offset, node.right, node.left))
        return None if steps is None else Compared(steps, ())
    if isinstance(node, Binary):
        return _comparison(node)
    steps = _steps(node)
    return None if steps is None else Compared(steps, () if isinstance(node, Has) else None)


def _comparison(node: Binary) -> Compared | None:
    """``path < literal``, ``literal == path``, ``path in [literal, literal]``..."""
    value, other = node.left, node.right
    constants: tuple[Node, ...] = (other,)
    if node.operator == "in":
        if not isinstance(other, ListLiteral):
            return None
        constants = other.items
    elif node.operator in _COMPARING:
        if isinstance(value, Constant):
            value, other = other, value
        constants = (other,)
    else:
        return None
    steps = _steps(_optional(value))
    literals = tuple([one for one in constants if isinstance(one, Constant)])
    return Compared(steps, literals) if steps is not None and len(literals) == len(constants) else None


def _optional(node: Node) -> Node:
    """The path of ``path.orValue(literal)``, which is what stands there or something that is always the same."""
    if not isinstance(node, Call) or node.function != "orValue" or node.target is None or len(node.arguments) != 1:
        return node
    return node.target if isinstance(node.arguments[0], Constant) else node


def _steps(node: Any) -> _Steps | None:
    """The steps of a path from a root, if `node` is one, and all of it is known."""
    steps: list[str | int] = []
    while not isinstance(node, Name):
        step = _step(node)
        if step is None or len(steps) == _MAX_STEPS:
            return None
        steps.append(step)
        node = node.operand
    root = node.name.lstrip(".")
    return (root, *reversed(steps)) if root in _ROOTS else None


def _step(node: Any) -> str | int | None:
    if isinstance(node, (Select, Has, OptionalSelect)):
        return node.field if _NAME.fullmatch(node.field) else None
    if isinstance(node, (Index, OptionalIndex)) and isinstance(node.key, Constant) and isinstance(node.key.value, str):
        return node.key.slot
    return None
