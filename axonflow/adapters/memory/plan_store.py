"""A plan store in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from axonflow.errors import PlanError
from axonflow.plan import PlanExecution, StepRecord, StepState
from axonflow.plan.keeping.execution import ENDED, ExecutionStatus, PlanListed, PlanPage, PlanQuery, PlanSeen
from axonflow.plan.keeping.versions import PlanVersion, first_version

__all__ = ["MemoryPlanStore"]

_Key = tuple[str, str]


class MemoryPlanStore:
    """A PlanStore with PlanChanges, PlanRunning and PlanLeases. Keeps plans for as long as the process lives."""

    def __init__(self) -> None:
        self._executions: dict[_Key, PlanExecution] = {}
        self._versions: dict[_Key, list[PlanVersion]] = {}
        self._steps: dict[_Key, dict[str, StepRecord]] = {}
        self._beats: dict[str, str] = {}
        self._lock = threading.Lock()

    # -- PlanStore -----------------------------------------------------------------------------------------------------

    async def add(self, execution: PlanExecution) -> None:
        key = (execution.tenant_id, execution.plan_id)
        with self._lock:
            if key in self._executions:
                raise PlanError("the plan id is taken", expected="a new id", found=execution.plan_id)
            self._executions[key] = execution
            self._versions[key] = [first_version(execution)]
            self._steps[key] = {}

    async def get(self, tenant_id: str, plan_id: str) -> PlanExecution | None:
        with self._lock:
            return self._executions.get((tenant_id, plan_id))

    async def page(self, query: PlanQuery) -> PlanPage:
        with self._lock:
            found = [one for one in self._executions.values() if _is_asked_for(one, query)]
            found.sort(key=lambda one: (one.created_us, one.plan_id), reverse=True)
            part = found[query.offset : query.offset + query.limit]
            return PlanPage(tuple(self._listed(one, query) for one in part), len(found))

    def _listed(self, execution: PlanExecution, query: PlanQuery) -> PlanListed:
        held = execution.held if query.statuses == ("awaiting_approval",) else None
        steps = self._steps[execution.tenant_id, execution.plan_id].values()
        succeeded = sum(one.state == StepState.SUCCEEDED for one in steps)
        return PlanListed(replace(_outline(execution), held=held), succeeded)

    async def seen(self, tenant_id: str, plan_id: str, *, outline: bool = False) -> PlanSeen | None:
        key = (tenant_id, plan_id)
        with self._lock:
            execution = self._executions.get(key)
            if execution is None:
                return None
            return PlanSeen(_outline(execution) if outline else execution, dict(self._steps[key]))

    async def remove(self, tenant_id: str, plan_id: str) -> bool:
        key = (tenant_id, plan_id)
        with self._lock:
            execution = self._executions.get(key)
            if execution is None or execution.status not in ENDED:
                return False
            del self._executions[key], self._versions[key], self._steps[key]
            return True

    # -- PlanChanges ---------------------------------------------------------------------------------------------------

    async def revise(self, execution: PlanExecution, version: PlanVersion) -> bool:
        key = (execution.tenant_id, execution.plan_id)
        with self._lock:
            known = self._executions.get(key)
            if known is None or known.status != "pending" or known.version != execution.version - 1:
                return False
            self._executions[key] = execution
            self._versions[key].append(version)
            return True

    async def replan(self, execution: PlanExecution, version: PlanVersion) -> bool:
        key = (execution.tenant_id, execution.plan_id)
        with self._lock:
            known = self._running(execution)
            if known is None or known.version != execution.version - 1 or known.cancel_us is not None:
                return False
            parts = ("steps", "definition", "version", "replans")
            self._executions[key] = replace(known, **{part: getattr(execution, part) for part in parts})
            self._versions[key].append(version)
            return True

    async def versions(self, tenant_id: str, plan_id: str) -> Sequence[PlanVersion]:
        with self._lock:
            return self._versions.get((tenant_id, plan_id), [])[::-1]

    async def cancel(self, tenant_id: str, plan_id: str, reason: str, time_us: int) -> PlanExecution | None:
        key = (tenant_id, plan_id)
        with self._lock:
            known = self._executions.get(key)
            if known is None or known.status in ENDED:
                return None
            if known.cancel_us is None:
                known = replace(known, cancel_us=time_us, cancel_reason=reason)
            if known.status != "running":
                known = replace(known, status="cancelled", finished_us=time_us)
            self._executions[key] = known
            return known

    # -- PlanRunning ---------------------------------------------------------------------------------------------------

    async def begin(
        self, tenant_id: str, plan_id: str, executor_id: str, started_us: int, was: ExecutionStatus = "pending"
    ) -> PlanExecution | None:
        with self._lock:
            execution = self._executions.get((tenant_id, plan_id))
            if execution is None or execution.status != was:
                return None
            first_us = started_us if execution.started_us is None else execution.started_us
            begun = replace(execution, status="running", executor_id=executor_id, started_us=first_us)
            self._executions[tenant_id, plan_id] = begun
            return begun

    async def progress(self, execution: PlanExecution, steps: Sequence[StepRecord]) -> None:
        with self._lock:
            if self._running(execution) is not None:
                self._keep(execution, steps)

    async def finish(self, execution: PlanExecution, steps: Sequence[StepRecord] = ()) -> ExecutionStatus | None:
        with self._lock:
            known = self._running(execution)
            if known is None:
                return None
            ended = replace(
                known, status=execution.status, finished_us=execution.finished_us, result=execution.result,
                step_results=execution.step_results, error=execution.error, held=execution.held,
            )  # fmt: skip
            if ended.status == "awaiting_approval" and known.cancel_us is not None:
                ended = replace(ended, status="cancelled", finished_us=known.cancel_us, held=None)
            if ended.held is not None and ended.held != known.held:
                ended = replace(ended, holds=known.holds + 1)
            self._executions[execution.tenant_id, execution.plan_id] = ended
            self._keep(execution, steps)
            return ended.status

    def _running(self, execution: PlanExecution) -> PlanExecution | None:
        known = self._executions.get((execution.tenant_id, execution.plan_id))
        is_own = known is not None and known.status == "running" and known.executor_id == execution.executor_id
        return known if is_own else None

    def _keep(self, execution: PlanExecution, steps: Sequence[StepRecord]) -> None:
        self._steps[execution.tenant_id, execution.plan_id].update((one.name, one) for one in steps)

    async def cancelled(self, executor_id: str) -> Sequence[tuple[str, str]]:
        with self._lock:
            return [key for key, one in self._left(executor_id) if one.cancel_us is not None]

    async def abandon(self, executor_id: str, error: str, finished_us: int) -> int:
        with self._lock:
            return self._fail(executor_id, error, finished_us)

    def _fail(self, executor_id: str, error: str, finished_us: int) -> int:
        left = self._left(executor_id)
        for key, execution in left:
            self._executions[key] = replace(execution, status="failed", error=error, finished_us=finished_us)
        return len(left)

    def _left(self, executor_id: str) -> list[tuple[_Key, PlanExecution]]:
        return [
            (key, one)
            for key, one in self._executions.items()
            if one.status == "running" and one.executor_id == executor_id
        ]

    # -- PlanLeases ----------------------------------------------------------------------------------------------------

    async def beat(self, executor_id: str, beat: str) -> bool:
        with self._lock:
            was_there = executor_id in self._beats
            self._beats[executor_id] = beat
            return was_there

    async def beats(self) -> Mapping[str, str]:
        with self._lock:
            return dict(self._beats)

    async def give_up(self, executor_id: str, beat: str, error: str, finished_us: int) -> int:
        with self._lock:
            if self._beats.get(executor_id) != beat:
                return 0
            del self._beats[executor_id]
            return self._fail(executor_id, error, finished_us)

    async def leave(self, executor_id: str) -> None:
        with self._lock:
            self._beats.pop(executor_id, None)


def _outline(execution: PlanExecution) -> PlanExecution:
    return replace(execution, result=None, step_results={}, context={}, definition=None, held=None)


def _is_asked_for(execution: PlanExecution, query: PlanQuery) -> bool:
    return (
        execution.tenant_id == query.tenant_id
        and (not query.statuses or execution.status in query.statuses)
        and (query.plan_id is None or execution.plan_id == query.plan_id)
        and (query.since_us is None or execution.created_us >= query.since_us)
        and (query.until_us is None or execution.created_us < query.until_us)
    )
