"""What a rule can be looked up by when nothing has to be equal: how a text has to begin.

Unlike equalities, these may be asked of attributes that a request lacks, and then the rule's condition fails, which
counts. So a look-up narrows only where there is text; for anything else it gives all rules that would fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from axonflow.policy.cel.compiler import Expression
from axonflow.policy.cel.scope import FIELDS
from axonflow.policy.cel.syntax import Call, Constant, Has, Logical, Name, Node, Select
from axonflow.policy.matching import STRING_FIELDS

__all__ = ["ABSENT", "Beginning", "BeginningFinder", "BeginningTable", "look"]

ABSENT: Final = object()
"""What is read at a path that leads nowhere. Null is a value, of which text cannot be asked."""

_ROOTS: Final = frozenset({"principal", "resource", "context"})
_PREFIXES: Final[dict[str, Callable[[str], str]]] = {"startsWith": lambda text: text}
"""Functions of two texts that hold only if the first begins with something that the second, a literal, tells."""


class Beginning(NamedTuple):
    """The text at `path` begins with `prefix`, or the condition fails, but for one that is absent and `guarded`."""

    path: str
    prefix: str
    guarded: bool


class BeginningFinder:
    """How texts must begin for conditions to hold. What it learns of a skeleton holds for all expressions of it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[str, str, Constant, bool], ...]] = {}

    def find(self, expression: Expression | None) -> Beginning | None:
        """The longest beginning that `expression` demands of some text."""
        if expression is None:
            return None
        known = self._known.get(expression.skeleton)
        if known is None:
            known = self._known[expression.skeleton] = tuple(_beginnings(expression.parsed.node))
        best: Beginning | None = None
        for path, function, constant, guarded in known:
            text = constant.value if constant.slot is None else expression.literals[constant.slot]
            prefix = _PREFIXES[function](str(text))
            if prefix and (best is None or len(prefix) > len(best.prefix)):
                best = Beginning(path, prefix, guarded)
        return best


def _beginnings(node: Node) -> Iterator[tuple[str, str, Constant, bool]]:
    conjuncts = node.operands if isinstance(node, Logical) and node.operator == "&&" else (node,)
    guards = {_path(Select(0, one.operand, one.field)) for one in conjuncts if isinstance(one, Has)}
    for one in conjuncts:
        if isinstance(one, Call) and one.function in _PREFIXES and one.target is not None and len(one.arguments) == 1:
            path, (argument,) = _path(one.target), one.arguments
            if path is not None and isinstance(argument, Constant) and isinstance(argument.value, str):
                yield path, one.function, argument, path in guards


def _path(node: Node) -> str | None:
    names: list[str] = []
    while isinstance(node, Select):
        names.append(node.field)
        node = node.operand
    if not isinstance(node, Name) or node.name not in _ROOTS or not names:
        return None
    names.reverse()
    path = ".".join([node.name, *names])
    is_field = names[0] != "attributes" and names[0] in FIELDS.get(node.name, ())
    if (is_field and path not in STRING_FIELDS) or not all(name.isidentifier() for name in names):
        return None
    return path


def look(value: Any, names: Sequence[str]) -> Any:
    """What `names` lead to from the attributes `value`, or ABSENT."""
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


class BeginningTable:
    """Rules by how the text at one path begins. `rules` are (rule, prefix, guarded)."""

    __slots__ = ("_all", "_by_length", "_unguarded")

    def __init__(self, rules: Sequence[tuple[Any, str, bool]]) -> None:
        tables: dict[int, dict[str, list[Any]]] = {}
        for rule, prefix, _ in rules:
            tables.setdefault(len(prefix), {}).setdefault(prefix, []).append(rule)
        self._by_length = tuple([
            (length, {prefix: tuple(found) for prefix, found in table.items()}.get)
            for length, table in sorted(tables.items())
        ])  # fmt: skip
        self._all = tuple([rule for rule, _, _ in rules])
        self._unguarded = tuple([rule for rule, _, guarded in rules if not guarded])

    def find(self, value: Any) -> tuple[Any, ...]:
        """The rules that may hold, or fail, for this value."""
        if value.__class__ is not str:
            return self._unguarded if value is ABSENT else self._all
        found: tuple[Any, ...] = ()
        for length, get in self._by_length:
            found += get(value[:length], ())
        return found
