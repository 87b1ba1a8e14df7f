"""All that is wrong with a policy of the wire contract, and not only what is found first: each part by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from axonflow.detect.patterns import CompilePattern
from axonflow.errors import PolicyError
from axonflow.policy.api.conditions import expression_of
from axonflow.policy.api.policy import ApiPolicy, Condition, Conditions

__all__ = ["condition_faults", "field_faults", "moved"]

_PATTERNS: Final = frozenset({"regex", "matches"})
_LISTS: Final = frozenset({"conditions", "actions"})
_SOUND: Final[dict[str, dict[str, Any]]] = {
    "static": {"name": "-", "pattern": "x"},
    "dynamic": {
        "name": "-",
        "conditions": [{"field": "query", "operator": "contains", "value": "x"}],
        "actions": [{"type": "block"}],
    },
}
"""A policy of each kind in which nothing is wrong, to put one part into."""


def condition_faults(conditions: Sequence[Condition], compile_pattern: CompilePattern) -> Iterator[PolicyError]:
    """Those of each condition."""
    for position, one in enumerate(conditions):
        try:
            expression_of([one])
            if one.operator in _PATTERNS:
                compile_pattern(one.value)
        except PolicyError as error:
            yield moved(error, position, f"$.conditions[{position}].value")


def field_faults(
    value: Mapping[str, Any],
    kind: str,
    fields: Sequence[str],
    convert: Callable[[Mapping[str, Any]], ApiPolicy],
    compile_pattern: CompilePattern,
) -> Iterator[PolicyError]:
    """Those of each of the `fields`, and of each member of its lists. `convert` makes a policy, or raises."""
    for field in fields:
        given = value.get(field)
        if given is None:
            continue
        is_list = field in _LISTS and isinstance(given, list)
        for position, one in enumerate(given if is_list else [given]):
            try:
                policy = convert({**_SOUND[kind], field: [one] if is_list else one})
            except PolicyError as error:
                yield moved(error, position) if is_list else error
                continue
            if field == "conditions" and isinstance(policy.definition, Conditions):
                faults = condition_faults(policy.definition.conditions, compile_pattern)
                yield from [moved(fault, position) for fault in faults]


def moved(error: PolicyError, position: int, place: str = "") -> PolicyError:
    """The fault of a list's only member as one of the member at `position`; at `place` where it has none."""
    at = str(error.at).replace("[0]", f"[{position}]", 1) if error.at else place
    return PolicyError(error.message, expected=error.expected, found=error.found, at=at, hint=error.hint)
