"""How rules are looked up, which are tried for every request of an action, and what their conditions cost at worst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from axonflow.policy.cel.compiler import Shape
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.request import ACTIONS

__all__ = ["IndexReport", "LookUp", "RuleCost", "Tried", "index_report"]

How = Literal["equality", "prefix", "network", "tried", "matching"]
_MAX_STEPS: Final = 2**53


class LookUp(Struct, frozen=True):
    """So many rules are found by a look-up of this kind at `path`: ``equality``, ``prefix``, ``network``. Those that
    nothing narrows are ``tried`` for every request of their actions, or ``matching`` it whatever it says."""

    how: How
    path: str
    rules: int


class RuleCost(Struct, frozen=True):
    """How one rule is found, and the steps that its condition takes at most for a request as large as can be."""

    rule: str
    how: How
    path: str
    worst_steps: int


class Tried(Struct, frozen=True):
    """So many rules are tried for every request of `action`; ``*`` is any that no rule names."""

    action: str
    rules: int


class IndexReport(Struct, frozen=True):
    """`rules` are all, the dearest first; `tried` are lists of an action, the longest first."""

    lookups: tuple[LookUp, ...] = ()
    tried: tuple[Tried, ...] = ()
    rules: tuple[RuleCost, ...] = ()


def index_report(rules: Iterable[CompiledRule]) -> IndexReport:
    """How the enforced `rules` of an engine are found, and what they cost."""
    known: dict[Shape, int] = {}
    costs: list[RuleCost] = []
    tried: Counter[str] = Counter()
    anywhere = 0
    for rule in rules:
        shape = rule.condition.shape
        steps = known.get(shape)
        if steps is None:
            steps = known[shape] = round(min(shape.worst_steps, _MAX_STEPS))
        how, path = _lookup(rule)
        costs.append(RuleCost(rule.id, how, path, steps))
        if how == "tried":
            if rule.actions is None:
                anywhere += 1
            else:
                tried.update(rule.actions)
    counts = Counter((cost.how, cost.path) for cost in costs)
    lists = {action: tried[action] + anywhere for action in {*ACTIONS, *tried}} | {"*": anywhere}
    return IndexReport(
        tuple(LookUp(how, path, count) for (how, path), count in sorted(counts.items(), key=lambda one: -one[1])),
        tuple(
            Tried(action, count) for action, count in sorted(lists.items(), key=lambda one: (-one[1], one[0])) if count
        ),
        tuple(sorted(costs, key=lambda cost: (-cost.worst_steps, cost.rule))),
    )


def _lookup(rule: CompiledRule) -> tuple[How, str]:
    if rule.filed is not None:
        return "equality", rule.filed[0]
    if rule.range is not None:
        return "network" if rule.range.is_network else "prefix", rule.range.path
    return ("tried" if rule.is_tried else "matching"), ""
