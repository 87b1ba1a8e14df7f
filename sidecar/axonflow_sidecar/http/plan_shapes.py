"""The wire contract's words for plans and what came of them, as pure functions.

=====================  ================  =======================  ==================================
a plan that is         status            execution status         a step that is, and its status
=====================  ================  =======================  ==================================
pending                pending           pending                  pending, waiting: pending
running                running           running                  running, stopping, retrying: running
held                   awaiting_approval running                  held: approval
completed              completed         completed                succeeded: completed
failed                 failed            failed                   failed, not undone: failed
denied                 failed            failed                   denied: blocked
cancelled              cancelled         cancelled                skipped, cancelled, undone: skipped
=====================  ================  =======================  ==================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from axonflow.plan import PlanExecution, StepRecord, StepState
from axonflow.plan.keeping.execution import ENDED, ExecutionStatus
from axonflow.plan.keeping.versions import PlanVersion
from axonflow_sidecar.http.translate import rfc3339

__all__ = [
    "STATUSES", "WHOLE_PLAN", "approvals_of", "duration_of", "execution_of", "snapshots_of", "status_of", "summary_of",
    "text_of", "timeline_of", "version_of",
]  # fmt: skip

_UNIFIED: Final[Mapping[ExecutionStatus, str]] = {
    "pending": "pending", "running": "running", "awaiting_approval": "running", "completed": "completed",
    "failed": "failed", "denied": "failed", "cancelled": "cancelled",
}  # fmt: skip
STATUSES: Final[Mapping[str, tuple[ExecutionStatus, ...]]] = {
    **{word: tuple(status for status, said in _UNIFIED.items() if said == word) for word in _UNIFIED.values()},
    "awaiting_approval": ("awaiting_approval",),
}
"""What a status in a filter means."""

WHOLE_PLAN: Final = "plan.start"
"""What waits under no name: the plan itself."""

_S: Final = StepState
_STEP: Final[Mapping[StepState, str]] = {
    _S.PENDING: "pending", _S.WAITING: "pending", _S.RUNNING: "running", _S.STOPPING: "running",
    _S.RETRYING: "running", _S.SUCCEEDED: "completed", _S.FAILED: "failed", _S.DENIED: "blocked",
    _S.HELD: "approval", _S.SKIPPED: "skipped", _S.CANCELLED: "skipped", _S.COMPENSATING: "running",
    _S.COMPENSATED: "skipped", _S.UNCOMPENSATED: "failed",
}  # fmt: skip
_DECISIONS: Final = {_S.DENIED: "block", _S.HELD: "require_approval"}
_TYPES: Final = {
    "tool_call": "tool_call", "model": "llm_call", "connector": "connector_call", "approval": "human_task",
    "join": "synthesis", "condition": "gate",
}  # fmt: skip


def status_of(execution: PlanExecution) -> dict[str, Any]:
    """How a plan stands, and what came of it."""
    return {
        "plan_id": execution.plan_id,
        "workflow_id": execution.plan_id,
        "status": "failed" if execution.status == "denied" else execution.status,
        "version": execution.version,
        "result": text_of(execution.result),
        "step_results": execution.step_results,
        "error": _error(execution),
        "duration": duration_of(execution),
        "policy_info": {"allowed": execution.status != "denied"},
    }


def text_of(result: object) -> str | None:
    """The contract's result is text: one that is not becomes JSON."""
    return result if result is None or isinstance(result, str) else msgspec.json.encode(result).decode()


def duration_of(execution: PlanExecution | StepRecord) -> str | None:
    """As the contract has it: text, such as ``0.215s``."""
    if execution.started_us is None or execution.finished_us is None:
        return None
    return f"{(execution.finished_us - execution.started_us) / 1_000_000:.3f}s"


def version_of(version: PlanVersion) -> dict[str, Any]:
    """One of the versions of a plan."""
    return {
        "version": version.version,
        "changed_at": rfc3339(version.changed_us),
        "change_type": version.kind,
        "changed_by": version.changed_by,
        "change_summary": version.summary,
    }


def approvals_of(execution: PlanExecution) -> Iterator[dict[str, Any]]:
    """What a held plan waits for."""
    if execution.held is None:
        return
    places = {step["id"]: (index, step) for index, step in enumerate(execution.steps)}
    for one in execution.held.waiting:
        index, step = places.get(one.step.partition(".")[0], (0, {}))
        record = execution.held.so_far.records.get(one.step)
        held_us = None if record is None else record.finished_us
        yield {
            "workflow_id": execution.plan_id, "workflow_name": execution.name, "plan_id": execution.plan_id,
            "step_id": one.step or WHOLE_PLAN, "step_index": index, "step_name": one.step or execution.name,
            "step_type": _TYPES.get(step.get("type", ""), "tool_call"), "decision": "require_approval",
            "decision_reason": one.why, "policies_matched": [], "step_input": step.get("parameters", {}),
            "approval_status": "pending", "approvers": list(one.approvers), "resource": one.resource,
            "created_at": rfc3339(held_us or execution.started_us or execution.created_us),
            "hold_version": execution.holds,
        }  # fmt: skip


