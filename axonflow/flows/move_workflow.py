"""Verb: move a workflow. It is completed, given up, or goes on: where it stopped, or from a checkpoint."""

from __future__ import annotations

from msgspec.structs import replace

from axonflow.flows.complete_workflow_step import found_step
from axonflow.flows.gate_workflow_step import TRIES, StepPlace, WorkflowStores, found_workflow, seen_workflow
from axonflow.ids import now_us
from axonflow.plan.workflows.refusals import WorkflowConflict, WorkflowMissing
from axonflow.plan.workflows.states import GateState, WorkflowEvent, WorkflowState, workflow_after
from axonflow.plan.workflows.workflow import Workflow, WorkflowStep, check_comment

__all__ = ["go_back", "move_workflow"]


async def move_workflow(
    stores: WorkflowStores, tenant_id: str, workflow_id: str, event: WorkflowEvent, reason: str = ""
) -> Workflow:
    """The workflow after `event`; unchanged where that was so before. Raises WorkflowMissing, RequestError, and
    WorkflowConflict, also for one in progress that is to go on or to end well while a step waits for approval. (One
    that failed goes on all the same: nobody can decide on its steps before it does.)"""
    check_comment(reason, "$.reason")
    ends_well = event is WorkflowEvent.COMPLETE
    for _ in range(TRIES):
        workflow, looked_us = await found_workflow(stores, tenant_id, workflow_id), now_us()
        state = workflow_after(workflow.state, event)
        if event is WorkflowEvent.RESUME and workflow.state is WorkflowState.IN_PROGRESS:
            await _check_nothing_held(stores, workflow, looked_us)
        if state is workflow.state:
            return workflow
        is_over = state is not WorkflowState.IN_PROGRESS
        moved = replace(
            workflow, state=state, ended_us=looked_us if is_over else None, reason=reason if is_over else "",
            version=workflow.version + 1,
        )  # fmt: skip
        if await stores.workflows.change(moved, looked_us if ends_well else None):
            return moved
        if ends_well:  # steps may be large: they are read only when something stands in the way
            await _check_nothing_held(stores, workflow, looked_us)
    raise _contended(workflow_id)


async def go_back(
    stores: WorkflowStores, tenant_id: str, workflow_id: str, index: int | None
) -> tuple[Workflow, WorkflowStep]:
    """The workflow in progress again from its step `index` on (None: its last), and that step. What steps from there on
    were answered before does not count any more. Raises WorkflowMissing and WorkflowConflict."""
    for _ in range(TRIES):
        seen = await seen_workflow(stores, tenant_id, workflow_id)
        workflow, steps = seen.workflow, seen.steps or ()
        state = workflow_after(workflow.state, WorkflowEvent.RESUME)
        chosen = len(steps) - 1 if index is None else index
        if not 0 <= chosen < len(steps):
            raise WorkflowMissing(
                "no such checkpoint", expected=f"1 to {len(steps)}" if steps else "a step that was gated",
                found="none" if index is None else str(index + 1),
            )  # fmt: skip
        moved = replace(
            workflow.gone_back_to(chosen), state=state, ended_us=None, reason="", version=workflow.version + 1
        )
        if await stores.workflows.change(moved):
            return moved, await found_step(stores, StepPlace(tenant_id, workflow_id, steps[chosen].step_id))
    raise _contended(workflow_id)


async def _check_nothing_held(stores: WorkflowStores, workflow: Workflow, looked_us: int) -> None:
    seen = await seen_workflow(stores, workflow.tenant_id, workflow.workflow_id)
    held = [step.step_id for step in seen.steps or () if step.standing(looked_us) is GateState.HELD]
    if held:
        raise WorkflowConflict(
            "steps wait for approval", expected="none that is held", found=", ".join(held),
            hint="Somebody has to approve or reject them first.",
        )  # fmt: skip


def _contended(workflow_id: str) -> WorkflowConflict:
    return WorkflowConflict("the workflow changes all the time", at=f"workflow {workflow_id}", hint="Try again.")
