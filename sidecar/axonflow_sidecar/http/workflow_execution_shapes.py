"""Workflows of other orchestrators in the wire contract's words for executions, as pure functions.

=====================  ================  =====================================  ==================================
a workflow that is     execution status  a gate that is                         the status of its step
=====================  ================  =====================================  ==================================
in_progress            running           allowed, approved                      running; of one that is over: skipped
completed              completed         blocked, rejected                      blocked
failed                 failed            held, expired                          approval
aborted                aborted           completed                              completed
=====================  ================  =====================================  ==================================

What a step was given and gave is not shown here: an orchestrator of somebody else has it, and may ask at the gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from axonflow.plan.workflows import GateState, Workflow, WorkflowListed, WorkflowState, WorkflowStep
from axonflow_sidecar.http.translate import rfc3339
from axonflow_sidecar.http.workflow_shapes import approval_status_of, reason_of

__all__ = [
    "WORKFLOW_STATES", "workflow_execution", "workflow_snapshots", "workflow_summary", "workflow_timeline",
]  # fmt: skip

_UNIFIED: Final[Mapping[WorkflowState, str]] = {
    WorkflowState.IN_PROGRESS: "running", WorkflowState.COMPLETED: "completed", WorkflowState.FAILED: "failed",
    WorkflowState.ABORTED: "aborted",
}  # fmt: skip
WORKFLOW_STATES: Final[Mapping[str, WorkflowState]] = {word: state for state, word in _UNIFIED.items()}
"""What a status in a filter means; workflows have no others."""

_STEP: Final[Mapping[GateState, str]] = {
    GateState.ALLOWED: "running", GateState.APPROVED: "running", GateState.BLOCKED: "blocked",
    GateState.REJECTED: "blocked", GateState.HELD: "approval", GateState.EXPIRED: "approval",
    GateState.COMPLETED: "completed",
}  # fmt: skip


def workflow_execution(listed: WorkflowListed, steps: Sequence[WorkflowStep] | None, now_us: int) -> dict[str, Any]:
    """A workflow as executions of all kinds are shown, with its `steps` where they are known."""
    workflow = listed.workflow
    total = _total(workflow)
    progress = 100 if workflow.state is WorkflowState.COMPLETED else 100 * listed.completed / max(total, 1)
    return {
        "execution_id": workflow.workflow_id, "execution_type": "wcp_workflow", "name": workflow.name,
        "source": workflow.source, "status": _UNIFIED[workflow.state], "current_step_index": listed.completed,
        "total_steps": total, "progress_percent": round(float(progress), 1), "started_at": rfc3339(workflow.created_us),
        "completed_at": _time(workflow.ended_us), "duration": _duration(workflow.created_us, workflow.ended_us),
        "steps": [_step_shown(workflow, step, now_us) for step in steps or ()], "error": workflow.reason or None,
        "tenant_id": workflow.tenant_id, "user_id": workflow.principal, "metadata": workflow.metadata,
        "created_at": rfc3339(workflow.created_us), "updated_at": rfc3339(_updated_us(workflow, steps or ())),
    }  # fmt: skip


def workflow_summary(listed: WorkflowListed) -> dict[str, Any]:
    """A workflow in a list of what ran."""
    workflow = listed.workflow
    return {
        "request_id": workflow.workflow_id, "workflow_name": workflow.name, "status": _UNIFIED[workflow.state],
        "total_steps": _total(workflow), "completed_steps": listed.completed,
        "started_at": rfc3339(workflow.created_us), "completed_at": _time(workflow.ended_us),
        "duration_ms": _took_ms(workflow.created_us, workflow.ended_us), "tenant_id": workflow.tenant_id,
        "user_id": workflow.principal, "error_message": workflow.reason,
        "input_summary": {"source": workflow.source, "trace_id": workflow.trace_id},
    }  # fmt: skip


def workflow_snapshots(workflow: Workflow, steps: Sequence[WorkflowStep], now_us: int) -> list[dict[str, Any]]:
    """Each step that was gated."""
    return [
        {
            "request_id": workflow.workflow_id, **_moment(workflow, step, now_us), "input": None, "output": None,
            "error_message": reason_of(step, now_us) if step.answer == "block" else "",
            "policies_checked": [], "policies_triggered": [match.policy_id for match in step.matches],
            "decision_ids": [step.decision_id], "approval_required": step.standing(now_us) is GateState.HELD,
            "retry_count": max(step.gate_count - 1, 0),
        }
        for step in steps
    ]  # fmt: skip


def workflow_timeline(workflow: Workflow, steps: Sequence[WorkflowStep], now_us: int) -> list[dict[str, Any]]:
    """When each step that was gated was at work, from its first gate on."""
    return [
        {**_moment(workflow, step, now_us), "has_error": step.answer == "block", "has_approval": bool(step.approval_id)}
        for step in steps
    ]


def _step_shown(workflow: Workflow, step: WorkflowStep, now_us: int) -> dict[str, Any]:
    return {
        "step_id": step.step_id, "step_index": step.index, "step_name": _name(step), "step_type": step.asked.step_type,
        "status": _status(workflow, step, now_us), "started_at": rfc3339(step.first_gated_us),
        "ended_at": _time(_ended_us(step)), "duration": _duration(step.first_gated_us, _ended_us(step)),
        "decision": step.answer, "decision_reason": reason_of(step, now_us) or None,
        "approval_status": approval_status_of(step, now_us), "error": None,
    }  # fmt: skip


def _moment(workflow: Workflow, step: WorkflowStep, now_us: int) -> dict[str, Any]:
    return {
        "step_index": step.index, "step_name": _name(step), "status": _status(workflow, step, now_us),
        "started_at": rfc3339(step.first_gated_us), "completed_at": _time(_ended_us(step)),
        "duration_ms": _took_ms(step.first_gated_us, _ended_us(step)),
    }  # fmt: skip


def _status(workflow: Workflow, step: WorkflowStep, now_us: int) -> str:
    status = _STEP[step.standing(now_us)]
    return "skipped" if status == "running" and workflow.state is not WorkflowState.IN_PROGRESS else status


def _name(step: WorkflowStep) -> str:
    return step.asked.step_name or step.step_id


def _total(workflow: Workflow) -> int:
    """How many were announced, or more, if there are more."""
    return max(workflow.total_steps or 0, workflow.steps)


def _ended_us(step: WorkflowStep) -> int | None:
    """One that was gated again since it ended has not ended."""
    return step.completed_us if step.state is GateState.COMPLETED else None


def _updated_us(workflow: Workflow, steps: Sequence[WorkflowStep]) -> int:
    times_us = [workflow.created_us, workflow.ended_us]
    times_us += [time_us for one in steps for time_us in (one.last_gated_us, one.reviewed_us, one.completed_us)]
    return max(time_us for time_us in times_us if time_us is not None)


def _time(time_us: int | None) -> str | None:
    return None if time_us is None else rfc3339(time_us)


def _duration(started_us: int, ended_us: int | None) -> str | None:
    return None if ended_us is None else f"{(ended_us - started_us) / 1_000_000:.3f}s"


def _took_ms(started_us: int, ended_us: int | None) -> int | None:
    return None if ended_us is None else (ended_us - started_us) // 1000
