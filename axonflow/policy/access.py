"""What a rule can be looked up by: an equality that must hold for it to match.

Each rule is filed under one of them, the rarest among all rules; a test it has passed by being found is not made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from axonflow.policy.cel.compiler import Expression
from axonflow.policy.cel.syntax import Binary, Constant, ListLiteral, Logical, Name, Node, Select
from axonflow.policy.matching import LIST_FIELDS, STRING_FIELDS, MatchValue, wanted_values

__all__ = ["Keys", "choose", "equality_keys", "is_implied"]

Keys = dict[str, frozenset[str]]
"""Paths, and the strings one of which must stand there."""

_RULES_A_SLICE: Final = 100
_EVERY: Final = (None,)
"""In place of the actions of a rule that names none."""


def equality_keys(match: Mapping[str, MatchValue], expression: Expression | None) -> Keys:
    """All that a rule may be filed under.

    From `match`, and from those top-level conjuncts of the condition that cannot fail to evaluate: were a missing
    attribute possible, skipping the rule would skip its error, and errors count.
    """
    keys: Keys = {}
    for path, value in match.items():
        wanted = wanted_values(value)
        if path != "action" and all(isinstance(item, str) for item in wanted):
            keys[path] = wanted
    if expression is not None:
        for conjunct in _conjuncts(expression.parsed.node):
            found = _equality(conjunct, expression.literals)
            if found is not None and found[0] not in keys:
                keys[found[0]] = found[1]
    return keys


def is_implied(path: str, match: Mapping[str, MatchValue], *, loosens: bool) -> bool:
    """Whether a rule that was found under `path` has passed its filter on it.

    One that loosens wants all members of a list to be among its values, of which being found says nothing.
    """
    return path in match and (path in STRING_FIELDS or path in LIST_FIELDS or not loosens)


def choose(
    keyed: Sequence[tuple[Keys, Iterable[str] | None]], pause: Callable[[], None] = lambda: None
) -> list[str | None]:
    """For each rule, given its keys and its actions, the path to file it under: None when there is no key."""
    uses: Counter[tuple[str | None, str, str]] = Counter()
    for number, (keys, actions) in enumerate(keyed):
        if number % _RULES_A_SLICE == 0:
            pause()
        for action in _EVERY if actions is None else actions:
            uses.update([(action, path, literal) for path, literals in keys.items() for literal in literals])
    chosen: list[str | None] = []
    for number, (keys, actions) in enumerate(keyed):
        if number % _RULES_A_SLICE == 0:
            pause()
        if len(keys) < 2:
            chosen.append(next(iter(keys), None))
            continue
        among = _EVERY if actions is None else tuple(actions)
        crowds = [
            (max([uses[action, path, literal] for action in among for literal in literals]), path)
            for path, literals in keys.items()
        ]
        chosen.append(min(crowds)[1])
    return chosen


def _conjuncts(node: Node) -> tuple[Node, ...]:
    return node.operands if isinstance(node, Logical) and node.operator == "&&" else (node,)


def _equality(node: Node, literals: Sequence[Any]) -> tuple[str, frozenset[str]] | None:
    if not isinstance(node, Binary):
        return None
    if node.operator == "==":
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(other, Constant) and isinstance(other.value, str) and (path := _declared_string(side)):
                return path, frozenset({_value(other, literals)})
    if node.operator == "in" and isinstance(node.right, ListLiteral) and (path := _declared_string(node.left)):
        values = [_value(item, literals) for item in node.right.items if isinstance(item, Constant)]
        if values and len(values) == len(node.right.items) and all(isinstance(value, str) for value in values):
            return path, frozenset(values)
    return None


def _value(constant: Constant, literals: Sequence[Any]) -> Any:
    return constant.value if constant.slot is None else literals[constant.slot]


def _declared_string(node: Node) -> str | None:
    if isinstance(node, Select) and isinstance(node.operand, Name):
        path = f"{node.operand.name}.{node.field}"
        return path if path in STRING_FIELDS else None
    return None
