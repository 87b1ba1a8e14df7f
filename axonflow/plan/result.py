"""What came of a run: one record a step, and the results together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

from axonflow.plan.state import StepState

__all__ = ["PlanResult", "PlanStatus", "StepRecord", "status_of"]

PlanStatus = Literal["completed", "failed", "denied"]


class StepRecord(Struct, frozen=True):
    """How one step went. Times are microseconds since the Unix epoch, None for a step that was never started; the
    time between them includes the policy's answer. `error` says why a step failed, was denied or is held.

    `reasons` are the policy's, for a skipped step why it was. `decision_ids` are those of all decisions on the step.
    """

    name: str
    state: StepState
    started_us: int | None = None
    finished_us: int | None = None
    error: str | None = None
    decision_ids: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class PlanResult(Struct, frozen=True):
    """What came of one run of a plan.

    `status` is ``completed`` when every step succeeded, ``failed`` when any failed, else ``denied``: policy refused
    or held a step, or the plan itself. `reasons` and `decision_id` are those of the decision on the plan (its
    ``plan.start``); each step's own are in `steps`, by step name, in the plan's order.

    `outputs` holds the result of every step that succeeded, `result` only those of the sinks: the steps that no
    other step needs.
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
        """Step name to message, for each step that failed, was denied or is held."""
        return {name: record.error for name, record in self.steps.items() if record.error is not None}


def status_of(states: Iterable[StepState]) -> PlanStatus:
    """The status of a run whose steps ended in `states`. A step skipped behind nothing was skipped with the plan."""
    seen = set(states)
    if StepState.FAILED in seen:
        return "failed"
    return "completed" if seen <= {StepState.SUCCEEDED} else "denied"
