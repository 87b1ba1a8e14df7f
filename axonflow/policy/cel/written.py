"""Parts of a condition as text of the language: trees know where they begin, not where they end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from axonflow.policy.cel.literals import Uint, quoted
from axonflow.policy.cel.syntax import (
    Binary,
    Bind,
    Call,
    Conditional,
    Constant,
    Has,
    Index,
    ListLiteral,
    Logical,
    Macro,
    MapLiteral,
    Maybe,
    Name,
    Node,
    OptionalIndex,
    OptionalSelect,
    Select,
    Unary,
)

__all__ = ["written"]

_ANY, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _MEMBER, _PRIMARY = range(9)
_BINDING: Final = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT}
"""How tightly operators bind; those that are not here are relations. Source: cel-spec doc/langdef.md, Syntax."""


def written(node: Node, literals: Sequence[Any] | None = None) -> str:
    """`node` as text, with the `literals` of an expression of its shape in place of its own."""
    return _Writer(literals).text(node, _ANY)


class _Writer:
    def __init__(self, literals: Sequence[Any] | None) -> None:
        self._literals = literals

    def text(self, node: Node, level: int) -> str:
        """`node`, in parentheses if it binds less tightly than `level` asks for."""
        text, own = getattr(self, f"_{type(node).__name__.lower()}")(node)
        return f"({text})" if own < level else text

    def _all(self, nodes: Sequence[Node]) -> str:
        return ", ".join([self.text(node, _ANY) for node in nodes])

    def _constant(self, node: Constant) -> tuple[str, int]:
        value = node.value if self._literals is None or node.slot is None else self._literals[node.slot]
        if value is None:
            return "null", _PRIMARY
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=False), _PRIMARY
        if isinstance(value, bytes):
            return 'b"' + "".join(f"\\x{octet:02x}" for octet in value) + '"', _PRIMARY
        if isinstance(value, Uint):
            return f"{int(value)}u", _PRIMARY
        return quoted(value), _PRIMARY if isinstance(value, bool) else _UNARY  # 1.f is no field of 1

    def _name(self, node: Name) -> tuple[str, int]:
        if node.name.startswith("@"):  # what cel.block calls its values and variables
            kind, *numbers = node.name[1:].split()
            return f"cel.{kind}({', '.join(numbers)})", _PRIMARY
        return node.name, _PRIMARY

    def _select(self, node: Select | OptionalSelect | Has) -> tuple[str, int]:
        field = node.field if node.field.isidentifier() else f"`{node.field}`"
        mark = "?" if isinstance(node, OptionalSelect) else ""
        return f"{self.text(node.operand, _MEMBER)}.{mark}{field}", _MEMBER

    _optionalselect = _select

    def _has(self, node: Has) -> tuple[str, int]:
        return f"has({self._select(node)[0]})", _PRIMARY

    def _index(self, node: Index | OptionalIndex) -> tuple[str, int]:
        mark = "?" if isinstance(node, OptionalIndex) else ""
        return f"{self.text(node.operand, _MEMBER)}[{mark}{self.text(node.key, _ANY)}]", _MEMBER

    _optionalindex = _index

    def _unary(self, node: Unary) -> tuple[str, int]:
        level = _MEMBER if isinstance(node.operand, Constant) else _UNARY
        return f"{node.operator}{self.text(node.operand, level)}", _UNARY

    def _binary(self, node: Binary) -> tuple[str, int]:
        level = _BINDING.get(node.operator, _RELATION)
        return f"{self.text(node.left, level)} {node.operator} {self.text(node.right, level + 1)}", level

    def _logical(self, node: Logical) -> tuple[str, int]:
        level = _OR if node.operator == "||" else _AND
        return f" {node.operator} ".join([self.text(operand, level + 1) for operand in node.operands]), level

    def _conditional(self, node: Conditional) -> tuple[str, int]:
        test, then = self.text(node.test, _OR), self.text(node.then, _OR)
        return f"{test} ? {then} : {self.text(node.otherwise, _ANY)}", _ANY

    def _call(self, node: Call) -> tuple[str, int]:
        target = "" if node.target is None else f"{self.text(node.target, _MEMBER)}."
        return f"{target}{node.function}({self._all(node.arguments)})", _MEMBER

    def _macro(self, node: Macro) -> tuple[str, int]:
        inner = [*(self.text(Name(0, name), _ANY) for name in node.variables)]
        inner += [self.text(part, _ANY) for part in (node.condition, node.body) if part is not None]
        return f"{self.text(node.target, _MEMBER)}.{node.macro}({', '.join(inner)})", _MEMBER

    def _bind(self, node: Bind) -> tuple[str, int]:
        body = self.text(node.body, _ANY)
        if any(name.startswith("@") for name, _ in node.values):
            return f"cel.block([{self._all([value for _, value in node.values])}], {body})", _MEMBER
        for name, value in reversed(node.values):
            body = f"cel.bind({name}, {self.text(value, _ANY)}, {body})"
        return body, _MEMBER

    def _maybe(self, node: Maybe) -> tuple[str, int]:
        return f"?{self.text(node.operand, _ANY)}", _PRIMARY

    def _listliteral(self, node: ListLiteral) -> tuple[str, int]:
        return f"[{self._all(node.items)}]", _PRIMARY

    def _mapliteral(self, node: MapLiteral) -> tuple[str, int]:
        entries = []
        for key, value in node.entries:
            mark, held = ("?", value.operand) if isinstance(value, Maybe) else ("", value)
            entries.append(f"{mark}{self.text(key, _ANY)}: {self.text(held, _ANY)}")
        return f"{{{', '.join(entries)}}}", _PRIMARY
