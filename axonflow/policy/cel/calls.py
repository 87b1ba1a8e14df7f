"""Python source for a call, by what is known of its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from axonflow.policy.cel.library import Function, flat
from axonflow.policy.cel.scope import Emitted
from axonflow.policy.cel.syntax import Constant, ListLiteral, Name, Node, Select

__all__ = ["Given", "called", "dotted_name", "flat_kind", "string_literals"]

_FIXED_SIZE: Final = frozenset(
    {"bool", "int", "uint", "double", "timestamp", "duration", "type", "ip", "cidr", "semver"}
)
_LISTS: Final = {"strings": "list", "findings": "list"}


class Given(Struct, frozen=True):
    """An argument: source and flat kind of its value, whether that is a literal's, and whether what a row prepares of
    it is made already."""

    source: str
    kind: str
    is_literal: bool = False
    is_prepared: bool = False


def flat_kind(kind: str) -> str:
    """What the library calls a kind of the emitter's."""
    return _LISTS.get(kind, kind)


def called(rows: Sequence[Function], arguments: Sequence[Given], *, in_loop: bool) -> Emitted:
    """The call that any of `rows` may be meant by, of which the last one's template does for all."""
    row = rows[-1]
    sources = [_argument(rows, position, given, in_loop=in_loop) for position, given in enumerate(arguments)]
    source = row.template.replace("{*}", ", ".join(sources)) if row.variadic else row.template.format(*sources)
    if in_loop and row.grows in {"product", "count"}:
        source = f"charged(evaluation, {source})"
    results = {"strings" if one.result == "list(string)" else flat(one.result) for one in rows}
    return Emitted(f"({source})", results.pop() if len(results) == 1 else "dyn")


def _argument(rows: Sequence[Function], position: int, given: Given, *, in_loop: bool) -> str:
    """Looked at when evaluated where only then its kind is known; paid for in a loop if it is read as a whole."""
    source = given.source
    kinds = {flat(row.parameter(position)) for row in rows}
    if given.kind == "dyn" and len(kinds) == 1 and "dyn" not in kinds:
        source = f"as_{next(iter(kinds))}({source})"
    if in_loop and rows[-1].cost != "constant" and not given.is_literal and not {*kinds, given.kind} & _FIXED_SIZE:
        source = f"{'charged_dear' if rows[-1].cost == 'slow' else 'charged'}(evaluation, {source})"
    maker = dict(rows[-1].prepares).get(position)
    return source if maker is None or given.is_prepared else f"{maker}({source})"


def dotted_name(node: Select) -> str:
    """``google.protobuf.Duration`` or ``net.IP`` of such a selection; what is named otherwise is no name of a type."""
    middle = node.operand
    if isinstance(middle, Select) and isinstance(middle.operand, Name):
        return f"{middle.operand.name}.{middle.field}.{node.field}"
    return f"{middle.name}.{node.field}" if isinstance(middle, Name) else ""


def string_literals(node: Node) -> frozenset[str] | None:
    if not isinstance(node, ListLiteral):
        return None
    values = [item.value for item in node.items if isinstance(item, Constant)]
    strings = [value for value in values if isinstance(value, str)]
    return frozenset(strings) if len(strings) == len(node.items) else None
