"""Plans that were made, and their runs: each runs once, in this process, and what came of it is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from axonflow import AxonFlow, AxonFlowError, Principal
from axonflow.audit import IN_PROCESS, Origin
from axonflow.errors import PlanError
from axonflow.ids import now_us
from axonflow.plan import PlanExecution, PlanResult
from axonflow.tenancy import check_active
from axonflow_sidecar.plans.catalogue import PlanCatalogue

__all__ = ["PlanRuns"]

_NOBODY: Final[Mapping[str, str]] = {}
_PAUSES_S = (0.1, 1.0, 5.0)
_log = logging.getLogger("axonflow.plans")


class PlanRuns:
    """`plans` is a PlanStore; `executor_id` names this process in it. `inactive` is looked at before each step: tenants
    that may do nothing at present, and why."""

    def __init__(
        self,
        flow: AxonFlow,
        plans: Any,
        catalogue: PlanCatalogue,
        executor_id: str,
        inactive: Mapping[str, str] = _NOBODY,
    ) -> None:
        self._flow = flow
        self._plans = plans
        self._catalogue = catalogue
        self._executor_id = executor_id
        self._inactive = inactive
        self._running: set[asyncio.Task[Any]] = set()

    async def add(self, execution: PlanExecution, context: dict[str, Any]) -> None:
        """Keep a plan that was made, with the context that it was made from."""
        await self._plans.add(replace(execution, context=context))

    async def get(self, tenant_id: str, plan_id: str) -> PlanExecution | None:
        """The plan of this id, if this tenant has it."""
        return await self._plans.get(tenant_id, plan_id)  # type: ignore[no-any-return]  # a PlanStore

    async def run(
        self, tenant_id: str, plan_id: str, principal: Principal, origin: Origin = IN_PROCESS
    ) -> PlanExecution | None:
        """Run it to its end; None when it is not there or was begun before.

        Goes on when whoever asked has gone: it was begun, so its end has to be kept.
        """
        execution = await self._plans.begin(tenant_id, plan_id, self._executor_id, now_us())
        if execution is None:
            return None
        task = asyncio.create_task(self._run(execution, principal, origin))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _run(self, execution: PlanExecution, principal: Principal, origin: Origin) -> PlanExecution:
        try:
            plan = self._catalogue.plan(execution.domain, execution.query, execution.context)
            result = await self._flow.run(
                plan, principal=principal, context=execution.context, origin=origin,
                before_step=partial(check_active, execution.tenant_id, self._inactive),
            )  # fmt: skip
            ended = _ended(execution, result)
        except AxonFlowError as error:
            ended = replace(execution, status="failed", error=str(error), finished_us=now_us())
        except asyncio.CancelledError:
            ended = replace(execution, status="failed", error="The orchestrator was stopped.", finished_us=now_us())
        if not await self._finished(ended):
            raise PlanError("the run was taken from this orchestrator", at=f"plan {execution.plan_id}")
        return ended

    async def _finished(self, ended: PlanExecution) -> bool:
        """Keep the end, also when the store is away for a moment: the steps have been done, whatever it says."""
        for pause_s in _PAUSES_S:
            try:
                return await self._plans.finish(ended)  # type: ignore[no-any-return]  # a PlanStore
            except PlanError as error:
                _log.warning("the end of a run cannot be kept yet", extra={"facts": {"reason": str(error)}})
                await asyncio.sleep(pause_s)
        return await self._plans.finish(ended)  # type: ignore[no-any-return]  # a PlanStore

    async def close(self, timeout_s: float) -> None:
        """Wait for runs to end; those that have not by then are cancelled, and kept as failed."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            _log.warning("runs were cancelled", extra={"facts": {"runs": len(late)}})
            await asyncio.wait(late, timeout=5)


def _unkeepable(outputs: dict[str, Any]) -> str | None:
    """Which step's result cannot be kept and sent as JSON, and why."""
    for name, value in outputs.items():
        try:
            msgspec.json.encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            return f"{name}: the result is not JSON: {type(error).__name__}"
    return None


def _ended(execution: PlanExecution, result: PlanResult) -> PlanExecution:
    unkeepable = _unkeepable(result.outputs)
    if unkeepable:
        return replace(execution, status="failed", error=unkeepable, finished_us=now_us())
    errors = "; ".join(f"{name}: {error}" for name, error in result.errors.items()) or "; ".join(result.reasons)
    return replace(
        execution,
        status=result.status,
        result=result.result,
        step_results=result.outputs,
        error=None if result.status == "completed" else errors or result.status,
        finished_us=now_us(),
    )
