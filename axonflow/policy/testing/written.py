"""A syntax tree as text: ``parse(written(node))`` is `node` again, but for offsets, comments and brackets."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from axonflow.policy.cel import syntax
from axonflow.policy.cel.literals import Uint
from axonflow.policy.cel.syntax import Node

__all__ = ["written"]

_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*", re.ASCII)
_WORDS: Final = {None: "null", True: "true", False: "false"}
_TERNARY, _OR, _AND, _RELATION, _SUM, _PRODUCT, _SIGN, _MEMBER = range(8)
_BINARY: Final = {
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), _RELATION),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
}
"""How tightly operators bind, loosest first."""


def written(node: Node) -> str:
    """`node` in the language."""
    return _text(node, _TERNARY)


def _text(node: Node, least: int) -> str:
    """`node`, in brackets where it binds less tightly than what stands around it."""
    text, strength = _WRITERS[type(node)](node)
    return text if strength >= least else f"({text})"


def _list(nodes: Iterable[Node]) -> str:
    return ", ".join(_text(node, _TERNARY) for node in nodes)


def _constant(node: syntax.Constant) -> tuple[str, int]:
    value = node.value
    if value is None or isinstance(value, bool):
        return _WORDS[value], _MEMBER
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False), _MEMBER
    if isinstance(value, bytes):
        return 'b"' + "".join(f"\\x{octet:02x}" for octet in value) + '"', _MEMBER
    text = f"{int(value)}u" if isinstance(value, Uint) else repr(value)
    if isinstance(value, float):
        text = ("-" if value < 0 else "") + "1e999" if math.isinf(value) else text
        text = text if any(mark in text for mark in ".e") else f"{text}.0"
    return text, _SIGN if text.startswith("-") else _MEMBER


def _name(node: syntax.Name) -> tuple[str, int]:
    if not node.name.startswith("@"):
        return node.name, _MEMBER
    kind, *numbers = node.name[1:].split(" ")  # what cel.index() and cel.iterVar() stand for
    return f"cel.{kind}({', '.join(numbers)})", _MEMBER


def _field(name: str) -> str:
    return name if _NAME.fullmatch(name) else f"`{name}`"


def _unary(node: syntax.Unary) -> tuple[str, int]:
    inner = _text(node.operand, _SIGN)
    # "-5" is one literal, and "- -5" would be two signs in front of it
    apart = node.operator == "-" and not isinstance(node.operand, (syntax.Name, syntax.Select, syntax.Call))
    return f"{node.operator}({_text(node.operand, _TERNARY)})" if apart else f"{node.operator}{inner}", _SIGN


def _binary(node: syntax.Binary) -> tuple[str, int]:
    strength = _BINARY[node.operator]
    return f"{_text(node.left, strength)} {node.operator} {_text(node.right, strength + 1)}", strength


def _logical(node: syntax.Logical) -> tuple[str, int]:
    strength = _AND if node.operator == "&&" else _OR
    return f" {node.operator} ".join(_text(operand, strength + 1) for operand in node.operands), strength


def _conditional(node: syntax.Conditional) -> tuple[str, int]:
    return f"{_text(node.test, _OR)} ? {_text(node.then, _OR)} : {_text(node.otherwise, _TERNARY)}", _TERNARY


def _call(node: syntax.Call) -> tuple[str, int]:
    owner = "" if node.target is None else f"{_text(node.target, _MEMBER)}."
    return f"{owner}{node.function}({_list(node.arguments)})", _MEMBER


def _macro(node: syntax.Macro) -> tuple[str, int]:
    parts = [*node.variables, *([] if node.condition is None else [written(node.condition)]), written(node.body)]
    return f"{_text(node.target, _MEMBER)}.{node.macro}({', '.join(parts)})", _MEMBER


def _bind(node: syntax.Bind) -> tuple[str, int]:
    if node.values[0][0].startswith("@"):
        return f"cel.block([{_list(value for _, value in node.values)}], {written(node.body)})", _MEMBER
    text = written(node.body)
    for name, value in reversed(node.values):
        text = f"cel.bind({name}, {written(value)}, {text})"
    return text, _MEMBER


def _entries(node: syntax.MapLiteral) -> tuple[str, int]:
    entries = []
    for key, value in node.entries:
        optional = isinstance(value, syntax.Maybe)
        held = value.operand if isinstance(value, syntax.Maybe) else value
        entries.append(f"{'?' if optional else ''}{written(key)}: {written(held)}")
    return "{" + ", ".join(entries) + "}", _MEMBER


_WRITERS: Final[dict[type, Callable[[Any], tuple[str, int]]]] = {
    syntax.Constant: _constant,
    syntax.Name: _name,
    syntax.Select: lambda node: (f"{_text(node.operand, _MEMBER)}.{_field(node.field)}", _MEMBER),
    syntax.Has: lambda node: (f"has({_text(node.operand, _MEMBER)}.{_field(node.field)})", _MEMBER),
    syntax.Index: lambda node: (f"{_text(node.operand, _MEMBER)}[{written(node.key)}]", _MEMBER),
    syntax.OptionalSelect: lambda node: (f"{_text(node.operand, _MEMBER)}.?{_field(node.field)}", _MEMBER),
    syntax.OptionalIndex: lambda node: (f"{_text(node.operand, _MEMBER)}[?{written(node.key)}]", _MEMBER),
    syntax.Unary: _unary,
    syntax.Binary: _binary,
    syntax.Logical: _logical,
    syntax.Conditional: _conditional,
    syntax.Call: _call,
    syntax.Macro: _macro,
    syntax.Bind: _bind,
    syntax.Maybe: lambda node: (f"?{written(node.operand)}", _MEMBER),
    syntax.ListLiteral: lambda node: (f"[{_list(node.items)}]", _MEMBER),
    syntax.MapLiteral: _entries,
}
