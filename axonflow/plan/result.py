"""What came of a run: one record a step, and the results together."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from axonflow.plan.state import StepState

__all__ = ["PlanResult", "PlanStatus", "StepEvent", "StepRecord"]

PlanStatus = Literal["completed", "failed", "denied"]


class StepEvent(Struct, frozen=True, gc=False):
    """Where a step has got to while its plan runs; `time_us` is since the Unix epoch."""

    name: str
    state: StepState
    time_us: int


class StepRecord(Struct, frozen=True, gc=False):
    """How one step went. Times are microseconds since the Unix epoch, None for a step that was never started; the
    time between them includes the policy's answers, and the pauses between `attempts`. `error` says why a step failed,
    was denied, is held or was stopped, or could not be undone.

    `reasons` are the policy's; for a step that was skipped, or cancelled before it started, why it was. `decision_ids`
    are those of all decisions on the step.
    """

    name: str
    state: StepState
    started_us: int | None = None
    finished_us: int | None = None
    error: str | None = None
    decision_ids: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    attempts: int = 0


class PlanResult(Struct, frozen=True):
    """What came of one run of a plan.

    `status` is ``completed`` when every step that was to run succeeded, or failed with the failure policy ``partial``;
    ``failed`` when any other failed or the plan was stopped; else ``denied``: policy refused or held a step, or the
    plan itself. `reasons` and `decision_id` are those of the decision on the plan (its ``plan.start``); each step's own
    are in `steps`, by step name, in the plan's order.

    `outputs` holds the result of every step that succeeded, `result` only those of the sinks: the steps that no
    other step needs. What was undone has none.
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

    @property
    def errors(self) -> dict[str, str]:
        """Step name to message, for each step whose record has one."""
        return {name: record.error for name, record in self.steps.items() if record.error is not None}
