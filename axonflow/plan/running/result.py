"""What came of a run: one record a step, and the results together."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from axonflow.plan.running.held import HeldRun
from axonflow.plan.running.record import StepRecord

__all__ = ["PlanResult", "PlanStatus"]

PlanStatus = Literal["completed", "failed", "denied", "held"]


class PlanResult(Struct, frozen=True):
    """What came of one run of a plan.

    `status` is ``completed`` when every step that was to run succeeded, or failed with the failure policy ``partial``;
    ``failed`` when any other failed or the plan was stopped; ``held`` when all that is left waits for somebody's
    approval: `held` is what `AxonFlow.resume` goes on from; else ``denied``: policy, or who was asked, refused a step,
    or the plan itself. `reasons` and `decision_id` are those of the decision on the plan (its ``plan.start``); each
    step's own are in `steps`, by step name, in the plan's order. `error` says what was wrong with the rest of a plan
    that was still being written.

    `outputs` holds the result of every step that succeeded, `result` only those of the sinks: the steps that no
    other step needs. What was undone has none. `labels` says what each carries, where policies read labels.
    """

    plan: str
    plan_id: str
    status: PlanStatus
    outputs: dict[str, Any]
    result: dict[str, Any]
    steps: dict[str, StepRecord]
    duration_us: int
    decision_id: str
    reasons: tuple[str, ...] = ()
    held: HeldRun | None = None
    error: str | None = None
    labels: dict[str, list[str]] = {}

    @property
    def errors(self) -> dict[str, str]:
        """Step name to message, for each step whose record has one."""
        return {name: record.error for name, record in self.steps.items() if record.error is not None}
