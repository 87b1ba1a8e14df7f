"""Python source for a call, by what is known of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.functions import IMPLEMENTATIONS
from axonflow.policy.cel.functions.limits import PREPARED_STEPS
from axonflow.policy.cel.library import Function, flat
from axonflow.policy.cel.operators import Emitted
from axonflow.policy.cel.types import DYN, Type
from axonflow.policy.cel.values import CelError

__all__ = ["Given", "call", "looked_at", "prepared"]

_FIXED_SIZE: Final = frozenset(
    {"bool", "int", "uint", "double", "timestamp", "duration", "type", "ip", "cidr", "semver", "optional"}
)
_TEXTS: Final = frozenset({"string", "bytes"})


class Given(Struct, frozen=True):
    """An argument: source and type of its value, whether that is a literal's, and whether what a row prepares of it is
    made already."""

    source: str
    type: Type
    is_literal: bool = False
    is_prepared: bool = False


def looked_at(emitted: Emitted | Given, kind: str) -> str:
    """Source of a value of `kind`, looked at when evaluated where only then its kind is known."""
    return f"as_{kind}({emitted.source})" if emitted.type == DYN and kind != "dyn" else emitted.source


def call(rows: Sequence[Function], arguments: Sequence[Given], *, in_loop: bool) -> str:
    """The call that any of `rows` may be meant by, of which the last one's template does for all."""
    row = rows[-1]
    sources = [_argument(rows, position, given, in_loop=in_loop) for position, given in enumerate(arguments)]
    source = row.template.replace("{*}", ", ".join(sources)) if row.variadic else row.template.format(*sources)
    if in_loop and row.grows not in {"scalar", "held"}:
        results = {flat(one.result) for one in rows}
        source = f"{'built' if results <= _TEXTS else 'charged'}(evaluation, {source})"
    return f"({source})"


def _argument(rows: Sequence[Function], position: int, given: Given, *, in_loop: bool) -> str:
    """Looked at where all rows agree on the kind; paid for in a loop if it is read as a whole."""
    kinds = {flat(row.parameter(position)) for row in rows}
    source = looked_at(given, kinds.pop()) if len(kinds) == 1 else given.source
    small = given.is_literal or not _FIXED_SIZE.isdisjoint({*kinds, given.type.name})
    if in_loop and rows[-1].cost != "constant" and not small:
        source = f"{'charged_slowly' if rows[-1].cost == 'slow' else 'charged'}(evaluation, {source})"
    maker = dict(rows[-1].prepares).get(position)
    if maker is None or given.is_prepared:
        return source
    steps = PREPARED_STEPS.get(maker)
    return f"{maker}({source})" if steps is None else f"{maker}(paid_for_each(evaluation, {steps}, {source}))"


def prepared(maker: str, *, is_list: bool) -> Callable[..., Any]:
    """What `maker` makes of a literal, or of a list of literals. Raises ValueError."""
    make = IMPLEMENTATIONS[maker]

    def of(*values: Any) -> Any:
        try:
            return make(list(values) if is_list else values[0])
        except CelError as error:
            raise ValueError(str(error)) from None

    return of
