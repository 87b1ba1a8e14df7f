"""What a compiled rule says, for people: told from what is in force, so it cannot differ from that."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from axonflow.policy.cel.literals import quoted
from axonflow.policy.deciding.attributes import PathsRead
from axonflow.policy.deciding.rules import CompiledRule

__all__ = ["asked", "paths_of", "rule_text"]


def rule_text(rule: CompiledRule) -> str:
    """The effect of `rule` and the condition that it has, as one expression: ``deny when action in ["tool.call"]``.

    What it matches stands in front of its own expression. Exceptions, which loosen it, are not part of it.
    """
    conjuncts = [] if rule.actions is None else [asked("action", rule.actions)]
    if rule.filed is not None:
        conjuncts.append(asked(*rule.filed))
    condition = rule.condition
    conjuncts += [asked(*pair) for pair in zip(condition.shape.filtered, condition.values, strict=True)]
    if condition.text:
        conjuncts.append(f"({condition.text})" if conjuncts else condition.text)
    return f"{rule.effect.value} when {' && '.join(dict.fromkeys(conjuncts)) or 'true'}"


def paths_of(rule: CompiledRule) -> frozenset[str]:
    """The attributes that `rule` looks at, by path."""
    read = PathsRead()
    read.add(rule)
    return frozenset(read.paths if rule.filed is None else {*read.paths, rule.filed[0]})


def asked(path: str, wanted: str | Iterable[Any]) -> str:
    """What a filter on `path` asks for, as an expression."""
    values = [wanted] if isinstance(wanted, str) else [one[1] if isinstance(one, tuple) else one for one in wanted]
    told = sorted(json.dumps(one, ensure_ascii=False) if isinstance(one, str) else quoted(one) for one in values)
    return f"{path} == {told[0]}" if len(told) == 1 else f"{path} in [{', '.join(told)}]"
