"""Values with further values in them: attributes that are maps, and the principal that somebody acts for.

What stands under one name is reduced to the values that differ in their answers before it is combined with what
stands under another: questions about one do not depend on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from axonflow.policy.analysis.formulas import Atom, Hint
from axonflow.policy.analysis.values import json_values, names, text_values, unlike
from axonflow.policy.analysis.worlds import ABSENT, World
from axonflow.policy.cel.scope import FIELDS

__all__ = ["Looking", "values_of_record"]

_MAX_COMPARED: Final = 4

Wrap = Callable[[Any], Any]


class Looking(Struct, frozen=True):
    """The variable whose values are sought, and the atoms about it."""

    variable: str
    atoms: tuple[Atom, ...]
    world: World

    def differing(self, values: Iterable[Any], wrap: Wrap) -> list[Any]:
        """Those of `values` that, each as `wrap` puts it into the variable, differ in their answers."""
        found: dict[tuple[int, ...], Any] = {}
        for value in values:
            request = self.world.with_value(self.variable, wrap(value))
            if request is not None:
                found.setdefault(tuple([self.world.answer(atom, request) for atom in self.atoms]), value)
        return list(found.values())


def values_of_record(looking: Looking, hints: Sequence[Hint], *, is_principal: bool) -> Iterator[Any]:
    """Values of a variable of which some `hints` ask for what is inside."""
    yield from _values(looking, hints, lambda value: value, is_principal=is_principal)


def _values(looking: Looking, hints: Sequence[Hint], wrap: Wrap, *, is_principal: bool) -> Iterator[Any]:
    own = [hint for hint in hints if not hint.inside]
    if is_principal:
        yield ABSENT
    else:
        yield from json_values(own, unlike(own))
    inner: dict[str, list[Hint]] = {}
    for hint in hints:
        if hint.inside:
            inner.setdefault(hint.inside[0], []).append(replace(hint, inside=hint.inside[1:]))
        elif hint.kind == "member":  # of a map: a name in it
            for name in hint.values:
                if name.__class__ is str:
                    inner.setdefault(name, []).append(replace(hint, kind="present", values=()))
    # What compares two of them tells nothing of one alone, so there some values are kept that it does not tell apart.
    kept = _MAX_COMPARED if len(inner) > 1 and any(hint.kind == "other" for hint in hints) else 0
    choices = []
    for name, below in inner.items():
        wrapped = _putting(name, wrap, is_principal)
        values = list(_under(looking, name, below, wrapped, is_principal=is_principal))
        choices.append([*looking.differing(values, wrapped), *values[:kept]])
    for chosen in product(*choices):
        yield _record(dict(zip(inner, chosen, strict=True)), is_principal=is_principal)


def _putting(name: str, wrap: Wrap, is_principal: bool) -> Wrap:  # noqa: FBT001  of what kind of record it is
    return lambda value: wrap(_record({name: value}, is_principal=is_principal))


def _record(values: dict[str, Any], *, is_principal: bool) -> dict[str, Any]:
    """The map, or the principal as an object, in which names have these values."""
    given = {name: value for name, value in values.items() if value is not ABSENT}
    if not is_principal:
        return given
    declared = {name: value for name, value in given.items() if name in FIELDS["principal"] and name != "attributes"}
    attributes = {name: value for name, value in given.items() if name not in FIELDS["principal"]}
    held = given.get("attributes")
    return {"id": "somebody", "attributes": {**(held if isinstance(held, dict) else {}), **attributes}, **declared}


def _under(looking: Looking, name: str, hints: list[Hint], wrap: Wrap, *, is_principal: bool) -> Iterator[Any]:
    """Values of what stands under `name`."""
    if is_principal and name == "on_behalf_of":
        return _values(looking, hints, wrap, is_principal=True)
    if any(hint.inside for hint in hints):
        return _values(looking, hints, wrap, is_principal=False)
    if is_principal and name in {"roles", "groups"}:
        return names(hints, unlike(hints))
    if is_principal and name in FIELDS["principal"]:
        return iter(("user", "agent", "service")) if name == "type" else text_values(hints)
    return json_values(hints, unlike(hints))
