"""A part of an expression as text again, for people, and to tell whether two rules ask the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from axonflow.policy.cel.literals import Uint
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

__all__ = ["Template", "template_of", "written"]

Piece = str | int
Template = tuple[Piece, ...]
"""Text, and in between the slots of the literals that stand there."""

_LOOSE: Final = (Binary, Logical, Conditional)


def template_of(node: Node) -> Template:
    """`node` as text, but for its literals: the same for all expressions that share the tree."""
    out: list[Piece] = []
    for piece in _pieces(node):
        if out and isinstance(piece, str) and isinstance(out[-1], str):
            out[-1] += piece
        else:
            out.append(piece)
    return tuple(out)


def written(template: Template, literals: Sequence[Any]) -> str:
    """`template` with these literals."""
    return "".join(piece if isinstance(piece, str) else _literal(literals[piece]) for piece in template)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bytes):
        return repr(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{int(value)}u" if value.__class__ is Uint else repr(value)


def _pieces(node: Node) -> Iterator[Piece]:
    match node:
        case Constant():
            yield _literal(node.value) if node.slot is None else node.slot
        case Name():
            yield node.name
        case Select() | OptionalSelect() | Has():
            yield from _selected(node)
        case Index() | OptionalIndex():
            yield from _tight(node.operand)
            yield "[" if isinstance(node, Index) else "[?"
            yield from _pieces(node.key)
            yield "]"
        case Unary() | Maybe():
            yield node.operator if isinstance(node, Unary) else "?"
            yield from _tight(node.operand)
        case Binary() | Logical() | Conditional():
            yield from _operators(node)
        case _:
            yield from _calls(node)


def _selected(node: Select | OptionalSelect | Has) -> Iterator[Piece]:
    yield "has(" if isinstance(node, Has) else ""
    yield from _tight(node.operand)
    name = node.field if node.field.isidentifier() else f"`{node.field}`"
    yield f".?{name}" if isinstance(node, OptionalSelect) else f".{name}"
    yield ")" if isinstance(node, Has) else ""


def _operators(node: Binary | Logical | Conditional) -> Iterator[Piece]:
    if isinstance(node, Binary):
        yield from _tight(node.left)
        yield f" {node.operator} "
        yield from _tight(node.right)
    elif isinstance(node, Logical):
        for number, operand in enumerate(node.operands):
            yield f" {node.operator} " if number else ""
            yield from _pieces(operand) if isinstance(operand, Binary) else _tight(operand)
    else:
        yield from _tight(node.test)
        yield " ? "
        yield from _tight(node.then)
        yield " : "
        yield from _tight(node.otherwise)


def _calls(node: Call | Macro | ListLiteral | MapLiteral | Bind) -> Iterator[Piece]:
    if isinstance(node, Call):
        if node.target is not None:
            yield from _tight(node.target)
            yield "."
        yield f"{node.function}("
        yield from _listed(node.arguments)
        yield ")"
    elif isinstance(node, Macro):
        yield from _tight(node.target)
        yield f".{node.macro}({', '.join(node.variables)}, "
        yield from _listed([part for part in (node.condition, node.body) if part is not None])
        yield ")"
    elif isinstance(node, ListLiteral):
        yield "["
        yield from _listed(node.items)
        yield "]"
    elif isinstance(node, MapLiteral):
        yield "{"
        for number, (key, value) in enumerate(node.entries):
            yield ", " if number else ""
            yield "?" if isinstance(value, Maybe) else ""
            yield from _pieces(key)
            yield ": "
            yield from _pieces(value.operand if isinstance(value, Maybe) else value)
        yield "}"
    else:
        for name, value in node.values:
            yield f"cel.bind({name}, "
            yield from _pieces(value)
            yield ", "
        yield from _pieces(node.body)
        yield ")" * len(node.values)


def _listed(nodes: Sequence[Node]) -> Iterator[Piece]:
    for number, node in enumerate(nodes):
        yield ", " if number else ""
        yield from _pieces(node)


def _tight(node: Node) -> Iterator[Piece]:
    """`node` in brackets, where it needs them beside an operator."""
    loose = isinstance(node, _LOOSE)
    yield "(" if loose else ""
    yield from _pieces(node)
    yield ")" if loose else ""
