"""The types of what is read from a value: a field, an element."""

from __future__ import annotations

from axonflow.errors import ExpressionError
from axonflow.policy.cel.scope import FIELDS, RECORDS
from axonflow.policy.cel.syntax import Constant, Index, OptionalIndex
from axonflow.policy.cel.types import DYN, KEYS, NUMBERS, STRING, Type, optional_of

__all__ = ["declared_element", "element_type", "field_type"]


def field_type(operand: Type, field: str, offset: int) -> Type:
    """The type of ``operand.field``; an optional of it where the operand is one. Raises ExpressionError."""
    if operand.name == "optional":
        return optional_of(field_type(operand.item, field, offset))
    if operand.name in FIELDS:
        return _record_field(operand, field, offset)
    if operand.name == "map":
        return operand.field(field) or operand.parameters[1]
    if operand == DYN:
        return DYN
    raise ExpressionError(f"{operand} has no fields", offset, found=f"'.{field[:64]}'")


def _record_field(record: Type, field: str, offset: int) -> Type:
    declared = FIELDS[record.name].get(field)
    if declared is not None:
        if declared.kind == record.name:
            return record
        return Type("map", (STRING, DYN), record.fields) if field == "attributes" else declared.type
    if record.name in RECORDS:
        return record.field(field) or DYN
    raise ExpressionError(
        f"unknown field of a {record}", offset, expected=", ".join(FIELDS[record.name]), found=f"'{field[:64]}'"
    )


def element_type(operand: Type, key: Type, node: Index | OptionalIndex) -> Type:
    """The type of ``operand[key]``, likewise."""
    if operand.name == "optional":
        return optional_of(element_type(operand.item, key, node))
    if operand.name == "list":
        if key not in NUMBERS and key != DYN:
            raise ExpressionError("wrong kind for []", node.key.offset, expected="int", found=str(key))
        return operand.item
    if operand.name == "map":
        if key not in KEYS | NUMBERS:
            raise ExpressionError("wrong kind for []", node.key.offset, expected="a key of a map", found=str(key))
        return declared_element(operand, node) or operand.parameters[1]
    if operand == DYN:
        return DYN
    raise ExpressionError(f"{operand} has no elements", node.offset, expected="a list or a map before [")


def declared_element(operand: Type, node: Index | OptionalIndex) -> Type | None:
    """The declared type of ``context["risk"]``, as of ``context.risk``."""
    key = node.key
    return operand.field(key.value) if isinstance(key, Constant) and isinstance(key.value, str) else None
