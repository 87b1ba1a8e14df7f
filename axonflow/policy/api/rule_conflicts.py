"""Stored policies that meet rules of files and of published sets, where one refuses what the other lets pass.

As among policies, both have to look at the same field. What a free expression means is not decided: a request is made
for each policy and put to all that is in force, and the rules that match it too are met. It is varied by the actions
and by the literals that rules are looked up by. So what is named is so; what no such request meets is not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import astuple

from axonflow.policy.api.conditions import CONTENT_FIELDS, RESULT_FIELDS
from axonflow.policy.api.conflicts import MAX_CONFLICTS, witness_of
from axonflow.policy.api.policy import ApiPolicy, Pattern
from axonflow.policy.api.simulation import resource_type_of
from axonflow.policy.cel.syntax import Call, Has, Name, OptionalSelect, Select
from axonflow.policy.deciding.matching import filtered_paths
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Effect
from axonflow.policy.request import ACTIONS

__all__ = ["Matched", "RuleConflict", "paths_of", "rule_conflicts"]

MAX_REQUESTS: Final = 4_000
"""Each is a decision by all that is in force."""
_MAX_VARIANTS: Final = 200
_REFUSING: Final = frozenset({Effect.DENY, Effect.REQUIRE_APPROVAL})

_USUAL: Final = ("llm.request", "tool.call", "connector.query", "llm.response")

_ROOTS: Final = frozenset({"content", "context", "principal", "resource", "action"})
_PLACES: Final = {
    **dict.fromkeys((*CONTENT_FIELDS, *RESULT_FIELDS), "content"),
    **dict.fromkeys(("model", "tool", "agent", "connector", "plan"), "resource.id"),
    **dict.fromkeys(("user_id", "user_role"), "principal"),
    **dict.fromkeys(("tenant", "tenant_id"), "principal.tenant"),
    **dict.fromkeys(("client", "client_id"), "principal.id"),
}
"""Where a field of the contract is in a request of ours, where that is not where its name says."""
_LONG_FORM: Final = re.compile(r"^(principal|resource)\.attributes\.")

Matched = Callable[[dict[str, Any]], Sequence[str]]
"""The ids of the rules in force that match a request, given as ``{"query": ..., "request_type": ..., ...}``; without
those that only count as matching, because the request lacks what they look at."""


class RuleConflict(Struct, frozen=True):
    """A policy and a rule that apply to `example`, the field on which both look, and whether the rule is the one that
    refuses."""

    policy: ApiPolicy
    rule: str
    reason: str
    field: str
    rule_refuses: bool
    severity: Literal["high", "medium"]
    example: dict[str, Any]


class _Variant(NamedTuple):
    """What is put into a request so that rules are found: an action, and a literal under a name of the context."""

    action: str
    name: str = ""
    literal: str = ""


def rule_conflicts(
    policies: Sequence[ApiPolicy], rules: Iterable[CompiledRule], matched: Matched, only_of: str | None = None
) -> tuple[list[RuleConflict], bool]:
    """The conflicts of `policies`, which are in force among `rules`, with the others of these; of the policy with the
    id `only_of` if one is given; and whether all requests were tried. Both are bounded."""
    own_ids = {policy.id for policy in policies}
    by_id = {rule.id: rule for rule in rules}
    others = {name: rule for name, rule in by_id.items() if _policy_of(name) not in own_ids and _can_oppose(rule)}
    variants = list(dict.fromkeys([*map(_Variant, _USUAL), *_variants(others.values())]))
    is_all = len(variants) <= _MAX_VARIANTS
    found: dict[tuple[str, str], RuleConflict] = {}
    requests = _requests(policies, variants[:_MAX_VARIANTS], only_of) if others else iter(())
    for tried, (policy, request) in enumerate(requests):
        if tried >= MAX_REQUESTS or len(found) >= MAX_CONFLICTS:
            return list(found.values()), False
        names = matched(request)
        own = [by_id[name] for name in names if _policy_of(name) == policy.id]
        for name in names if own else ():
            if name in others and (policy.id, name) not in found:
                conflict = _conflict(policy, min(own, key=_strength), others[name], request)
                if conflict is not None:
                    found[policy.id, name] = conflict
    return list(found.values()), is_all


def _policy_of(rule_id: str) -> str | None:
    """The policy that a rule is made of, if it is."""
    parts = rule_id.split(":")
    return parts[1] if parts[0] == "api" and len(parts) > 1 else None


def _strength(rule: CompiledRule) -> int:
    return rule.strength


def _can_oppose(rule: CompiledRule) -> bool:
    return rule.effect in _REFUSING or rule.effect is Effect.ALLOW


def _requests(
    policies: Iterable[ApiPolicy], variants: Sequence[_Variant], only_of: str | None
) -> Iterator[tuple[ApiPolicy, dict[str, Any]]]:
    """One for each policy first, then more: what is left out at the bound is the least likely to be met."""
    made = [(policy, witness_of(policy)) for policy in policies if only_of in {None, policy.id}]
    for action, name, literal in variants:
        for policy, witness in made:
            if witness is not None:
                context = {name: literal, **witness["context"]} if name else witness["context"]
                yield policy, witness | {"request_type": action, "context": context}


def _variants(rules: Iterable[CompiledRule]) -> Iterator[_Variant]:
    for rule in rules:
        path, literals = rule.filed or ("", ())
        for action in sorted(ACTIONS.intersection(rule.actions or _USUAL)):
            if path == "resource.id":
                yield _Variant(action, resource_type_of(action), literals[0])
            elif path.startswith("context.") and path.count(".") == 1:
                yield _Variant(action, path.removeprefix("context."), literals[0])
            else:
                yield _Variant(action)


def _conflict(
    policy: ApiPolicy, own: CompiledRule, other: CompiledRule, request: dict[str, Any]
) -> RuleConflict | None:
    """None where both refuse or both let pass, or they look at nothing in common."""
    if (own.effect in _REFUSING) is (other.effect in _REFUSING):
        return None
    paths = paths_of(other)
    field = next((field for field, path in _fields(policy) if any(_overlap(path, one) for one in paths)), None)
    if field is None:
        return None
    severity: Literal["high", "medium"] = "high" if Effect.DENY in {own.effect, other.effect} else "medium"
    rule_refuses = other.effect in _REFUSING
    return RuleConflict(policy, other.id, "; ".join(other.reasons), field, rule_refuses, severity, request)


# -- what is looked at


def _fields(policy: ApiPolicy) -> list[tuple[str, str]]:
    """What the policy looks at: as its author names it, and as a path in a request."""
    if isinstance(policy.definition, Pattern):
        return [(f"pattern {policy.definition.pattern}", "content")]
    return [(one.field, _place_of(one.field)) for one in policy.definition.conditions]


def _place_of(field: str) -> str:
    root = field.partition(".")[0]
    if root == "user":  # whoever is behind the call: the principal, or who it acts for
        return "principal"
    return _PLACES.get(field, field if root in _ROOTS else f"context.{field}")


def paths_of(rule: CompiledRule) -> frozenset[str]:
    """The paths that a rule looks at. An attribute under a name that is computed is all of its object's."""
    found = set(filtered_paths(rule.condition.shape.form))
    found.update([rule.filed[0]] if rule.filed else [], [rule.range.path] if rule.range else [])
    found.update(_named(rule.condition.shape.node))
    return frozenset([_LONG_FORM.sub(r"\1.", path) for path in found])


def _named(value: object) -> Iterator[str]:
    """The paths in a node, or in the parts of one. A variable of the name of a part of a request counts."""
    path = _path(value)
    if path is not None:
        yield path
    elif isinstance(value, tuple):
        for item in value:
            yield from _named(item)
    elif isinstance(value, Struct):
        if isinstance(value, Call) and value.function == "detected":
            yield "content"
        yield from _named(astuple(value))


def _path(value: object) -> str | None:
    """``context.risk`` for the selection of it; None for what is none."""
    if isinstance(value, Name):
        name = value.name.lstrip(".")
        return "content" if name == "findings" else name if name in _ROOTS else None
    if isinstance(value, (Select, OptionalSelect, Has)):
        path = _path(value.operand)
        return None if path is None else f"{path}.{value.field}"
    return None


def _overlap(one: str, other: str) -> bool:
    """Whether one is the other, or a part of it."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
