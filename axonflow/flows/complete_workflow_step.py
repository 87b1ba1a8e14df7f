"""Verb: complete a step. Whoever ran it tells what came of it, which is recorded and kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from axonflow.flows.gate_workflow_step import TRIES, StepPlace, WorkflowStores, contended, found_workflow
from axonflow.ids import now_us
from axonflow.plan.workflows.gating import completed
from axonflow.plan.workflows.refusals import WorkflowMissing
from axonflow.plan.workflows.states import WorkflowEvent, workflow_after
from axonflow.plan.workflows.workflow import Completion, WorkflowStep

__all__ = ["complete_step", "found_step"]


async def complete_step(
    stores: WorkflowStores, place: StepPlace, completion: Completion, *, idempotency_key: str,
    record: Callable[[WorkflowStep], Awaitable[object]],
) -> WorkflowStep:  # fmt: skip
    """The step with what came of it, which `record` has put into the trail before it is kept. Said twice, it is once.

    Raises WorkflowMissing, WorkflowConflict (IdempotencyMismatch), and what `record` raises: then nothing is kept.
    """
    is_recorded = False
    for _ in range(TRIES):
        workflow = await found_workflow(stores, place.tenant_id, place.workflow_id)
        workflow_after(workflow.state, WorkflowEvent.STEP)
        step = await found_step(stores, place)
        after = completed(step, completion, idempotency_key, now_us())
        if after is step:
            return step
        if not is_recorded:
            await record(after)
            is_recorded = True
        kept = await stores.steps.keep(after)
        if kept is not None:
            return kept
    raise contended(place)


async def found_step(stores: WorkflowStores, place: StepPlace) -> WorkflowStep:
    """Raises WorkflowMissing for one that was never gated."""
    step = await stores.steps.get(*place)
    if step is None:
        raise WorkflowMissing("no such step", expected="one that was gated", hint="Ask at its gate first.")
    return step
