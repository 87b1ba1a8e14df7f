"""A plan store in memory."""

from __future__ import annotations

import threading

from msgspec.structs import replace

from axonflow.errors import PlanError
from axonflow.plan import PlanExecution

__all__ = ["MemoryPlanStore"]


class MemoryPlanStore:
    """Keeps executions for as long as the process lives."""

    def __init__(self) -> None:
        self._executions: dict[tuple[str, str], PlanExecution] = {}
        self._lock = threading.Lock()

    async def add(self, execution: PlanExecution) -> None:
        key = (execution.tenant_id, execution.plan_id)
        with self._lock:
            if key in self._executions:
                raise PlanError("the plan id is taken", expected="a new id", found=execution.plan_id)
            self._executions[key] = execution

    async def get(self, tenant_id: str, plan_id: str) -> PlanExecution | None:
        with self._lock:
            return self._executions.get((tenant_id, plan_id))

    async def begin(self, tenant_id: str, plan_id: str, executor_id: str, started_us: int) -> PlanExecution | None:
        with self._lock:
            execution = self._executions.get((tenant_id, plan_id))
            if execution is None or execution.status != "pending":
                return None
            begun = replace(execution, status="running", executor_id=executor_id, started_us=started_us)
            self._executions[tenant_id, plan_id] = begun
            return begun

    async def finish(self, execution: PlanExecution) -> bool:
        key = (execution.tenant_id, execution.plan_id)
        with self._lock:
            known = self._executions.get(key)
            if known is None or known.status != "running" or known.executor_id != execution.executor_id:
                return False
            self._executions[key] = execution
            return True

    async def abandon(self, executor_id: str, error: str, finished_us: int) -> int:
        with self._lock:
            left = [
                (key, execution)
                for key, execution in self._executions.items()
                if execution.status == "running" and execution.executor_id == executor_id
            ]
            for key, execution in left:
                self._executions[key] = replace(execution, status="failed", error=error, finished_us=finished_us)
        return len(left)
