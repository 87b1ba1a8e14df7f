"""The workflow control plane in the words of the wire contract, as pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from axonflow import RequestError
from axonflow.app.workflows import Answer, GateCaller
from axonflow.plan.workflows import (
    Asked,
    Completion,
    GateState,
    HeldStep,
    IdempotencyMismatch,
    PolicyMatch,
    RetryPolicy,
    StepType,
    Workflow,
    WorkflowSource,
    WorkflowState,
    WorkflowStep,
)
from axonflow.policy.json_value import check_json_value
from axonflow_sidecar.http.translate import rfc3339

__all__ = [
    "CompleteBody",
    "GateBody",
    "ReasonBody",
    "WorkflowBody",
    "asked_of",
    "checkpoint_shown",
    "completion_of",
    "gate_shown",
    "mismatch_shown",
    "pending_approval",
    "review_shown",
    "went_back_shown",
    "workflow_shown",
]

MAX_COUNT: Final = 10**12
MAX_COST_USD: Final = 10**6
_ANYTHING: Final[dict[str, Any]] = {}


class WorkflowBody(Struct, kw_only=True):
    """Of ``POST /api/v1/workflows``."""

    workflow_name: str
    source: WorkflowSource | None = None
    total_steps: int | None = None
    metadata: dict[str, Any] | None = None
    trace_id: str | None = None


class ToolContext(Struct, kw_only=True):
    """Which tool a step calls, and with what."""

    tool_name: str
    tool_type: str | None = None
    tool_input: dict[str, Any] | None = None


class GateBody(Struct, kw_only=True):
    """Of ``POST .../gate``. `redacts` is ours: the caller runs the step with the redacted input."""

    step_type: StepType
    step_name: str | None = None
    step_input: dict[str, Any] | None = None
    model: str | None = None
    provider: str | None = None
    tool_context: ToolContext | None = None
    retry_policy: RetryPolicy | None = None
    idempotency_key: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    redacts: bool = False


class CompleteBody(Struct, kw_only=True):
    """Of ``POST .../steps/{step}/complete``."""

    output: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    idempotency_key: str | None = None


class ReasonBody(Struct, kw_only=True):
    """Of whatever takes nothing but a word of why: ``approve`` calls it a comment."""

    comment: str | None = None
    reason: str | None = None

    @property
    def text(self) -> str:
        """What was said, if anything."""
        return self.comment or self.reason or ""


def asked_of(body: GateBody, caller: GateCaller) -> Asked:
    """The question at a gate. Raises RequestError for numbers that are none, and for what is nested too deep."""
    tool = body.tool_context
    check_json_value(body.step_input, "$.step_input")
    check_json_value(tool and tool.tool_input, "$.tool_context.tool_input")
    told = [count for count in (_count(body, "tokens_in"), _count(body, "tokens_out")) if count is not None]
    return Asked(
        client_id=caller.client_id, user_id=caller.user_id, step_type=body.step_type, step_name=body.step_name or "",
        step_input=body.step_input or _ANYTHING, model=body.model or "", provider=body.provider or "",
        tool_name=tool.tool_name if tool else "", tool_type=(tool.tool_type or "") if tool else "",
        tool_input=(tool.tool_input or _ANYTHING) if tool else _ANYTHING,
        tokens=sum(told) if told else None, usd_micros=_usd_micros(body.cost_usd), redacts=body.redacts,
    )  # fmt: skip


def completion_of(body: CompleteBody) -> Completion:
    """What came of a step. Raises RequestError for numbers that are none, and for what is nested too deep."""
    check_json_value(body.output, "$.output")
    check_json_value(body.metadata, "$.metadata")
    return Completion(
        output=body.output or {}, metadata=body.metadata or {}, tokens_in=_count(body, "tokens_in"),
        tokens_out=_count(body, "tokens_out"), cost_usd_micros=_usd_micros(body.cost_usd),
    )  # fmt: skip


def _count(body: GateBody | CompleteBody, name: str) -> int | None:
    count: int | None = getattr(body, name)
    if count is not None and not 0 <= count <= MAX_COUNT:
        raise RequestError("out of range", expected=f"0 to {MAX_COUNT}", found="another number", at=f"$.{name}")
    return count


def _usd_micros(cost_usd: float | None) -> int | None:
    if cost_usd is None:
        return None
    if not math.isfinite(cost_usd) or not 0 <= cost_usd <= MAX_COST_USD:
        raise RequestError("not a cost", expected=f"US dollars, 0 to {MAX_COST_USD}", at="$.cost_usd")
    return round(cost_usd * 1_000_000)


def workflow_shown(workflow: Workflow, steps: Sequence[WorkflowStep], now_us: int) -> dict[str, Any]:
    """A workflow; lists have it without its steps. ``reason`` and ``step_count`` are ours."""
    return {
        "workflow_id": workflow.workflow_id, "workflow_name": workflow.name, "source": workflow.source,
        "status": workflow.state.value, "current_step_index": max(workflow.steps - 1, 0),
        "total_steps": workflow.total_steps, "started_at": rfc3339(workflow.created_us),
        "created_at": rfc3339(workflow.created_us), "completed_at": _time(workflow.ended_us),
        "steps": [_step_shown(step, now_us) for step in steps], "trace_id": workflow.trace_id or None,
        "metadata": workflow.metadata, "reason": workflow.reason or None, "step_count": workflow.steps,
    }  # fmt: skip


def _step_shown(step: WorkflowStep, now_us: int) -> dict[str, Any]:
    return {
        "step_id": step.step_id, "step_index": step.index, "step_name": step.asked.step_name or None,
        "step_type": step.asked.step_type, "decision": step.answer, "decision_reason": reason_of(step, now_us) or None,
        "decision_id": step.decision_id, "approval_status": approval_status_of(step, now_us),
        "approved_by": step.reviewed_by if _is_approved(step) else None,
        "gate_checked_at": rfc3339(step.last_gated_us), "completed_at": _time(step.completed_us),
    }  # fmt: skip


def gate_shown(answer: Answer, now_us: int, *, with_output: bool) -> dict[str, Any]:
    """What whoever asks at a gate is told. ``redacted_input`` is ours: what the step is to be run with."""
    step = answer.step
    told = {
        "decision": step.answer, "step_id": step.step_id, "reason": reason_of(step, now_us) or None,
        "policy_ids": [match.policy_id for match in step.matches], "decision_id": step.decision_id,
        "policies_evaluated": _matches_shown(step), "policies_matched": _matches_shown(step),
        "cached": answer.recorded, "decision_source": "cached" if answer.recorded else "fresh",
        "retry_context": _retry_context(step, answer.before, with_output=with_output),
    }  # fmt: skip
    if step.state is GateState.HELD:
        place = f"/api/v1/workflows/{step.workflow_id}/steps/{quote(step.step_id, safe='')}"
        told |= {"approval_url": f"{place}/approve", "approval_id": step.approval_id}
        told |= {"approval_expires_at": _time(step.expires_us)}
    if step.redacted is not None and step.answer != "block":
        told["redacted_input"] = step.redacted
    return told


def review_shown(step: WorkflowStep, now_us: int) -> dict[str, Any]:
    """What somebody who decided on a step is told."""
    word = "approved" if _is_approved(step) else "rejected"
    return {
        "workflow_id": step.workflow_id, "step_id": step.step_id, "status": word, "decision": step.answer,
        "reason": reason_of(step, now_us) or None, "approval_status": word, "approval_id": step.approval_id,
        f"{word}_by": step.reviewed_by, f"{word}_at": _time(step.reviewed_us),
        "policies_matched": _matches_shown(step),
        "retry_context": _retry_context(step, step, with_output=False), "message": f"The step is {word}.",
    }  # fmt: skip


def pending_approval(held: HeldStep) -> dict[str, Any]:
    """A step that waits for somebody, as ``.../approvals/pending`` lists it."""
    workflow, step = held.workflow, held.step
    asked = step.asked
    tool = {"tool_input": asked.tool_input} if asked.tool_input else {}
    return {
        "workflow_id": workflow.workflow_id, "workflow_name": workflow.name, "step_id": step.step_id,
        "step_index": step.index, "step_name": asked.step_name or None, "step_type": asked.step_type,
        "decision": "require_approval", "decision_reason": step.reason or None,
        "policies_matched": _matches_shown(step), "step_input": {**asked.step_input, **tool},
        "approval_status": "pending", "created_at": rfc3339(step.last_gated_us), "approval_id": step.approval_id,
        "decision_id": step.decision_id, "asked_by": f"service:{asked.client_id}",
        "approvers": [list(names) for names in step.approvers if names], "expires_at": _time(step.expires_us),
    }  # fmt: skip


def checkpoint_shown(workflow: Workflow, step: WorkflowStep, now_us: int) -> dict[str, Any]:
    """A step as a place to go back to. Its id counts from 1."""
    may_go_on = workflow.state in (WorkflowState.IN_PROGRESS, WorkflowState.FAILED)
    return {
        "id": step.index + 1, "workflow_id": step.workflow_id, "step_id": step.step_id, "step_index": step.index,
        "step_type": step.asked.step_type,
        "checkpoint_type": "step_completed" if step.state is GateState.COMPLETED else "step_gate",
        "gate_decision": step.answer, "gate_reason": reason_of(step, now_us) or None, "is_resumable": may_go_on,
        "resume_count": step.resume_count, "created_at": rfc3339(step.first_gated_us),
    }  # fmt: skip


def went_back_shown(step: WorkflowStep) -> dict[str, Any]:
    """That a workflow goes on from a checkpoint."""
    return {
        "workflow_id": step.workflow_id, "resumed_from_checkpoint": str(step.index + 1),
        "resumed_from_index": step.index, "new_decision": step.answer, "decision_source": "fresh",
        "resume_count": step.resume_count, "step_id": step.step_id,
        "message": f"The workflow goes on from step {step.step_id}, which policies judged afresh.",
    }  # fmt: skip


def mismatch_shown(mismatch: IdempotencyMismatch, workflow_id: str, step_id: str) -> dict[str, Any]:
    """What the contract says beside the problem document, for a step that is known by another key."""
    details = {
        "workflow_id": workflow_id, "step_id": step_id, "expected_idempotency_key": mismatch.expected_key,
        "received_idempotency_key": mismatch.received_key,
    }  # fmt: skip
    return {"error": {"code": "IDEMPOTENCY_KEY_MISMATCH", "message": mismatch.message, "details": details}}


def _matches_shown(step: WorkflowStep) -> list[dict[str, str]]:
    return [_match_shown(match) for match in step.matches]


def _match_shown(match: PolicyMatch) -> dict[str, str]:
    return {
        "policy_id": match.policy_id, "policy_name": match.policy_id, "action": match.action, "reason": match.reason
    }  # fmt: skip


def _retry_context(step: WorkflowStep, before: WorkflowStep | None, *, with_output: bool) -> dict[str, Any]:
    """How often this was asked, with this time, and what came of it. The published client wants a time in each."""
    output = None if before is None or before.completion is None else before.completion.output
    status = "none" if before is None else "completed" if before.completion_count else "gated_not_completed"
    told: dict[str, Any] = {
        "gate_count": step.gate_count, "completion_count": step.completion_count, "prior_completion_status": status,
        "prior_output_available": output is not None, "prior_completion_at": _time(step.completed_us),
        "first_attempt_at": rfc3339(step.first_gated_us), "last_attempt_at": rfc3339(step.last_gated_us),
        "last_decision": step.answer, "idempotency_key": step.idempotency_key,
    }  # fmt: skip
    return told | {"prior_output": output} if with_output and output is not None else told


def _is_approved(step: WorkflowStep) -> bool:
    return step.reviewed_us is not None and step.answer == "allow"


def approval_status_of(step: WorkflowStep, now_us: int) -> str | None:
    """The contract has no word for a hold that expired."""
    if step.standing(now_us) is GateState.HELD:
        return "pending"
    if step.state is GateState.REJECTED:
        return "rejected"
    return "approved" if _is_approved(step) else None


def reason_of(step: WorkflowStep, now_us: int) -> str:
    if step.standing(now_us) is GateState.EXPIRED:
        return "Nobody decided on it in time."
    if step.state is GateState.REJECTED:
        return f"Rejected by {step.reviewed_by}" + (f": {step.comment}" if step.comment else ".")
    return step.reason


def _time(time_us: int | None) -> str | None:
    return None if time_us is None else rfc3339(time_us)
