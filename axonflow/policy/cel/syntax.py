"""The syntax tree of a CEL expression. `offset` is in characters from the start of the expression."""

from __future__ import annotations

from msgspec import Struct

__all__ = [
    "Binary",
    "Call",
    "Conditional",
    "Constant",
    "ConstantValue",
    "Has",
    "Index",
    "ListLiteral",
    "Logical",
    "Macro",
    "MapLiteral",
    "Name",
    "Node",
    "Select",
    "Unary",
]

ConstantValue = None | bool | int | float | str | bytes


class Constant(Struct, frozen=True):
    """A literal. `slot` counts the literals of the expression in the order of its text; None for true, false and null,
    and for what is in no text."""

    offset: int
    value: ConstantValue
    slot: int | None = None


class Name(Struct, frozen=True):
    offset: int
    name: str


class Select(Struct, frozen=True):
    """``operand.field``"""

    offset: int
    operand: Node
    field: str


class Has(Struct, frozen=True):
    """``has(operand.field)``"""

    offset: int
    operand: Node
    field: str


class Index(Struct, frozen=True):
    """``operand[key]``"""

    offset: int
    operand: Node
    key: Node


class Unary(Struct, frozen=True):
    """``!operand`` or ``-operand``"""

    offset: int
    operator: str
    operand: Node


class Binary(Struct, frozen=True):
    """Relations (``== != < <= > >= in``) and arithmetic (``+ - * / %``)."""

    offset: int
    operator: str
    left: Node
    right: Node


class Logical(Struct, frozen=True):
    """``a && b && c`` or ``a || b || c``, flat: a long chain is wide, not deep."""

    offset: int
    operator: str
    operands: tuple[Node, ...]


class Conditional(Struct, frozen=True):
    """``test ? then : otherwise``"""

    offset: int
    test: Node
    then: Node
    otherwise: Node


class Call(Struct, frozen=True):
    """``function(arguments)`` or, with a target, ``target.function(arguments)``"""

    offset: int
    function: str
    target: Node | None
    arguments: tuple[Node, ...]


class Macro(Struct, frozen=True):
    """``target.macro(variable, ...)``: a bounded loop over `target`. `condition` is the third argument of ``map``'s
    long form, else None."""

    offset: int
    macro: str
    target: Node
    variable: str
    condition: Node | None
    body: Node


class ListLiteral(Struct, frozen=True):
    offset: int
    items: tuple[Node, ...]


class MapLiteral(Struct, frozen=True):
    offset: int
    entries: tuple[tuple[Node, Node], ...]


Node = (
    Constant
    | Name
    | Select
    | Has
    | Index
    | Unary
    | Binary
    | Logical
    | Conditional
    | Call
    | Macro
    | ListLiteral
    | MapLiteral
)
