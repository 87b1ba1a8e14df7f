"""Python source for operators, by what is known of their operands."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from axonflow.policy.cel.bindings import Bindings
from axonflow.policy.cel.types import BYTES, DURATION, DYN, NULL, NUMBERS, STRING, TIMESTAMP, TYPE, Type

__all__ = ["ARITHMETIC", "Emitted", "Emitting", "arithmetic", "element", "equality", "membership", "of_class", "order"]


class Emitted(Struct, frozen=True):
    """Python source of an expression and the type of its value."""

    source: str
    type: Type


class Emitting(Struct, frozen=True):
    """Where source is emitted: for which form, and whether in a loop, where all that is read is paid for."""

    bindings: Bindings
    careful: bool
    in_loop: bool


ARITHMETIC: Final = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}
_ORDER: Final = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
_ALIKE: Final = frozenset({BYTES, TIMESTAMP, DURATION, TYPE, STRING})
"""Types whose values Python compares as CEL does."""
_CLASSES: Final = {"int": "int_class", "string": "str_class", "bool": "bool_class"}
_SCALARS: Final = frozenset({"null", "bool", "int", "uint", "double", "string", "timestamp", "duration", "type"})


def equality(left: Emitted, right: Emitted, where: Emitting) -> str:
    """A Python string equals nothing but the same string, so CEL's equality is Python's there, and so on."""
    kinds = {left.type, right.type}
    if NULL in kinds:
        return f"({left.source} is {right.source})"
    if STRING in kinds or kinds <= NUMBERS or (len(kinds) == 1 and left.type in _ALIKE):
        return f"({left.source} == {right.source})"
    if not where.careful and DYN in kinds and kinds & NUMBERS:
        return _equal_numbers(*((left, right) if left.type == DYN else (right, left)), where)
    if where.in_loop and not any(kind.name in _SCALARS for kind in kinds):
        return f"equal_paid(evaluation, {left.source}, {right.source})"
    return f"equal({left.source}, {right.source})"


def _equal_numbers(unknown: Emitted, number: Emitted, where: Emitting) -> str:
    name = where.bindings.temporary()
    test = f"{name} == {number.source}"
    return f"({test} if ({name} := {unknown.source}).__class__ is int_class else equal({name}, {number.source}))"


def order(operator: str, left: Emitted, right: Emitted, where: Emitting) -> str:
    kinds = {left.type, right.type}
    if kinds <= NUMBERS or (len(kinds) == 1 and left.type in _ALIKE):
        return f"({left.source} {operator} {right.source})"
    if not where.careful and DYN in kinds and kinds & NUMBERS:
        return f"({as_number(left, where)} {operator} {as_number(right, where)})"
    return f"{_ORDER[operator]}({left.source}, {right.source})"


def as_number(emitted: Emitted, where: Emitting) -> str:
    """An inline check for the commonest kind; a call of as_number only for the rest (bool is not int in CEL)."""
    if emitted.type in NUMBERS:
        return emitted.source
    return of_class(emitted.source, "int", "as_number", where)


def of_class(source: str, kind: str, otherwise: str, where: Emitting) -> str:
    """`source` if it is of the class of `kind`, else what ``otherwise(source)`` makes of it."""
    if where.careful or kind not in _CLASSES:
        return f"{otherwise}({source})"
    name = where.bindings.temporary()
    return f"({name} if ({name} := {source}).__class__ is {_CLASSES[kind]} else {otherwise}({name}))"


def arithmetic(operator: str, left: Emitted, right: Emitted, where: Emitting) -> str:
    if operator == "+" and where.in_loop and not {left.type, right.type} & NUMBERS:
        return f"built(evaluation, add({left.source}, {right.source}))"
    return f"{ARITHMETIC[operator]}({left.source}, {right.source})"


def membership(item: Emitted, container: Emitted, where: Emitting) -> str:
    """Where the item is a string, or numbers meet numbers, Python's ``in`` is CEL's."""
    over = container.type
    if over.name == "map" and item.type == STRING:
        return f"({item.source} in {container.source})"
    if over.name == "list" and (item.type == STRING or (item.type in NUMBERS and over.item in NUMBERS)):
        ranged = f"items_paid(evaluation, {container.source})" if where.in_loop else container.source
        return f"({item.source} in {ranged})"
    if where.in_loop:
        return f"contains_paid(evaluation, {container.source}, {item.source})"
    return f"contains({container.source}, {item.source})"


def element(operand: Emitted, key: Emitted, where: Emitting) -> str:
    """``operand[key]``. A key that is no string may have to be looked for among all keys of a map."""
    if where.in_loop and key.type != STRING and operand.type.name != "list":
        return f"index_paid(evaluation, {operand.source}, {key.source})"
    return f"index({operand.source}, {key.source})"
