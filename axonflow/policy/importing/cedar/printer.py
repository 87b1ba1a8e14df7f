"""Syntax trees back to Cedar text: what is printed and parsed again is the same tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import singledispatch
from typing import Final

from axonflow.policy.importing.cedar.parser import RESERVED
from axonflow.policy.importing.cedar.syntax import (
    ActionScope,
    Arithmetic,
    Attribute,
    Comparison,
    Conditional,
    EntityRef,
    EntityScope,
    Expression,
    Extension,
    Has,
    Is,
    Like,
    Logical,
    Method,
    Negation,
    Not,
    Policy,
    RecordLiteral,
    SetLiteral,
    Slot,
    Value,
    Variable,
)

__all__ = ["printed", "printed_expression"]

_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_LEVELS: Final = ("conditional", "or", "and", "relation", "sum", "product", "unary", "member")
_CONDITIONAL, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _MEMBER = range(len(_LEVELS))


def printed(policies: Iterable[Policy]) -> str:
    """The text of `policies`."""
    return "\n\n".join([_policy(policy) for policy in policies]) + "\n"


def printed_expression(node: Expression) -> str:
    """The text of an expression on one line."""
    return _text(node)


def _policy(policy: Policy) -> str:
    lines = [f"@{one.name}" + ("" if one.text is None else f"({_quoted(one.text)})") for one in policy.annotations]
    scopes = (_entity("principal", policy.principal), _action(policy.action), _entity("resource", policy.resource))
    lines.append(f"{policy.effect} ({', '.join(scopes)})")
    lines += [f"{clause.kind} {{ {_text(clause.condition)} }}" for clause in policy.clauses]
    return "\n".join(lines) + ";"


def _entity(variable: str, scope: EntityScope) -> str:
    kind = "" if scope.type is None else f" is {scope.type}"
    if scope.entity is None:
        return variable + kind
    entity = scope.entity.name if isinstance(scope.entity, Slot) else _text(scope.entity)
    return f"{variable}{kind} {scope.operator} {entity}"


def _action(scope: ActionScope) -> str:
    if scope.operator is None:
        return "action"
    listed = _listed(scope.actions)
    return f"action {scope.operator} {f'[{listed}]' if scope.is_list else listed}"


def _listed(items: Sequence[Expression]) -> str:
    return ", ".join([_text(item) for item in items])


def _quoted(text: str, *, stars: bool = False) -> str:
    return '"' + "".join([_escaped(character, stars=stars) for character in text]) + '"'


def _escaped(character: str, *, stars: bool) -> str:
    if character in '"\\' or (stars and character == "*"):
        return f"\\{character}"
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


def _at_level(node: Expression, level: int) -> str:
    text = _text(node)
    return text if _level(node) >= level else f"({text})"


def _level(node: Expression) -> int:
    if isinstance(node, Logical):
        return _OR if node.operator == "||" else _AND
    if isinstance(node, Arithmetic):
        return _PRODUCT if node.rest[0][0] == "*" else _SUM
    if isinstance(node, Value) and isinstance(node.value, int) and node.value < 0:
        return _UNARY
    return _LEVEL_OF.get(type(node), _MEMBER)


_LEVEL_OF: Final[dict[type, int]] = {
    Conditional: _CONDITIONAL,
    Comparison: _RELATION,
    Has: _RELATION,
    Like: _RELATION,
    Is: _RELATION,
    Not: _UNARY,
    Negation: _UNARY,
}


@singledispatch
def _text(node: Expression) -> str:
    raise AssertionError(f"no such node: {type(node).__name__}")


@_text.register
def _(node: Value) -> str:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return _quoted(node.value) if isinstance(node.value, str) else str(node.value)


@_text.register
def _(node: Variable) -> str:
    return node.name


@_text.register
def _(node: EntityRef) -> str:
    return f"{node.type}::{_quoted(node.id)}"


@_text.register
def _(node: SetLiteral) -> str:
    return f"[{_listed(node.items)}]"


@_text.register
def _(node: RecordLiteral) -> str:
    return "{" + ", ".join([f"{_quoted(name)}: {_text(item)}" for name, item in node.entries]) + "}"


@_text.register
def _(node: Extension) -> str:
    return f"{node.function}({_listed(node.arguments)})"


@_text.register
def _(node: Method) -> str:
    return f"{_at_level(node.target, _MEMBER)}.{node.name}({_listed(node.arguments)})"


@_text.register
def _(node: Attribute) -> str:
    target = _at_level(node.target, _MEMBER)
    return f"{target}.{node.name}" if _is_name(node.name) else f"{target}[{_quoted(node.name)}]"


def _is_name(text: str) -> bool:
    return text not in RESERVED and _NAME.fullmatch(text) is not None


@_text.register
def _(node: Has) -> str:
    names = ".".join(node.names) if all(map(_is_name, node.names)) else _quoted(node.names[0])
    return f"{_at_level(node.target, _SUM)} has {names}"


@_text.register
def _(node: Like) -> str:
    pattern = "*".join([_quoted(piece, stars=True)[1:-1] for piece in node.pieces])
    return f'{_at_level(node.target, _SUM)} like "{pattern}"'


@_text.register
def _(node: Is) -> str:
    within = "" if node.within is None else f" in {_at_level(node.within, _SUM)}"
    return f"{_at_level(node.target, _SUM)} is {node.type}{within}"


@_text.register
def _(node: Not) -> str:
    return f"!{_sign_operand(node.operand, Not)}"


@_text.register
def _(node: Negation) -> str:
    return f"-{_sign_operand(node.operand, Negation)}"


def _sign_operand(node: Expression, kind: type) -> str:
    """At most four signs of a kind stand in a row, so any but the innermost is bracketed."""
    text = _text(node)
    is_number = isinstance(node, Value) and kind is Negation  # -(1) is not the number -1
    return text if _level(node) == _MEMBER and not is_number else f"({text})"


@_text.register
def _(node: Comparison) -> str:
    return f"{_at_level(node.left, _SUM)} {node.operator} {_at_level(node.right, _SUM)}"


@_text.register
def _(node: Arithmetic) -> str:
    level = _PRODUCT if node.rest[0][0] == "*" else _SUM
    rest = [f" {operator} {_at_level(operand, level + 1)}" for operator, operand in node.rest]
    return _at_level(node.first, level + 1) + "".join(rest)


@_text.register
def _(node: Logical) -> str:
    level = _OR if node.operator == "||" else _AND
    return f" {node.operator} ".join([_at_level(operand, level + 1) for operand in node.operands])


@_text.register
def _(node: Conditional) -> str:
    return f"if {_text(node.test)} then {_text(node.then)} else {_text(node.otherwise)}"
