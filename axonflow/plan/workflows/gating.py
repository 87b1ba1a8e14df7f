"""What becomes of a step when somebody asks at its gate, completes it, or decides on it. Values in, values out."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from axonflow.plan.workflows.asking import Asked, Judged, RetryPolicy
from axonflow.plan.workflows.refusals import IdempotencyMismatch, WorkflowConflict, WorkflowForbidden
from axonflow.plan.workflows.states import GateEvent, GateState, gate_after
from axonflow.plan.workflows.workflow import Completion, Workflow, WorkflowStep, check_comment, check_id, check_text

__all__ = [
    "HOLD_LIFE_US",
    "Gated",
    "Reviewer",
    "answered_again",
    "check_key",
    "check_same_as_held",
    "completed",
    "judged",
    "reviewed",
]

HOLD_LIFE_US: Final = 24 * 3600 * 1_000_000
"""How long somebody has to decide on a step that is held."""
_STANDS: Final = frozenset({GateState.HELD, GateState.APPROVED, GateState.REJECTED})


class Gated(NamedTuple):
    """A question at the gate of a step of `workflow`, as of `now_us`."""

    workflow: Workflow
    step_id: str
    asked: Asked
    idempotency_key: str
    now_us: int

    def check(self) -> None:
        """Raise RequestError for names that cannot be kept."""
        check_id(self.step_id, "the step's id")
        check_text(self.idempotency_key, "$.idempotency_key")
        named = ("step_name", "model", "provider", "tool_name", "tool_type")
        for name in named:
            check_text(getattr(self.asked, name), f"$.{name}")


class Reviewer(NamedTuple):
    """Who decides on a step that is held: the client of a key, with the roles that the key has."""

    client_id: str
    roles: frozenset[str] = frozenset()


def check_key(step: WorkflowStep, received: str) -> None:
    """Raise IdempotencyMismatch for another key than the one that the step is known by. A call without a key fits any
    step, and any call a step without one."""
    if received and step.idempotency_key and received != step.idempotency_key:
        raise IdempotencyMismatch(
            "the step has another idempotency key", expected_key=step.idempotency_key, received_key=received,
            at=f"step {step.step_id}", hint="Another run has used this step: give each run a workflow of its own.",
        )  # fmt: skip


def check_same_as_held(step: WorkflowStep, gated: Gated) -> None:
    """Raise WorkflowConflict for another question than the one that waits for approval: whoever looks at that one and
    then approves the step must not have approved this."""
    if step.standing(gated.now_us) is GateState.HELD and step.asked.canonical != gated.asked.canonical:
        raise WorkflowConflict(
            "the step waits for the approval of something else", expected="what it was asked before", found="another",
            at=f"step {step.step_id}", hint="Somebody decides on that first; or ask at a step with another id.",
        )  # fmt: skip


def answered_again(step: WorkflowStep, gated: Gated, policy: RetryPolicy) -> WorkflowStep | None:
    """The step with the recorded answer given once more; None where policies have to judge: they are asked to, it is
    another question, a hold has expired, or the workflow went back to this step or before it since."""
    state = step.standing(gated.now_us)
    if policy == "reevaluate" or state is GateState.EXPIRED or not _still_counts(step, gated):
        return None
    return _asked_once_more(step, gated, gate_after(state, GateEvent.AGAIN))


def judged(step: WorkflowStep | None, gated: Gated, judgement: Judged, approval_id: str) -> WorkflowStep:
    """The step with this `judgement` of the question. What was approved or rejected stays so where the very same is to
    be held again, and so does a hold, until it expires; else it is held under `approval_id`."""
    now_us = gated.now_us
    state = GateState.NEW if step is None else step.standing(now_us)
    holds = judgement.event is GateEvent.HOLD
    if step is not None and holds and state in _STANDS and _still_counts(step, gated):
        return _asked_once_more(step, gated, gate_after(state, GateEvent.AGAIN))
    after = WorkflowStep(
        tenant_id=gated.workflow.tenant_id, workflow_id=gated.workflow.workflow_id, step_id=gated.step_id,
        state=gate_after(state, judgement.event), asked=gated.asked, decision_id=judgement.decision_id,
        reason="; ".join(judgement.reasons), matches=judgement.matches, redacted=judgement.redacted,
        resumes=gated.workflow.resumes, idempotency_key=gated.idempotency_key, first_gated_us=now_us,
        last_gated_us=now_us, approval_id=approval_id if holds else "", approvers=judgement.approvers if holds else (),
        expires_us=now_us + HOLD_LIFE_US if holds else None,
    )  # fmt: skip
    if step is None:
        return after
    return replace(
        after, index=step.index, idempotency_key=step.idempotency_key or gated.idempotency_key,
        gate_count=step.gate_count + 1, first_gated_us=step.first_gated_us, completion_count=step.completion_count,
        completion=step.completion, completed_us=step.completed_us, resume_count=step.resume_count,
        version=step.version + 1,
    )  # fmt: skip


def completed(step: WorkflowStep, completion: Completion, key: str, now_us: int) -> WorkflowStep:
    """The step with what came of it; itself, when just that was said before. Raises WorkflowConflict."""
    check_key(step, key)
    state = step.standing(now_us)
    if state is GateState.COMPLETED and step.completion == completion:
        return step
    return replace(
        step, state=gate_after(state, GateEvent.COMPLETE), completion=completion, completed_us=now_us,
        completion_count=step.completion_count + 1, version=step.version + 1,
    )  # fmt: skip


def reviewed(
    step: WorkflowStep, event: Literal[GateEvent.APPROVE, GateEvent.REJECT], reviewer: Reviewer, comment: str,
    now_us: int,
) -> WorkflowStep:  # fmt: skip
    """The step as `reviewer` decides on it. Raises WorkflowConflict when it is not held, WorkflowForbidden for somebody
    who may not: who asked, and who is not among the approvers that policies name."""
    state = gate_after(step.standing(now_us), event)
    check_comment(comment, "$.comment")
    if event is GateEvent.APPROVE and reviewer.client_id == step.asked.client_id:
        raise WorkflowForbidden(
            "nobody approves what they asked for themselves", expected="the key of another client",
            found=reviewer.client_id, at=f"step {step.step_id}",
        )  # fmt: skip
    names = {*reviewer.roles, reviewer.client_id, f"service:{reviewer.client_id}"}
    for approvers in step.approvers:
        if approvers and names.isdisjoint(approvers):
            raise WorkflowForbidden(
                "policies want somebody else to decide", expected=" or ".join(sorted(approvers)),
                found=reviewer.client_id, at=f"step {step.step_id}",
            )  # fmt: skip
    return replace(
        step, state=state, reviewed_by=f"service:{reviewer.client_id}", reviewed_us=now_us, comment=comment,
        version=step.version + 1,
    )  # fmt: skip


def _still_counts(step: WorkflowStep, gated: Gated) -> bool:
    """Whether what is recorded is about this very question, and the workflow has not gone back behind it."""
    went_back = any(step.resumes < time and step.index >= index for time, index in gated.workflow.went_back)
    return not went_back and step.asked.canonical == gated.asked.canonical


def _asked_once_more(step: WorkflowStep, gated: Gated, state: GateState) -> WorkflowStep:
    return replace(
        step, state=state, gate_count=step.gate_count + 1, last_gated_us=gated.now_us,
        idempotency_key=step.idempotency_key or gated.idempotency_key, version=step.version + 1,
    )  # fmt: skip
