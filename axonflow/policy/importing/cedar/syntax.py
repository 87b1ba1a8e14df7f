"""The syntax tree of Cedar policies. `offset` is in characters from the start of the text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

__all__ = [
    "ActionScope",
    "Annotation",
    "Arithmetic",
    "Attribute",
    "Clause",
    "Comparison",
    "Conditional",
    "Effect",
    "EntityRef",
    "EntityScope",
    "Expression",
    "Extension",
    "Has",
    "Is",
    "Like",
    "Logical",
    "Method",
    "Negation",
    "Not",
    "Policy",
    "RecordLiteral",
    "SetLiteral",
    "Slot",
    "Value",
    "Variable",
    "children",
    "nodes_of",
]

Effect = Literal["permit", "forbid"]


class Value(Struct, frozen=True):
    """A literal: a boolean, a Long or a string."""

    offset: int
    value: bool | int | str


class Variable(Struct, frozen=True):
    """``principal``, ``action``, ``resource`` or ``context``"""

    offset: int
    name: str


class EntityRef(Struct, frozen=True):
    """``Acme::User::"ann"``: `type` is the path in front."""

    offset: int
    type: str
    id: str


class Slot(Struct, frozen=True):
    """``?principal`` or ``?resource``, of a template."""

    offset: int
    name: str


class SetLiteral(Struct, frozen=True):
    offset: int
    items: tuple[Expression, ...]


class RecordLiteral(Struct, frozen=True):
    offset: int
    entries: tuple[tuple[str, Expression], ...]


class Extension(Struct, frozen=True):
    """``decimal("1.5")``: a function that makes a value."""

    offset: int
    function: str
    arguments: tuple[Expression, ...]


class Method(Struct, frozen=True):
    """``target.contains(x)``"""

    offset: int
    target: Expression
    name: str
    arguments: tuple[Expression, ...]


class Attribute(Struct, frozen=True):
    """``target.name`` or ``target["name"]``"""

    offset: int
    target: Expression
    name: str


class Has(Struct, frozen=True):
    """``target has a.b.c`` or ``target has "name"``"""

    offset: int
    target: Expression
    names: tuple[str, ...]


class Like(Struct, frozen=True):
    """``target like "a*"``: the texts between the stars."""

    offset: int
    target: Expression
    pieces: tuple[str, ...]


class Is(Struct, frozen=True):
    """``target is Type``, ``target is Type in other``"""

    offset: int
    target: Expression
    type: str
    within: Expression | None


class Not(Struct, frozen=True):
    offset: int
    operand: Expression


class Negation(Struct, frozen=True):
    """``-operand``"""

    offset: int
    operand: Expression


class Comparison(Struct, frozen=True):
    """``== != < <= > >= in``"""

    offset: int
    operator: str
    left: Expression
    right: Expression


class Arithmetic(Struct, frozen=True):
    """``a + b - c`` or ``a * b * c``, from the left; flat, so that a long sum is wide and not deep."""

    offset: int
    first: Expression
    rest: tuple[tuple[str, Expression], ...]


class Logical(Struct, frozen=True):
    """``a && b && c`` or ``a || b || c``, flat."""

    offset: int
    operator: str
    operands: tuple[Expression, ...]


class Conditional(Struct, frozen=True):
    """``if test then one else other``"""

    offset: int
    test: Expression
    then: Expression
    otherwise: Expression


Expression = (
    Value
    | Variable
    | EntityRef
    | SetLiteral
    | RecordLiteral
    | Extension
    | Method
    | Attribute
    | Has
    | Like
    | Is
    | Not
    | Negation
    | Comparison
    | Arithmetic
    | Logical
    | Conditional
)


class EntityScope(Struct, frozen=True):
    """What is asked of the principal or of the resource: nothing, ``==``, ``in``, ``is`` or ``is`` and ``in``."""

    offset: int
    type: str | None = None
    operator: str | None = None
    entity: EntityRef | Slot | None = None


class ActionScope(Struct, frozen=True):
    """What is asked of the action: nothing, ``== one`` or ``in`` some. `is_list`: whether they stood in brackets."""

    offset: int
    operator: str | None = None
    actions: tuple[EntityRef, ...] = ()
    is_list: bool = False


class Annotation(Struct, frozen=True):
    """``@name("text")``; without a text it is None."""

    offset: int
    name: str
    text: str | None


class Clause(Struct, frozen=True):
    """``when { condition }`` or ``unless { condition }``"""

    offset: int
    kind: Literal["when", "unless"]
    condition: Expression


class Policy(Struct, frozen=True):
    offset: int
    annotations: tuple[Annotation, ...]
    effect: Effect
    principal: EntityScope
    action: ActionScope
    resource: EntityScope
    clauses: tuple[Clause, ...]


def children(node: Expression) -> Iterator[Expression]:
    """What stands directly inside of `node`."""
    for field in node.__struct_fields__:
        yield from _expressions(getattr(node, field))


def _expressions(part: object) -> Iterator[Expression]:
    if isinstance(part, tuple):
        for item in part:
            yield from _expressions(item)
    elif isinstance(part, Struct):
        yield part  # type: ignore[misc]  # every struct inside of an expression is one


def nodes_of(policy: Policy) -> Iterator[tuple[Expression, int]]:
    """All expressions of the clauses of `policy`, each with its depth from 1. No recursion: nothing bounds it yet."""
    stack = [(clause.condition, 1) for clause in reversed(policy.clauses)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        stack.extend([(child, depth + 1) for child in children(node)])
