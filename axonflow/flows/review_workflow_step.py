"""Verb: review a step. Somebody approves or rejects a step that policies hold."""

from __future__ import annotations

from typing import Literal

from axonflow.flows.complete_workflow_step import found_step
from axonflow.flows.gate_workflow_step import TRIES, StepPlace, WorkflowStores, contended, found_workflow
from axonflow.ids import now_us
from axonflow.plan.workflows.gating import Reviewer, reviewed
from axonflow.plan.workflows.states import GateEvent, WorkflowEvent, workflow_after
from axonflow.plan.workflows.workflow import WorkflowStep

__all__ = ["review_step"]


async def review_step(
    stores: WorkflowStores, place: StepPlace, event: Literal[GateEvent.APPROVE, GateEvent.REJECT], reviewer: Reviewer,
    comment: str,
) -> WorkflowStep:  # fmt: skip
    """The step as it was decided on: of two who decide at once the second finds it decided.

    Raises WorkflowMissing, WorkflowConflict, WorkflowForbidden and RequestError.
    """
    for _ in range(TRIES):
        workflow = await found_workflow(stores, place.tenant_id, place.workflow_id)
        workflow_after(workflow.state, WorkflowEvent.STEP)
        step = await found_step(stores, place)
        kept = await stores.steps.keep(reviewed(step, event, reviewer, comment, now_us()))
        if kept is not None:
            return kept
    raise contended(place)
