"""What a rule can be looked up by: an equality that must hold for it to match.

Each rule is filed under one of them, the rarest among all rules; a test it has passed by being found is not made again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from axonflow.policy.cel.compiler import Expression
from axonflow.policy.cel.syntax import Binary, Constant, ListLiteral, Logical, Name, Node, Select
from axonflow.policy.deciding.matching import LIST_FIELDS, STRING_FIELDS, MatchValue

__all__ = ["CROWD", "KeyFinder", "Keys", "choose", "is_implied"]

Keys = dict[str, tuple[str, ...]]
"""Paths, and the strings one of which must stand there."""

_Uses = defaultdict[tuple[str | None, str], dict[str, int]]

CROWD: Final = 16
"""When more rules than this say the same, a rule is better looked up by how a text begins, if it says so."""
_RULES_A_SLICE: Final = 100
_EVERY: Final = (None,)
"""In place of the actions of a rule that names none."""


class KeyFinder:
    """All that rules may be filed under. What it learns of a skeleton holds for all expressions of it."""

    def __init__(self) -> None:
        self._equalities: dict[str, tuple[tuple[str, tuple[Constant, ...]], ...]] = {}

    def keys(self, match: Mapping[str, MatchValue], expression: Expression | None) -> Keys:
        """The equalities of one rule.

        From `match`, and from those top-level conjuncts of the condition that cannot fail to evaluate: were a missing
        attribute possible, skipping the rule would skip its error, and errors count.
        """
        keys: Keys = {}
        for path, value in match.items():
            if path == "action":
                continue
            if value.__class__ is str:
                keys[path] = (value,)
            elif isinstance(value, list) and all(isinstance(item, str) for item in value):
                keys[path] = tuple(dict.fromkeys(value))
        if expression is not None:
            found = self._equalities.get(expression.skeleton)
            if found is None:
                found = self._equalities[expression.skeleton] = tuple(_equalities(expression.parsed.node))
            for path, constants in found:
                if path not in keys:
                    keys[path] = tuple([_value(constant, expression.literals) for constant in constants])
        return keys


def is_implied(path: str, match: Mapping[str, MatchValue], *, loosens: bool) -> bool:
    """Whether a rule that was found under `path` has passed its filter on it.

    One that loosens wants all members of a list to be among its values, of which being found says nothing.
    """
    return path in match and (path in STRING_FIELDS or path in LIST_FIELDS or not loosens)


def choose(
    keyed: Sequence[tuple[Keys, Iterable[str] | None]], pause: Callable[[], None] = lambda: None
) -> list[tuple[str | None, int]]:
    """For each rule, given its keys and its actions, the path to file it under (None when there is no key), and how
    many rules say the same there."""
    uses: _Uses = defaultdict(dict)
    for number, (keys, actions) in enumerate(keyed):
        if number % _RULES_A_SLICE == 0:
            pause()
        for action in _EVERY if actions is None else actions:
            for path, literals in keys.items():
                counts = uses[action, path]
                for literal in literals:
                    counts[literal] = counts.get(literal, 0) + 1
    chosen: list[tuple[str | None, int]] = []
    for number, (keys, actions) in enumerate(keyed):
        if number % _RULES_A_SLICE == 0:
            pause()
        chosen.append(_rarest(keys, _EVERY if actions is None else actions, uses))
    return chosen


def _rarest(keys: Keys, actions: Iterable[str | None], uses: _Uses) -> tuple[str | None, int]:
    """The path whose commonest literal is the rarest, and how common that is."""
    best: str | None = None
    fewest = 0
    for path, literals in keys.items():
        crowd = max([uses[action, path][literal] for action in actions for literal in literals], default=0)
        if best is None or crowd < fewest or (crowd == fewest and path < best):
            best, fewest = path, crowd
    return best, fewest


def _conjuncts(node: Node) -> tuple[Node, ...]:
    return node.operands if isinstance(node, Logical) and node.operator == "&&" else (node,)


def _equalities(node: Node) -> Iterator[tuple[str, tuple[Constant, ...]]]:
    for conjunct in _conjuncts(node):
        if isinstance(conjunct, Binary) and conjunct.operator == "==":
            for side, other in ((conjunct.left, conjunct.right), (conjunct.right, conjunct.left)):
                if isinstance(other, Constant) and isinstance(other.value, str) and (path := _declared_string(side)):
                    yield path, (other,)
        elif isinstance(conjunct, Binary) and conjunct.operator == "in" and isinstance(conjunct.right, ListLiteral):
            constants = tuple([item for item in conjunct.right.items if isinstance(item, Constant)])
            are_strings = all(isinstance(constant.value, str) for constant in constants)
            path = _declared_string(conjunct.left)
            if path and constants and are_strings and len(constants) == len(conjunct.right.items):
                yield path, constants


def _value(constant: Constant, literals: Sequence[Any]) -> Any:
    return constant.value if constant.slot is None else literals[constant.slot]


def _declared_string(node: Node) -> str | None:
    if isinstance(node, Select) and isinstance(node.operand, Name):
        path = f"{node.operand.name}.{node.field}"
        return path if path in STRING_FIELDS else None
    return None