def summary_of(execution: PlanExecution, succeeded: int) -> dict[str, Any]:
    """An execution in a list, of which so many steps have succeeded."""
    return {
        "request_id": execution.plan_id,
        "workflow_name": execution.name,
        "status": "failed" if execution.status == "denied" else execution.status,
        "total_steps": len(execution.steps),
        "completed_steps": succeeded,
        "started_at": rfc3339(execution.started_us or execution.created_us),
        "completed_at": _time(execution.finished_us),
        "duration_ms": _took_ms(execution),
        "tenant_id": execution.tenant_id,
        "user_id": execution.principal,
        "error_message": _error(execution) or "",
        "input_summary": {"query": execution.query, "domain": execution.domain},
    }


def snapshots_of(execution: PlanExecution, steps: Mapping[str, StepRecord]) -> list[dict[str, Any]]:
    """Each step that was begun."""
    return [
        {
            "request_id": execution.plan_id,
            **_moment(execution, index, step, record),
            "input": step["parameters"],
            "output": execution.step_results.get(step["id"]),
            "error_message": record.error or "",
            "policies_checked": [],
            "policies_triggered": [],
            "decision_ids": list(record.decision_ids),
            "approval_required": record.state is _S.HELD,
            "retry_count": max(record.attempts - 1, 0),
        }
        for index, step, record in _begun(execution, steps)
    ]


def timeline_of(execution: PlanExecution, steps: Mapping[str, StepRecord]) -> list[dict[str, Any]]:
    """When each step that was begun was at work."""
    return [
        {
            **_moment(execution, index, step, record),
            "has_error": record.error is not None and record.state is not _S.HELD,
            "has_approval": record.state is _S.HELD or step["type"] == "approval",
        }
        for index, step, record in _begun(execution, steps)
    ]


def execution_of(
    execution: PlanExecution, succeeded: int, steps: Mapping[str, StepRecord] | None = None
) -> dict[str, Any]:
    """An execution as those of all kinds are shown, with its `steps` where they are known."""
    total = len(execution.steps)
    return {
        "execution_id": execution.plan_id,
        "execution_type": "map_plan",
        "name": execution.name,
        "source": "plan",
        "status": _UNIFIED[execution.status],
        "current_step_index": succeeded,
        "total_steps": total,
        "progress_percent": round(100 * succeeded / total, 1) if total else 0.0,
        "started_at": rfc3339(execution.started_us or execution.created_us),
        "completed_at": _time(execution.finished_us),
        "duration": duration_of(execution),
        "steps": [
            _unified(index, step, execution, None if steps is None else steps.get(step["id"]))
            for index, step in enumerate(execution.steps if steps is not None else [])
        ],
        "error": _error(execution),
        "tenant_id": execution.tenant_id,
        "user_id": execution.principal,
        "metadata": execution.metadata,
        "created_at": rfc3339(execution.created_us),
        "updated_at": rfc3339(_updated_us(execution, steps or {})),
    }


def _unified(index: int, step: dict[str, Any], execution: PlanExecution, record: StepRecord | None) -> dict[str, Any]:
    known = record or StepRecord(step["id"], _S.PENDING)
    return {
        "step_id": step["id"],
        "step_index": index,
        "step_name": step["name"],
        "step_type": _TYPES.get(step["type"], "action"),
        "status": _step_status(execution, known),
        "started_at": _time(known.started_us),
        "ended_at": _time(known.finished_us),
        "duration": duration_of(known),
        "decision": _DECISIONS.get(known.state),
        "decision_reason": "; ".join(known.reasons) or None,
        "approval_status": "pending" if known.state is _S.HELD and execution.status == "awaiting_approval" else None,
        "error": known.error,
    }


def _begun(
    execution: PlanExecution, steps: Mapping[str, StepRecord]
) -> Iterator[tuple[int, dict[str, Any], StepRecord]]:
    for index, step in enumerate(execution.steps):
        record = steps.get(step["id"])
        if record is not None and record.started_us is not None:
            yield index, step, record


def _step_status(execution: PlanExecution, record: StepRecord) -> str:
    """Nothing of a plan that has ended runs any more: whoever ran it has gone, and could not say how that ended."""
    status = _STEP[record.state]
    return "failed" if status == "running" and execution.status in ENDED else status


def _moment(execution: PlanExecution, index: int, step: dict[str, Any], record: StepRecord) -> dict[str, Any]:
    return {
        "step_index": index, "step_name": step["name"], "status": _step_status(execution, record),
        "started_at": _time(record.started_us), "completed_at": _time(record.finished_us),
        "duration_ms": _took_ms(record),
    }  # fmt: skip


def _time(time_us: int | None) -> str | None:
    return None if time_us is None else rfc3339(time_us)


def _took_ms(one: PlanExecution | StepRecord) -> int | None:
    if one.started_us is None or one.finished_us is None:
        return None
    return (one.finished_us - one.started_us) // 1000


def _error(execution: PlanExecution) -> str | None:
    if execution.status != "cancelled":
        return execution.error
    return f"Cancelled: {execution.cancel_reason}" if execution.cancel_reason else "Cancelled."


def _updated_us(execution: PlanExecution, steps: Mapping[str, StepRecord]) -> int:
    times_us = [execution.created_us, execution.started_us, execution.finished_us, execution.cancel_us]
    times_us += [time_us for one in steps.values() for time_us in (one.started_us, one.finished_us)]
    return max(time_us for time_us in times_us if time_us is not None)
