"""With what plans are run, and in whose name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

from msgspec import Struct

from axonflow.flows.choose_branch import CompilePattern
from axonflow.flows.judge_step import Enforce
from axonflow.flows.record import Outcome
from axonflow.flows.steer_plan import Room
from axonflow.plan import StepEvent
from axonflow.plan.estimates import Estimates
from axonflow.policy.request import Principal, Request
from axonflow.ports import Ledger, Quota

__all__ = ["Acting", "Means", "Recorded"]

Recorded = Callable[[Request, str, Outcome], Awaitable[object]]
"""Put into the audit trail what came of what was allowed by the decision of that id. May raise AuditError."""


def no_pattern(pattern: str) -> NoReturn:
    """In place of a compiler of patterns. Raises ValueError."""
    raise ValueError(f"no patterns here: {pattern[:64]!a}")


class Means(Struct, frozen=True, kw_only=True):
    """How plans are run, and with what.

    `room` is what all plans share, None for no limits; `estimates` learn how long steps take. What plans take is
    reserved of the `quotas` at the `ledger`, if there is one. `compile_pattern` is for the patterns in conditions:
    without it, a condition that has any fails. `watch` is told where steps have got to; it must not raise.

    A result may have `max_result_bytes` as JSON. A plan in the mode ``balanced`` runs `balanced_steps` at the same
    time. The others are those of `RunRules`.
    """

    room: Room | None = None
    estimates: Estimates | None = None
    ledger: Ledger | None = None
    quotas: Sequence[Quota] = ()
    compile_pattern: CompilePattern = no_pattern
    watch: Callable[[StepEvent], None] | None = None
    max_result_bytes: int = 16 * 1024 * 1024
    balanced_steps: int = 8
    grace_ms: int = 5_000
    undo_ms: int = 60_000
    hedge_share: float = 0.05


class Acting(Struct, frozen=True):
    """In whose name a plan runs, and who is asked and told. `context` is the caller's, `own` that of the plan."""

    principal: Principal
    enforce: Enforce
    recorded: Recorded | None
    clock_us: Callable[[], int]
    context: dict[str, Any]
    own: dict[str, str]
    means: Means
