"""The syntax tree of a CEL expression. `offset` is in characters from the start of the expression."""

from __future__ import annotations

from msgspec import Struct

__all__ = [
    "Binary",
    "Bind",
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
    "Maybe",
    "Name",
    "Node",
    "OptionalIndex",
    "OptionalSelect",
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
    """A name; one with a leading dot is meant from outside any container and is never a variable."""

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


class OptionalSelect(Struct, frozen=True):
    """``operand.?field``: an optional, none where there is no such field."""

    offset: int
    operand: Node
    field: str


class OptionalIndex(Struct, frozen=True):
    """``operand[?key]``"""

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
    """``target.macro(variables, ...)``: a bounded loop over `target`, or a look into an optional. `condition` is what
    stands between the variables and `body`, such as the second of three arguments of ``map``, else None."""

    offset: int
    macro: str
    target: Node
    variables: tuple[str, ...]
    condition: Node | None
    body: Node


class Bind(Struct, frozen=True):
    """``cel.bind(name, value, body)``: each value sees the names before it."""

    offset: int
    values: tuple[tuple[str, Node], ...]
    body: Node


class Maybe(Struct, frozen=True):
    """``?operand`` in a list or as a map's value: an element if the optional has a value, else none at all."""

    offset: int
    operand: Node


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
    | OptionalSelect
    | OptionalIndex
    | Unary
    | Binary
    | Logical
    | Conditional
    | Call
    | Macro
    | Bind
    | Maybe
    | ListLiteral
    | MapLiteral
)
