"""Workflows of other orchestrators in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from msgspec.structs import replace

from axonflow.plan.workflows.refusals import WorkflowConflict
from axonflow.plan.workflows.states import GateState, WorkflowState
from axonflow.plan.workflows.workflow import (
    MAX_IN_PROGRESS,
    MAX_STEPS,
    HeldStep,
    Workflow,
    WorkflowListed,
    WorkflowPage,
    WorkflowQuery,
    WorkflowSeen,
    WorkflowStep,
    too_many_steps,
    too_many_workflows,
)

__all__ = ["MemoryWorkflowSteps", "MemoryWorkflows"]


class MemoryWorkflows:
    """A WorkflowStore. Keeps them for as long as the process lives."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: dict[tuple[str, str], Workflow] = {}
        self.steps: dict[tuple[str, str, str], WorkflowStep] = {}

    async def add(self, workflow: Workflow) -> None:
        key = (workflow.tenant_id, workflow.workflow_id)
        with self.lock:
            if key in self.rows:
                raise WorkflowConflict("the workflow's id is taken", expected="a new id", found=workflow.workflow_id)
            own = [one for one in self.rows.values() if one.tenant_id == workflow.tenant_id]
            if sum(one.state is WorkflowState.IN_PROGRESS for one in own) >= MAX_IN_PROGRESS:
                raise too_many_workflows()
            self.rows[key] = workflow

    async def get(self, tenant_id: str, workflow_id: str) -> Workflow | None:
        with self.lock:
            return self.rows.get((tenant_id, workflow_id))

    async def seen(self, tenant_id: str, workflow_id: str, revision: int = -1) -> WorkflowSeen | None:
        place = (tenant_id, workflow_id)
        with self.lock:
            workflow = self.rows.get(place)
            steps = [step for key, step in self.steps.items() if key[:2] == place]
        now = sum(step.version for step in steps)
        if workflow is None:
            return None
        if now == revision:
            return WorkflowSeen(workflow, now)
        return WorkflowSeen(workflow, now, sorted([step.outline() for step in steps], key=lambda step: step.index))

    async def page(self, query: WorkflowQuery) -> WorkflowPage:
        with self.lock:
            found = [one for one in self.rows.values() if _is_asked_for(one, query)]
            found.sort(key=lambda one: (one.created_us, one.workflow_id), reverse=True)
            part = found[query.offset : query.offset + query.limit]
            return WorkflowPage(tuple(self._listed(one) for one in part), len(found))

    def _listed(self, workflow: Workflow) -> WorkflowListed:
        place = (workflow.tenant_id, workflow.workflow_id)
        completed = [key for key, step in self.steps.items() if key[:2] == place and step.state is GateState.COMPLETED]
        return WorkflowListed(workflow, len(completed))

    async def change(self, workflow: Workflow, unless_held_us: int | None = None) -> bool:
        key = (workflow.tenant_id, workflow.workflow_id)
        with self.lock:
            known = self.rows.get(key)
            if known is None or known.version != workflow.version - 1:
                return False
            if unless_held_us is not None and self._is_any_held(key, unless_held_us):
                return False
            self.rows[key] = replace(workflow, steps=known.steps)
            return True

    def _is_any_held(self, place: tuple[str, str], now_us: int) -> bool:
        return any(key[:2] == place and step.standing(now_us) is GateState.HELD for key, step in self.steps.items())


class MemoryWorkflowSteps:
    """A WorkflowStepStore, of steps of these `workflows`."""

    def __init__(self, workflows: MemoryWorkflows) -> None:
        self._workflows = workflows
        self._rows = workflows.steps

    async def get(self, tenant_id: str, workflow_id: str, step_id: str) -> WorkflowStep | None:
        with self._workflows.lock:
            return self._rows.get((tenant_id, workflow_id, step_id))

    async def keep(self, step: WorkflowStep) -> WorkflowStep | None:
        place = (step.tenant_id, step.workflow_id)
        key = (*place, step.step_id)
        with self._workflows.lock:
            workflow, known = self._workflows.rows.get(place), self._rows.get(key)
            is_next = step.version == (1 if known is None else known.version + 1)
            if workflow is None or workflow.state is not WorkflowState.IN_PROGRESS or not is_next:
                return None
            if known is None:
                if workflow.steps >= MAX_STEPS:
                    raise too_many_steps(step)
                step = replace(step, index=workflow.steps)
                self._workflows.rows[place] = replace(workflow, steps=workflow.steps + 1)
            self._rows[key] = step
            return step

    async def held(self, tenant_id: str, now_us: int, limit: int, offset: int = 0) -> Sequence[HeldStep]:
        with self._workflows.lock:
            found = [
                HeldStep(self._workflows.rows[step.tenant_id, step.workflow_id], step)
                for step in self._rows.values()
                if step.tenant_id == tenant_id and step.standing(now_us) is GateState.HELD
            ]
        open_ones = [one for one in found if one.workflow.state is WorkflowState.IN_PROGRESS]
        open_ones.sort(key=lambda one: (one.step.expires_us or 0, one.step.workflow_id, one.step.step_id))
        return open_ones[offset : offset + limit]


def _is_asked_for(workflow: Workflow, query: WorkflowQuery) -> bool:
    is_one = workflow.tenant_id == query.tenant_id and all(
        wanted is None or wanted == found
        for wanted, found in (
            (query.state, workflow.state), (query.source, workflow.source), (query.trace_id, workflow.trace_id),
            (query.workflow_id, workflow.workflow_id),
        )
    )  # fmt: skip
    return (
        is_one
        and (query.since_us is None or workflow.created_us >= query.since_us)
        and (query.until_us is None or workflow.created_us < query.until_us)
    )
