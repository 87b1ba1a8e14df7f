"""Pairs of stored policies that can both apply to one request, and say different things of it.

Told only where it can be known: patterns that are the same text, and conditions on a field that one value fulfils.
A request that shows it is made of such values, and is only named when both policies do apply to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, islice
from typing import Any, Final, Literal

from msgspec import Struct

from axonflow.policy.api.conditions import CONTENT_FIELDS
from axonflow.policy.api.policy import ACTION_STRENGTH, ApiPolicy, Condition, Pattern
from axonflow.policy.api.rules import strength_of

__all__ = ["MAX_CONFLICTS", "Applies", "Conflict", "conflicts_among", "severity_of", "witness_of"]

MAX_CONFLICTS: Final = 200
_MAX_PAIRS: Final = 100_000
_ORDERED: Final = {"greater_than", "greater_than_or_equal", "less_than", "less_than_or_equal"}
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-'\"@/:;,=<>!%&~`#")
"""Characters that stand for themselves in a pattern."""

Kind = Literal["different_actions", "redundant"]
Applies = Callable[[ApiPolicy, dict[str, Any]], bool]
"""Whether a policy does something to a request, given as ``{"query": ..., "context": {...}, "user": {...}}``."""


class Conflict(Struct, frozen=True):
    """Two policies, the field on which they meet, and a request to which both apply, where one could be made."""

    first: ApiPolicy
    second: ApiPolicy
    kind: Kind
    field: str
    example: dict[str, Any] | None = None


def conflicts_among(
    policies: Sequence[ApiPolicy], applies: Applies, only_of: str | None = None
) -> tuple[list[Conflict], bool]:
    """The conflicts among `policies`, of the policy with the id `only_of` if one is given; and whether all pairs were
    looked at. Both are bounded."""
    found: list[Conflict] = []
    looked_at = 0
    for field, together in sorted(_by_field(policies).items()):
        for first, second in combinations(together, 2):
            if only_of is not None and only_of not in (first.id, second.id):
                continue
            looked_at += 1
            if looked_at > _MAX_PAIRS or len(found) >= MAX_CONFLICTS:
                return found, False
            kind = _kind(first, second)
            if kind is None or any({one.first.id, one.second.id} == {first.id, second.id} for one in found):
                continue
            values = _values(first, second)
            if values is not None:
                found.append(Conflict(first, second, kind, field, _example(first, second, values, applies)))
    return found, True


def _by_field(policies: Iterable[ApiPolicy]) -> dict[str, list[ApiPolicy]]:
    """Policies that look at the same: a field, or for patterns the very text of them."""
    found: dict[str, list[ApiPolicy]] = defaultdict(list)
    for policy in policies:
        if isinstance(policy.definition, Pattern):
            found[f"pattern {policy.definition.pattern}"].append(policy)
        else:
            for field in sorted({one.field for one in policy.definition.conditions}):
                found[field].append(policy)
    return found


def _kind(first: ApiPolicy, second: ApiPolicy) -> Kind | None:
    if strength_of(first) != strength_of(second):
        return "different_actions"
    return "redundant" if first.definition == second.definition else None


def _values(first: ApiPolicy, second: ApiPolicy) -> dict[str, Any] | None:
    """A value for each field that both look at, which fulfils both; None where there is none for some."""
    if isinstance(first.definition, Pattern) or isinstance(second.definition, Pattern):
        return {}
    values: dict[str, Any] = {}
    conditions = (*first.definition.conditions, *second.definition.conditions)
    for field in {one.field for one in conditions}:
        own = [one for one in conditions if one.field == field]
        value = next((one for one in _candidates(own) if all(_fulfils(one, each) for each in own)), None)
        if value is None:
            return None
        values[field] = value
    return values


def _candidates(conditions: Iterable[Condition]) -> Iterator[Any]:
    """Values that may fulfil all `conditions`, which are on one field: theirs, and what lies around them."""
    for condition in conditions:
        values = condition.value if isinstance(condition.value, list) else [condition.value]
        for value in islice(values, 50):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                yield from (value, value + 1, value - 1)
            elif value is not None:
                yield value
    yield from ("something else", 0)


def _fulfils(value: Any, condition: Condition) -> bool:
    """Whether `value` surely does."""
    wanted, operator = condition.value, condition.operator
    if operator in _ORDERED:
        return isinstance(value, (int, float)) and _is_in_order(value, operator, wanted)
    if operator.startswith("not_"):
        return operator != "not_exists" and not _fulfils(
            value, Condition(condition.field, operator.removeprefix("not_"), wanted)
        )
    tests: dict[str, Callable[[], bool]] = {
        "equals": lambda: bool(value == wanted),
        "in": lambda: value in wanted,
        "exists": lambda: True,
        "contains": lambda: isinstance(value, str) and wanted.lower() in value.lower(),
        "contains_any": lambda: isinstance(value, str) and any(one.lower() in value.lower() for one in wanted),
        "starts_with": lambda: isinstance(value, str) and value.startswith(wanted),
        "ends_with": lambda: isinstance(value, str) and value.endswith(wanted),
    }
    return tests.get(operator, lambda: _is_literal(wanted) and isinstance(value, str) and wanted in value)()


def _is_in_order(value: float, operator: str, wanted: float) -> bool:
    if operator.startswith("greater"):
        return value > wanted or (operator.endswith("equal") and value == wanted)
    return value < wanted or (operator.endswith("equal") and value == wanted)


def _is_literal(pattern: str) -> bool:
    return set(pattern) <= _PLAIN


def witness_of(policy: ApiPolicy) -> dict[str, Any] | None:
    """A request that `policy` should apply to, as Applies takes it; None where none can be made."""
    values = _values(policy, policy)
    return None if values is None else _request(policy, values)


def _example(first: ApiPolicy, second: ApiPolicy, values: dict[str, Any], applies: Applies) -> dict[str, Any] | None:
    request = _request(first, values)
    return request if request is not None and applies(first, request) and applies(second, request) else None


def _request(policy: ApiPolicy, values: dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(policy.definition, Pattern):
        if not _is_literal(policy.definition.pattern):
            return None
        values = {"query": policy.definition.pattern}
    request: dict[str, Any] = {"query": "", "user": {}, "context": {}}
    for field, value in values.items():
        if not _place(request, field, value):
            return None
    return request


def _place(request: dict[str, Any], field: str, value: Any) -> bool:
    """Put `value` where `field` is read; whether there is such a place in the request of a simulation."""
    if field in CONTENT_FIELDS:
        request["query"] = value
        return isinstance(value, str)
    root, _, rest = field.partition(".")
    if root == "user" and rest:
        request["user"][rest] = value
        return True
    path = rest if root == "context" and rest else field
    if "." in path:
        return False
    request["context"][path] = value
    return True


def severity_of(conflict: Conflict) -> Literal["high", "medium", "low"]:
    """How much it matters: what one blocks and the other lets pass most."""
    if conflict.kind == "redundant":
        return "low"
    strongest = max(strength_of(conflict.first), strength_of(conflict.second))
    weakest = min(strength_of(conflict.first), strength_of(conflict.second))
    return "high" if strongest == ACTION_STRENGTH["block"] and weakest <= ACTION_STRENGTH["log"] else "medium"
