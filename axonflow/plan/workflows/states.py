"""The states of a workflow and of a gate as tables. What is not in them is refused, with what may be instead."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from axonflow.plan.workflows.refusals import WorkflowConflict

__all__ = [
    "ANSWERS",
    "GATE_TABLE",
    "WORKFLOW_TABLE",
    "GateEvent",
    "GateState",
    "WorkflowEvent",
    "WorkflowState",
    "gate_after",
    "workflow_after",
]


class WorkflowState(StrEnum):
    """Where a workflow is, in the contract's words. One that failed can be resumed, the other two are over for good."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"


class WorkflowEvent(StrEnum):
    """What is done to a workflow. ``step``: one of its steps is gated, completed or decided on."""

    STEP = "step"
    COMPLETE = "complete"
    FAIL = "fail"
    ABORT = "abort"
    RESUME = "resume"


class GateState(StrEnum):
    """Where the gate of a step is. ``new`` and ``expired`` are never kept: nothing is there yet, or time passed."""

    NEW = "new"
    ALLOWED = "allowed"
    BLOCKED = "blocked"
    HELD = "held"
    """Somebody has to approve it first."""
    EXPIRED = "expired"
    """It was held, and nobody decided in time."""
    APPROVED = "approved"
    REJECTED = "rejected"
    COMPLETED = "completed"


class GateEvent(StrEnum):
    """What happens to a gate. ``allow``, ``block`` and ``hold`` are judgements of policies, ``again`` gives the answer
    that was recorded."""

    ALLOW = "allow"
    BLOCK = "block"
    HOLD = "hold"
    AGAIN = "again"
    APPROVE = "approve"
    REJECT = "reject"
    COMPLETE = "complete"


_W, _D = WorkflowState, WorkflowEvent
# Whoever does not know whether an end was heard says it again, so the same end twice is one.
WORKFLOW_TABLE: Final[Mapping[WorkflowState, Mapping[WorkflowEvent, WorkflowState]]] = MappingProxyType(
    {
        _W.IN_PROGRESS: {
            _D.STEP: _W.IN_PROGRESS,
            _D.COMPLETE: _W.COMPLETED,
            _D.FAIL: _W.FAILED,
            _D.ABORT: _W.ABORTED,
            _D.RESUME: _W.IN_PROGRESS,
        },
        _W.FAILED: {_D.FAIL: _W.FAILED, _D.ABORT: _W.ABORTED, _D.RESUME: _W.IN_PROGRESS},
        _W.COMPLETED: {_D.COMPLETE: _W.COMPLETED},
        _W.ABORTED: {_D.ABORT: _W.ABORTED},
    }
)

_S, _E = GateState, GateEvent
_JUDGED: Final = {_E.ALLOW: _S.ALLOWED, _E.BLOCK: _S.BLOCKED, _E.HOLD: _S.HELD}
GATE_TABLE: Final[Mapping[GateState, Mapping[GateEvent, GateState]]] = MappingProxyType(
    {
        _S.NEW: _JUDGED,
        _S.ALLOWED: {**_JUDGED, _E.AGAIN: _S.ALLOWED, _E.COMPLETE: _S.COMPLETED},
        _S.BLOCKED: {**_JUDGED, _E.AGAIN: _S.BLOCKED},
        _S.HELD: {**_JUDGED, _E.AGAIN: _S.HELD, _E.APPROVE: _S.APPROVED, _E.REJECT: _S.REJECTED},
        _S.EXPIRED: _JUDGED,
        _S.APPROVED: {**_JUDGED, _E.AGAIN: _S.APPROVED, _E.COMPLETE: _S.COMPLETED},
        _S.REJECTED: {**_JUDGED, _E.AGAIN: _S.REJECTED},
        # An approval is for one completion. The recorded answer is an allow all the same: whoever runs a step twice
        # knows from it that there is an output already.
        _S.COMPLETED: {**_JUDGED, _E.AGAIN: _S.ALLOWED},
    }
)

GateAnswer = Literal["allow", "block", "require_approval"]
ANSWERS: Final[Mapping[GateState, GateAnswer]] = MappingProxyType(
    {
        _S.ALLOWED: "allow",
        _S.APPROVED: "allow",
        _S.COMPLETED: "allow",
        _S.BLOCKED: "block",
        _S.REJECTED: "block",
        _S.HELD: "require_approval",
        _S.EXPIRED: "require_approval",
    }
)
"""What whoever asks at a gate in this state is told."""

_ADVICE: Final[Mapping[GateState, str]] = MappingProxyType(
    {
        _S.NEW: "Ask at its gate first.",
        _S.ALLOWED: "Policies let it start: nobody has to approve it.",
        _S.BLOCKED: "Policies do not let it start. Ask at its gate again with retry_policy reevaluate.",
        _S.HELD: "Somebody has to approve it first.",
        _S.EXPIRED: "Nobody decided in time. Ask at its gate again.",
        _S.APPROVED: "It was decided on already.",
        _S.REJECTED: "It was decided on already: it may not start.",
        _S.COMPLETED: "It has ended. To run it again, ask at its gate again.",
    }
)


def workflow_after(state: WorkflowState, event: WorkflowEvent) -> WorkflowState:
    """The state that follows. Raises WorkflowConflict where none does."""
    following = WORKFLOW_TABLE[state].get(event)
    if following is not None:
        return following
    may = sorted(one.value for one, events in WORKFLOW_TABLE.items() if event in events)
    raise WorkflowConflict(
        f"the workflow is {state.value}", expected=f"one that is {' or '.join(may)}", found=state.value,
        hint="Resume it first." if _D.RESUME in WORKFLOW_TABLE[state] else "It has ended: make another.",
    )  # fmt: skip


def gate_after(state: GateState, event: GateEvent) -> GateState:
    """The state that follows. Raises WorkflowConflict where none does."""
    following = GATE_TABLE[state].get(event)
    if following is not None:
        return following
    may = sorted(one.value for one, events in GATE_TABLE.items() if event in events)
    raise WorkflowConflict(
        f"the step is {state.value}, so it cannot be: {event.value}", expected=f"one that is {' or '.join(may)}",
        found=state.value, hint=_ADVICE[state],
    )  # fmt: skip
