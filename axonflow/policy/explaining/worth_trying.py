"""Edits of one variable that differ in what the rules ask about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from axonflow.policy.analysis.domains import Domain, domain_of
from axonflow.policy.analysis.formulas import Atom, Hint
from axonflow.policy.analysis.places import unpacked
from axonflow.policy.analysis.worlds import ABSENT, World, is_same
from axonflow.policy.explaining.edits import Changeable, Edit, as_json, names_to
from axonflow.policy.explaining.listed import MAX_DROPPED, list_edits
from axonflow.policy.request import Request

__all__ = ["WorthTrying", "held_at"]

MAX_EDITS: Final = 48
"""Of one variable."""
MAX_ACTION_CHARS: Final = 64
_LITERAL_KINDS: Final = frozenset({"equal", "filter", "member", "order", "other"})
_MEMBER_KINDS: Final = frozenset({"filter", "member", "present"})
_MEMBERSHIPS: Final = frozenset({"principal.roles", "principal.groups"})
_ALWAYS_THERE: Final = frozenset(
    {"principal.id", "principal.type", "principal.tenant", "resource.type", "resource.id", "time"}
)
"""A request without a time is made now, which is a time like others."""


class WorthTrying:
    """Edits of `request`, of what is `changeable`."""

    def __init__(self, request: Request, world: World, changeable: Changeable) -> None:
        self._request = request
        self._world = world
        self._changeable = changeable

    def edits(self, variable: str, atoms: Sequence[Atom]) -> tuple[list[Edit], str]:
        """Those of `variable`, about which `atoms` ask; and what else there may be, or nothing."""
        one = _Asked(variable, atoms, self._request, self._world)
        found = [edit for edit in one.edits() if self._changeable.allows(edit.path)]
        return _bounded(variable, found, is_all=one.is_exact and self._changeable.allows(variable))

    def actions(self, known: Iterable[str]) -> tuple[list[Edit], str]:
        """The same of the action: one that is not `known` is never allowed. Those first that are written alike."""
        own = self._request.action[:MAX_ACTION_CHARS]
        likeness = {one: SequenceMatcher(None, one[:MAX_ACTION_CHARS], own).ratio() for one in known}
        likeness.pop(self._request.action, None)
        found = [Edit("set", "action", (), one) for one in sorted(likeness, key=lambda one: (-likeness[one], one))]
        return _bounded("action", found, is_all=True)


def _bounded(variable: str, found: list[Edit], *, is_all: bool) -> tuple[list[Edit], str]:
    return found[:MAX_EDITS], "" if is_all and len(found) <= MAX_EDITS else f"other values of {variable}"


class _Asked:
    """One variable, with all that is asked about it."""

    def __init__(self, variable: str, atoms: Sequence[Atom], request: Request, world: World) -> None:
        self._variable = variable
        self._alone = [atom for atom in atoms if atom.variable == variable]
        self._hints: list[Hint] = [hint for atom in atoms for hint in atom.hints if hint.variable == variable]
        self._world = world
        self._held = _read(request, variable)
        self._domain: Domain = domain_of(variable, self._alone, world)
        self._beside = list(dict.fromkeys(_values_beside(variable, atoms, request)))
        self._is_alone = len(self._alone) == len(atoms)

    @property
    def is_exact(self) -> bool:
        """Whether no other value would make a difference."""
        if any(hint.inside for hint in self._hints) or not self._is_alone or not self._domain.is_exact:
            return False
        is_list = isinstance(self._held, (list, tuple))
        if is_list and len(self._held) > MAX_DROPPED:
            return False
        is_list = is_list or self._variable in _MEMBERSHIPS
        return not is_list or all(hint.kind in _MEMBER_KINDS for hint in self._hints)

    def edits(self) -> Iterator[Edit]:
        """All edits, those first that a person would think of."""
        values = self._domain.values
        named = [value for hint in self._hints for value in hint.values]
        is_list = self._variable in _MEMBERSHIPS or isinstance(self._held, (list, tuple))
        if is_list:
            yield from list_edits(self._variable, self._held or (), values, named)
            yield from (Edit("add", self._variable, (), value, like=path) for value, path in self._beside)
        if self._variable in _MEMBERSHIPS:
            return
        insides = list(dict.fromkeys(hint.inside for hint in self._hints))
        if any(insides):
            yield from _inside(self._variable, filter(None, insides), self._held, values, named)
        else:
            yield from self._whole(values)
        for value, path in () if is_list else self._beside:
            yield from (Edit("set", self._variable, inside, value, like=path) for inside in insides)

    def _whole(self, values: Iterable[Any]) -> Iterator[Edit]:
        literals = [value for hint in self._hints if hint.kind in _LITERAL_KINDS for value in hint.values]
        current, absent = self._cell(self._held), self._cell(ABSENT)
        leaves_out = self._held is not ABSENT and self._variable not in _ALWAYS_THERE
        for value in values:
            cell = self._cell(value)
            if self._is_alone and cell == current:
                continue
            is_named = any(is_same(value, literal) for literal in literals)
            if value is ABSENT or (leaves_out and self._is_alone and cell == absent and not is_named):
                # to leave it out is plainer than to make something up
                yield from [Edit("remove", self._variable)] if leaves_out else []
            else:
                yield Edit("set", self._variable, (), value, example=not is_named)

    def _cell(self, value: Any) -> tuple[int, ...] | None:
        """The answers to what is asked about nothing else; None when no request has this value."""
        request = self._world.with_value(self._variable, value)
        return None if request is None else tuple([self._world.answer(atom, request) for atom in self._alone])


def _inside(
    variable: str, insides: Iterable[tuple[str, ...]], held: Any, values: Iterable[Any], named: Sequence[Any]
) -> Iterator[Edit]:
    """Edits of what a record holds, so that all else of it stays."""
    every = list(values)
    for inside in insides:
        names = names_to(variable, inside)
        present = _reached(held, names)
        known: list[Any] = [present]
        for value in every:
            found = _reached(value, names)
            if found is not ABSENT and not any(is_same(found, one) for one in known):
                known.append(found)
                yield Edit("set", variable, inside, found, example=not any(is_same(found, one) for one in named))
        if present is not ABSENT:
            yield Edit("remove", variable, inside)


def _reached(value: Any, names: Iterable[str]) -> Any:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def held_at(request: Request, edit: Edit) -> Any:
    """What `request` has where `edit` is made, in JSON's types; ABSENT for nothing."""
    return _reached(_read(request, edit.variable), names_to(edit.variable, edit.inside))


def _values_beside(variable: str, atoms: Iterable[Atom], request: Request) -> Iterator[tuple[Any, str]]:
    """What `variable` is compared with: the values of others, as they are, and where these stand."""
    for atom in atoms:
        for hint in atom.hints:
            if hint.variable == variable:
                continue
            value = _reached(_read(request, hint.variable), names_to(hint.variable, hint.inside))
            if isinstance(value, (str, int, float)):
                yield value, ".".join((hint.variable, *hint.inside))


def _read(request: Request, variable: str) -> Any:
    """What `request` has there, in JSON's types; ABSENT for nothing."""
    root, name, declared = unpacked(variable)
    if root == "context":
        return request.context.get(name, ABSENT)
    held: Any = getattr(request, root)
    if name and not declared:
        return held.attributes.get(name, ABSENT)
    value = getattr(held, name) if name else held
    return ABSENT if value is None else as_json(value)
