"""What rules come to on a text of which nothing has come yet: what of it can be known before, and what has to wait.

A rule that masks what detectors find can be obeyed while a text arrives: whether they find anything need not be known
beforehand, so it is taken for granted. The rule is then obeyed even where it would turn out not to match, which masks
no less. Whether a text is refused cannot be known before it is there; a warning about it is not given.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from axonflow.policy.cel.syntax import Call, Logical, Name, Node
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.deciding.rules import CompiledRule
from axonflow.policy.decision import Effect

__all__ = ["ForeseeingEvaluation", "foreseeable", "mentions", "waits_for_content"]

_CONTENT: Final = frozenset({"content", "findings"})
_ANNOTATING = frozenset({Effect.WARN, Effect.LOG})


class _Asks(Enum):
    """What a condition wants to know of the content."""

    NOTHING = 0
    DETECTED = 1
    """Whether something is found, and the more is found the more it holds."""
    ANYTHING = 2


class ForeseeingEvaluation(Evaluation):
    """One in which every detector finds something."""

    __slots__ = ()

    def detected(self, detector_ids: tuple[str, ...]) -> bool:  # noqa: ARG002  whatever they are
        return True


def foreseeable(candidates: Iterable[CompiledRule]) -> Sequence[CompiledRule] | None:
    """Those of `candidates` that can be judged by a ForeseeingEvaluation; None if one has to wait for the content."""
    judged: list[CompiledRule] = []
    for rule in candidates:
        asks = _asks_of_rule(rule)
        if asks is _Asks.NOTHING or (asks is _Asks.DETECTED and rule.effect not in _ANNOTATING):
            judged.append(rule)
        elif rule.effect not in _ANNOTATING:
            return None
    return judged


def waits_for_content(matched: Iterable[CompiledRule]) -> bool:
    """Whether one of these rules would do more than mask what is found."""
    return any(rule.effect is not Effect.REDACT and _asks_of_rule(rule) is not _Asks.NOTHING for rule in matched)


def _asks_of_rule(rule: CompiledRule) -> _Asks:
    asks = _asks(rule.condition.shape.node)
    if rule.waivers and any(_asks(waiver.node) is not _Asks.NOTHING for waiver in rule.waivers):
        return _Asks.ANYTHING
    return asks


def _asks(node: Node | None) -> _Asks:
    if node is None or not mentions(node, _CONTENT):
        return _Asks.NOTHING
    if isinstance(node, Logical):
        return max((_asks(operand) for operand in node.operands), key=lambda asks: asks.value)
    if isinstance(node, Call) and node.function == "detected" and node.target is None:
        return _Asks.DETECTED
    return _Asks.ANYTHING


def mentions(value: object, names: Container[str]) -> bool:
    """Whether a node, or a part of one, has one of `names` in it, or asks what was found in the content. A variable of
    that name counts."""
    if isinstance(value, tuple):
        return any(mentions(item, names) for item in value)
    if isinstance(value, Name):
        return value.name.lstrip(".") in names
    if isinstance(value, Call) and value.function == "detected":
        return True
    return isinstance(value, Struct) and mentions(astuple(value), names)
