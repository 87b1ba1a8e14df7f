"""Where plans and what came of them are kept."""

from __future__ import annotations

from typing import Protocol

from axonflow.plan.execution import PlanExecution

__all__ = ["PlanStore"]


class PlanStore(Protocol):
    """All methods raise PlanError when the store cannot answer."""

    async def add(self, execution: PlanExecution) -> None:
        """Keep a new one. Raises PlanError when its id is taken."""

    async def get(self, tenant_id: str, plan_id: str) -> PlanExecution | None:
        """The one of this id, if this tenant has it."""

    async def begin(self, tenant_id: str, plan_id: str, executor_id: str, started_us: int) -> PlanExecution | None:
        """Turn a ``pending`` one into ``running`` and return it; None when it is not there or not pending.

        Of many callers at once, one succeeds.
        """

    async def finish(self, execution: PlanExecution) -> bool:
        """Keep how a ``running`` one ended. False when it is not running under this executor (any more)."""

    async def abandon(self, executor_id: str, error: str, finished_us: int) -> int:
        """Mark all that `executor_id` left running, of all tenants, as ``failed``; how many there were."""
