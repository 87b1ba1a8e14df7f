"""A rule as the engine runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from axonflow.policy.cel.compiler import Condition
from axonflow.policy.cel.values import CelError
from axonflow.policy.decision import STRENGTH, Effect, Obligation
from axonflow.policy.evaluation import Evaluation
from axonflow.policy.request import Request

__all__ = ["CompiledRule", "Waiver"]

FAILS_CLOSED: Final = frozenset({Effect.DENY, Effect.REQUIRE_APPROVAL, Effect.REDACT, Effect.LIMIT})
"""A rule with one of these effects counts as matching when its condition cannot be evaluated."""

MAX_MESSAGE_CHARS: Final = 200


class Waiver:
    """An exception, compiled: until `expires_us` the rules that hold it do not apply where it holds."""

    __slots__ = ("_condition", "actions", "expires_us", "id")

    def __init__(self, waiver_id: str, condition: Condition, actions: frozenset[str] | None, expires_us: int) -> None:
        self.id = waiver_id
        self.actions = actions
        self.expires_us = expires_us
        self._condition = condition

    def holds(self, request: Request, evaluation: Evaluation | None) -> bool:
        """Only a condition that evaluates to true loosens anything; an error does not."""
        if (
            evaluation is None
            or evaluation.time_us >= self.expires_us
            or (self.actions is not None and request.action not in self.actions)
        ):
            return False
        if self._condition.quick is None:
            return True
        try:
            return self._condition.careful(request, evaluation) is True
        except Exception:  # noqa: BLE001  an expression may fail in any way; failing closed here is not to waive
            return False


class CompiledRule:
    """`rank` orders rules by strength of effect, then by id, so that no decision depends on the order of files."""

    __slots__ = (
        "actions",
        "condition",
        "effect",
        "id",
        "inspects",
        "keys",
        "layer",
        "obligations",
        "quick",
        "rank",
        "reason",
        "strength",
        "waivers",
    )

    def __init__(  # noqa: PLR0913  one argument for each column of the rule
        self,
        *,
        rule_id: str,
        effect: Effect,
        layer: int,
        condition: Condition,
        actions: frozenset[str] | None,
        keys: Mapping[str, frozenset[str]],
        reason: str,
        obligations: tuple[Obligation, ...],
        waivers: tuple[Waiver, ...],
    ) -> None:
        self.id = rule_id
        self.effect = effect
        self.strength = STRENGTH[effect]
        self.layer = layer
        self.condition = condition
        self.quick = condition.quick
        self.actions = actions
        self.keys = keys
        self.reason = reason
        self.obligations = obligations
        self.waivers = waivers
        self.inspects = condition.shape.inspects or bool(waivers)
        self.rank = (self.strength, rule_id)

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
