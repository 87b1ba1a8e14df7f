"""Which attributes of a request an expression reads: known from its tree, before there is any request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.scope import RECORDS
from axonflow.policy.cel.syntax import (
    Binary,
    Bind,
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

__all__ = ["Reads"]

_ROOTS: Final = RECORDS | {"context"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}", re.ASCII)
_MAX_STEPS: Final = 16

_Steps = tuple[str | int, ...]
"""The names of a path, from a root; a number is the slot of the literal that is one."""


class Reads:
    """What expressions of one shape read: `paths` whatever their literals are, and `places` by those.

    Where a name is only known when it is evaluated, the path ends before it. What is nothing but a root is left out:
    what may be read of it is everything, and it is among `wholes`.
    """

    __slots__ = ("paths", "places", "wholes")

    def __init__(self, node: Node | None) -> None:
        every = set() if node is None else set(_paths(node))
        self.wholes = frozenset(str(steps[0]) for steps in every if len(steps) == 1)
        found = {steps for steps in every if len(steps) > 1}
        self.places: tuple[_Steps, ...] = tuple(steps for steps in found if any(isinstance(one, int) for one in steps))
        self.paths = frozenset(".".join(map(str, steps)) for steps in found.difference(self.places))

    def of(self, literals: Sequence[Any]) -> Iterator[str]:
        """Those at `places`, in the expression that has these literals."""
        for steps in self.places:
            names = [literals[step] if isinstance(step, int) else step for step in steps]
            if all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
                yield ".".join(names)


def _paths(node: Node) -> Iterator[_Steps]:
    left: list[tuple[Any, frozenset[str]]] = [(node, frozenset())]
    while left:
        one, variables = left.pop()
        if isinstance(one, tuple):
            left += ((item, variables) for item in one)
            continue
        steps = _steps(_asked_for(one))
        if steps is not None and steps[0] not in variables:
            yield steps
        elif isinstance(one, Macro):
            inner = variables.union(one.variables)
            left += ((one.target, variables), (one.condition, inner), (one.body, inner))
        elif isinstance(one, Bind):
            inner = variables.union(name for name, _ in one.values)
            left += [(value, inner) for _, value in one.values]
            left.append((one.body, inner))
        elif isinstance(one, Struct):
            left += ((getattr(one, name), variables) for name in one.__struct_fields__)


def _asked_for(node: Any) -> Any:
    """``"env" in context`` reads ``context.env``: whether it is there. What is in no root may be in a list."""
    if isinstance(node, Binary) and node.operator == "in" and isinstance(node.right, Name):
        return Index(node.offset, node.right, node.left)
    return node


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
