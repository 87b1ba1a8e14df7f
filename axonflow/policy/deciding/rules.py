"""A rule as the engine runs it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from axonflow.policy.cel.compiler import Condition, Function
from axonflow.policy.cel.syntax import Node
from axonflow.policy.cel.values import CelError
from axonflow.policy.deciding.evaluation import Evaluation
from axonflow.policy.deciding.ranges import Range
from axonflow.policy.decision import STRENGTH, Effect, Obligation
from axonflow.policy.request import Request

__all__ = ["CompiledRule", "Waiver", "ranked"]

FAILS_CLOSED: Final = frozenset({Effect.DENY, Effect.REQUIRE_APPROVAL, Effect.REDACT, Effect.LIMIT})
"""A rule with one of these effects counts as matching when its condition cannot be evaluated."""

MAX_MESSAGE_CHARS: Final = 200


_id: Final = attrgetter("id")
_ALLOW: Final = Effect.ALLOW
_REDACT: Final = Effect.REDACT
_ANNOTATING: Final = frozenset({Effect.WARN, Effect.LOG})


class _NeedsMoreError(Exception):
    """A rule cannot be judged by its request alone."""


def _needs_more(_request: Request, _evaluation: Evaluation | None) -> bool:
    raise _NeedsMoreError


class Waiver:
    """An exception, compiled: until `expires_us` the rules that hold it do not apply where it holds."""

    __slots__ = ("actions", "condition", "expires_us", "id")

    def __init__(self, waiver_id: str, condition: Condition, actions: frozenset[str] | None, expires_us: int) -> None:
        self.id = waiver_id
        self.actions = actions
        self.expires_us = expires_us
        self.condition = condition

    @property
    def node(self) -> Node | None:
        """The tree of its condition."""
        return self.condition.shape.node

    def holds(self, request: Request, evaluation: Evaluation | None) -> bool:
        """Only a condition that evaluates to true loosens anything; an error does not."""
        if (
            evaluation is None
            or evaluation.time_us >= self.expires_us
            or (self.actions is not None and request.action not in self.actions)
        ):
            return False
        if self.condition.quick is None:
            return True
        try:
            return self.condition.careful(request, evaluation) is True
        except Exception:  # noqa: BLE001  an expression may fail in any way; failing closed here is not to waive
            return False


class CompiledRule(Struct, eq=False, gc=False, weakref=False):
    """`rank` orders rules by strength of effect, then by id, so that no decision depends on the order of files.

    `filed` is what the rule is looked up by: a path and the strings one of which stands there; None when there is no
    such thing, and then `range` may tell how a text has to begin or where an address has to be. `quick` tests the rest,
    and is None when nothing is left to test. `test` is the same where that is all there is to the rule; for one that
    needs findings, the time or exceptions, it raises. `decides` is the effect of a decision whose strongest rule it is.
    `verdict` is what it comes to when no other matches than those `beside` it, which always do.

    There may be a hundred thousand of them, so the garbage collector is spared: nothing here leads back to a rule.
    """

    id: str
    effect: Effect
    layer: int
    condition: Condition
    actions: frozenset[str] | None
    filed: tuple[str, tuple[str, ...]] | None
    obligations: tuple[Obligation, ...]
    names: tuple[str, ...]
    reasons: tuple[str, ...]
    grants: int
    decides: Effect
    quick: Function | None
    test: Function | None
    range: Range | None = None
    waivers: tuple[Waiver, ...] = ()
    rank: int = 0
    beside: tuple[CompiledRule, ...] | None = None
    verdict: Any = None

    @classmethod
    def of(
        cls,
        rule_id: str,
        effect: Effect,
        layer: int,
        condition: Condition,
        actions: frozenset[str] | None,
        filed: tuple[str, tuple[str, ...]] | None,
        reason: str,
        obligations: tuple[Obligation, ...],
    ) -> CompiledRule:
        """A rule with what follows from its columns."""
        quick = condition.quick
        return cls(
            rule_id,
            effect,
            layer,
            condition,
            actions,
            filed,
            obligations,
            (rule_id,),  # ready to be part of a decision
            (reason,),
            1 << layer if effect is _ALLOW else 0,
            _ALLOW if effect in _ANNOTATING else effect,
            quick,
            _needs_more if condition.shape.inspects or effect is _REDACT else quick,
        )

    @property
    def strength(self) -> int:
        """Lowest is strongest."""
        return STRENGTH[self.effect]

    @property
    def is_tried(self) -> bool:
        """Whether every request of its actions has to be tested: no look-up narrows it."""
        return self.filed is None and self.range is None and self.test is not None

    def waive(self, waiver: Waiver) -> None:
        """Let `waiver` loosen this rule."""
        self.waivers = (*self.waivers, waiver)
        self.test = _needs_more

    def judge_carefully(self, request: Request, evaluation: Evaluation | None) -> tuple[bool, str | None]:
        """Whether the rule counts as a match, and the error, if its condition has no value."""
        careful: Any = self.condition.careful
        try:
            return careful(request, evaluation) is True, None
        except CelError as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001  whatever went wrong, the rule fails closed and says so
            message = f"the condition could not be evaluated ({type(error).__name__})"
        return self.effect in FAILS_CLOSED, message[:MAX_MESSAGE_CHARS]


def ranked(rules: Iterable[CompiledRule]) -> tuple[CompiledRule, ...]:
    """`rules` in the order of their ranks, which are given here."""
    by_strength: list[list[CompiledRule]] = [[] for _ in STRENGTH]
    for rule in rules:
        by_strength[STRENGTH[rule.effect]].append(rule)
    for equals in by_strength:
        equals.sort(key=_id)
    ordered = tuple(chain.from_iterable(by_strength))
    for rank, rule in enumerate(ordered):
        rule.rank = rank
    return ordered
