"""Which rules can match a request at all: per action, one hash look-up for each field that rules select by.

Each rule is filed under one equality of its own, the rarest among all rules for the action. Rules without one stand in
a short list that is always tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from axonflow.policy.matching import reader
from axonflow.policy.request import ACTIONS, Request
from axonflow.policy.rules import CompiledRule

__all__ = ["LONG_ALWAYS_LIST", "ActionIndex", "build_index"]

LONG_ALWAYS_LIST: Final = 32
"""More rules than this that no look-up can narrow are worth a warning."""

Reader = Callable[[Request], Any]
Table = dict[str, tuple[CompiledRule, ...]]

_DIRECT: Final[dict[str, Reader]] = {
    "principal.id": lambda request: request.principal.id,
    "principal.type": lambda request: request.principal.type,
    "principal.tenant": lambda request: request.principal.tenant,
    "principal.roles": lambda request: request.principal.roles,
    "principal.groups": lambda request: request.principal.groups,
    "resource.id": lambda request: request.resource.id,
    "resource.type": lambda request: request.resource.type,
}


class ActionIndex:
    """The rules for one action. `inspects`: whether a rule among them needs an Evaluation."""

    __slots__ = ("always", "inspects", "probes")

    def __init__(
        self, always: tuple[CompiledRule, ...], probes: tuple[tuple[Reader, Table], ...], *, inspects: bool
    ) -> None:
        self.always = always
        self.probes = probes
        self.inspects = inspects

    def candidates(self, request: Request) -> Sequence[CompiledRule]:
        """The rules that may match `request`, each once."""
        found: Sequence[CompiledRule] = self.always
        for read, table in self.probes:
            value = read(request)
            if value.__class__ is str:
                rules = table.get(value)
            elif isinstance(value, (tuple, list)):
                rules = _by_members(value, table)
            else:
                continue
            if rules:
                found = (*found, *rules) if found else rules
        return found


def _by_members(values: Iterable[Any], table: Table) -> tuple[CompiledRule, ...]:
    """Rules filed under any of `values`; a rule that names two of them is found twice and taken once."""
    found: dict[int, CompiledRule] = {}
    for value in values:
        if value.__class__ is str:
            for rule in table.get(value, ()):
                found[id(rule)] = rule
    return tuple(found.values())


def build_index(rules: Iterable[CompiledRule]) -> tuple[dict[str, ActionIndex], ActionIndex]:
    """An index for every known action, and one of the rules that name no action, for actions nobody knows."""
    rules = tuple(rules)
    anywhere = tuple(rule for rule in rules if rule.actions is None)
    by_action: dict[str, list[CompiledRule]] = {action: list(anywhere) for action in ACTIONS}
    for rule in rules:
        for action in rule.actions or ():
            by_action.setdefault(action, list(anywhere)).append(rule)
    return {action: _action_index(members) for action, members in by_action.items()}, _action_index(anywhere)


def _action_index(rules: Iterable[CompiledRule]) -> ActionIndex:
    rules = tuple(rules)
    uses: Counter[tuple[str, str]] = Counter()
    for rule in rules:
        uses.update((path, literal) for path, literals in rule.keys.items() for literal in literals)
    always: list[CompiledRule] = []
    tables: dict[str, dict[str, list[CompiledRule]]] = {}
    for rule in rules:
        if not rule.keys:
            always.append(rule)
            continue
        path = min(rule.keys, key=lambda path: (max(uses[path, literal] for literal in rule.keys[path]), path))
        for literal in rule.keys[path]:
            tables.setdefault(path, {}).setdefault(literal, []).append(rule)
    probes = tuple(
        (_DIRECT.get(path) or reader(path), {literal: tuple(filed) for literal, filed in table.items()})
        for path, table in sorted(tables.items())
    )
    return ActionIndex(tuple(always), probes, inspects=any(rule.inspects for rule in rules))
