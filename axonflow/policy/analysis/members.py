"""Lists: what they may hold that makes a difference, and which of them are needed.

Of n questions about the members of a list any combination may hold, so all lists are too many soon. For one formula
few do, and which those are is known from what in it wants a member.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import product
from math import prod
from typing import Any, Final

from axonflow.policy.analysis.formulas import NO, Atom, Formula, Hint, Literal, literals_in
from axonflow.policy.analysis.places import unpacked
from axonflow.policy.analysis.values import MAX_VALUES, members_unlike, unlike
from axonflow.policy.analysis.worlds import World
from axonflow.policy.deciding.matching import LIST_FIELDS

__all__ = ["LISTED", "Lists", "Wanted", "asked", "lists_for", "members_of", "wanted_in"]

LISTED: Final = frozenset({"filter", "member"})
"""Kinds of questions that a list answers by its members."""
_MAX_LISTS: Final = 5_000

Lists = Sequence[tuple[Any, ...]]
Wanted = tuple[Literal, ...]
"""What wants a member of a list."""


def wanted_in(formula: Formula) -> dict[str, Wanted]:
    """By variable, what in `formula` wants a member of a list. Where a list satisfies `formula`, one with a member for
    each of these does: with fewer less is found among them, and it is still true that all are what is wanted."""
    wanted: dict[str, dict[Hashable, Literal]] = {}
    for literal in literals_in(formula):
        for hint in literal.atom.hints:
            if hint.kind in LISTED and _wants_member(literal):
                wanted.setdefault(hint.variable, {})[literal.atom.key, literal.accepts] = literal
    return {variable: tuple(literals.values()) for variable, literals in wanted.items()}


def _wants_member(literal: Literal) -> bool:
    """Whether the answer may be lost with a member. What loosens asks for all of them, but of roles and groups; all
    else for any."""
    key = literal.atom.key
    asks_for_all = isinstance(key, tuple) and key[0] == "filter" and bool(key[2]) and key[1] not in LIST_FIELDS
    return asks_for_all or not literal.accepts & NO


def asked(literal: Literal) -> tuple[Hashable, int]:
    """What `literal` asks, and which answers do."""
    return literal.atom.key, literal.accepts


def lists_for(wanted: Wanted, variable: str, atoms: Sequence[Atom], world: World) -> Lists | None:
    """Lists of each member alone, and of one for each, or for some, of what is `wanted`; None where they are too
    many."""
    hints = list(dict.fromkeys(hint for atom in atoms for hint in atom.hints))
    members = members_of(variable, atoms, hints, world)
    wrap = _wrap_of(variable)
    choices: list[list[int | None]] = [[None] for _ in wanted]
    for number, member in enumerate(members):
        request = world.with_value(variable, wrap(member))
        for literal, fitting in zip(wanted, choices, strict=True):
            if request is not None and world.answer(literal.atom, request) & literal.accepts:
                fitting.append(number)
    if prod(map(len, choices)) > _MAX_LISTS or len(members) > MAX_VALUES:
        return None
    chosen = dict.fromkeys(frozenset([one for one in numbers if one is not None]) for numbers in product(*choices))
    several = [tuple([members[number] for number in sorted(numbers)]) for numbers in chosen if len(numbers) > 1]
    return [*((member,) for member in members), *several]


def _wrap_of(variable: str) -> Callable[[Any], Any]:
    return (lambda one: (one,)) if unpacked(variable)[2] else (lambda one: [one])


def members_of(variable: str, atoms: Sequence[Atom], hints: Sequence[Hint], world: World) -> list[Any]:
    """What a list may hold that differs, as its only member, in the answers to `atoms`."""
    wrap = _wrap_of(variable)
    found: dict[tuple[int, ...], Any] = {}
    for member in unlike(hints) if unpacked(variable)[2] else members_unlike(hints):
        request = world.with_value(variable, wrap(member))
        if request is not None:
            found.setdefault(tuple([world.answer(atom, request) for atom in atoms]), member)
            if len(found) > MAX_VALUES:
                break  # not all values are tried then, whatever the rest is
    return list(found.values())
