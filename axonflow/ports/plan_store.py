"""Where plans and what came of them are kept: what there is, what people change, and what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from axonflow.plan.keeping.execution import ExecutionStatus, PlanExecution, PlanPage, PlanQuery, PlanSeen
from axonflow.plan.keeping.versions import PlanVersion
from axonflow.plan.running.record import StepRecord

__all__ = ["PlanChanges", "PlanLeases", "PlanRunning", "PlanStore"]


class PlanStore(Protocol):
    """What plans there are. All methods raise PlanError when the store cannot answer."""

    async def add(self, execution: PlanExecution) -> None:
        """Keep a new one, and its first version. Raises PlanError when its id is taken."""

    async def get(self, tenant_id: str, plan_id: str) -> PlanExecution | None:
        """The one of this id, if this tenant has it."""

    async def page(self, query: PlanQuery) -> PlanPage:
        """Those that are asked for."""

    async def seen(self, tenant_id: str, plan_id: str, *, outline: bool = False) -> PlanSeen | None:
        """The one of this id with its steps, as of one moment, if this tenant has it; an `outline` is without what may
        be large, as in a list."""

    async def remove(self, tenant_id: str, plan_id: str) -> bool:
        """Remove one that has ended, with its steps and versions. False when there is none."""


class PlanChanges(Protocol):
    """What people change. All methods raise PlanError when the store cannot answer."""

    async def revise(self, execution: PlanExecution, version: PlanVersion) -> bool:
        """Put in place what is pending in the version before. False when it is not, or no longer: of several changes of
        one version at once, one is made."""

    async def replan(self, execution: PlanExecution, version: PlanVersion) -> bool:
        """Put in place what one goes on as that runs under its executor. False when it does not (any more), or is to
        stop."""

    async def versions(self, tenant_id: str, plan_id: str) -> Sequence[PlanVersion]:
        """All that the plan has been, the newest first."""

    async def cancel(self, tenant_id: str, plan_id: str, reason: str, time_us: int) -> PlanExecution | None:
        """Cancel one that does not run; of one that runs, note that it is to stop. As it is then; None when it is not
        there or has ended."""


class PlanRunning(Protocol):
    """What runs. All methods raise PlanError when the store cannot answer."""

    async def begin(
        self, tenant_id: str, plan_id: str, executor_id: str, started_us: int, was: ExecutionStatus = "pending"
    ) -> PlanExecution | None:
        """Turn one that `was` so into ``running`` and return it; None when it is not there or not so. It has started
        when it did for the first time.

        Of many callers at once, one succeeds.
        """

    async def progress(self, execution: PlanExecution, steps: Sequence[StepRecord]) -> None:
        """Keep where steps of a ``running`` one have got to; nothing, when it does not run under this executor."""

    async def finish(self, execution: PlanExecution, steps: Sequence[StepRecord] = ()) -> ExecutionStatus | None:
        """Keep how a ``running`` one and its `steps` ended, or where it is held: one that is to stop is cancelled
        instead. The status that it has then; None when it is not running under this executor (any more)."""

    async def cancelled(self, executor_id: str) -> Sequence[tuple[str, str]]:
        """Tenant and id of those that run under this executor and are to stop."""

    async def abandon(self, executor_id: str, error: str, finished_us: int) -> int:
        """Mark all that `executor_id` left running, of all tenants, as ``failed``; how many there were."""


class PlanLeases(Protocol):
    """Who runs plans, and is there. All methods raise PlanError when the store cannot answer."""

    async def beat(self, executor_id: str, beat: str) -> bool:
        """`executor_id` is there: `beat` is another than the last time. Whether it was there before: it had neither
        left nor been given up."""

    async def beats(self) -> Mapping[str, str]:
        """The last beat of each that has not left; empty of those that an earlier release left."""

    async def give_up(self, executor_id: str, beat: str, error: str, finished_us: int) -> int:
        """As `PlanRunning.abandon`, of one whose last beat is still this one, which has left then; else nothing."""

    async def leave(self, executor_id: str) -> None:
        """It has ended, and left nothing running."""
