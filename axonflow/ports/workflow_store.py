"""Where workflows of other orchestrators and the gates of their steps are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from axonflow.plan.workflows.workflow import HeldStep, Workflow, WorkflowPage, WorkflowQuery, WorkflowSeen, WorkflowStep

__all__ = ["WorkflowStepStore", "WorkflowStore"]


class WorkflowStore(Protocol):
    """All methods raise WorkflowError when the store cannot answer."""

    async def add(self, workflow: Workflow) -> None:
        """Keep a new one. Raises WorkflowConflict when its id is taken, its tenant is being deleted, or has as many
        in progress as it may."""

    async def get(self, tenant_id: str, workflow_id: str) -> Workflow | None:
        """The one of this id, if this tenant has it."""

    async def seen(self, tenant_id: str, workflow_id: str, revision: int = -1) -> WorkflowSeen | None:
        """The one of this id with its steps, as of one moment, if this tenant has it; without them, if they are still
        those of `revision`."""

    async def page(self, query: WorkflowQuery) -> WorkflowPage:
        """Those that are asked for, newest first."""

    async def change(self, workflow: Workflow, unless_held_us: int | None = None) -> bool:
        """Put `workflow` in place of its last version, which has a number one less, all but the number of its steps.
        False when that is not the last one any more: somebody else came first; and when a step is held as of
        `unless_held_us`, if that is given: none comes to be held beside the change."""


class WorkflowStepStore(Protocol):
    """All methods raise WorkflowError when the store cannot answer."""

    async def get(self, tenant_id: str, workflow_id: str, step_id: str) -> WorkflowStep | None:
        """The step of this id, if this tenant has it."""

    async def keep(self, step: WorkflowStep) -> WorkflowStep | None:
        """Put `step` in place of its last version; one of version 1 is new, and gets the next index. As it is kept.

        None when somebody else came first, or the workflow is not in progress (any more): of two at once one succeeds.
        Raises WorkflowConflict for a new one in a workflow that has as many as it may.
        """

    async def held(self, tenant_id: str, now_us: int, limit: int, offset: int = 0) -> Sequence[HeldStep]:
        """Steps of workflows in progress that somebody has to decide on as of `now_us`, those with the least time left
        first: `limit` of them behind the first `offset`."""
