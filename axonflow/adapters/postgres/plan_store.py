"""Plans and what came of them, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import PlanError
from axonflow.plan import PlanExecution

__all__ = ["PostgresPlanStore"]

_SQL: Final = named_queries("plans.sql")


class PostgresPlanStore:
    """A PlanStore. It sees one tenant at a time, but for `abandon`, which is a role of its own."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def add(self, execution: PlanExecution) -> None:
        values = _values(execution)
        with translated(PlanError, "keep a plan"):
            async with self._database.tenant(execution.tenant_id) as connection:
                status = await connection.execute(_SQL["add"], *values)
        if status == "INSERT 0 1":
            return
        if await self.get(execution.tenant_id, execution.plan_id) is None:
            raise PlanError("the tenant is being deleted", expected="one that may make plans")
        raise PlanError("the plan id is taken", expected="a new id", found=execution.plan_id[:64])

    async def get(self, tenant_id: str, plan_id: str) -> PlanExecution | None:
        if not is_storable(tenant_id, plan_id):
            return None
        with translated(PlanError, "read a plan"):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL["get"], tenant_id, plan_id)
        return _execution(row) if row else None

    async def begin(self, tenant_id: str, plan_id: str, executor_id: str, started_us: int) -> PlanExecution | None:
        if not is_storable(tenant_id, plan_id):
            return None
        with translated(PlanError, "begin a plan"):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL["begin"], tenant_id, plan_id, executor_id, started_us)
        return _execution(row) if row else None

    async def finish(self, execution: PlanExecution) -> bool:
        if not is_storable(execution.tenant_id, execution.plan_id, execution.executor_id):
            return False
        values = _values(execution)
        with translated(PlanError, "keep the end of a plan"):
            async with self._database.tenant(execution.tenant_id) as connection:
                return bool(await connection.execute(_SQL["finish"], *values) == "UPDATE 1")

    async def abandon(self, executor_id: str, error: str, finished_us: int) -> int:
        if not is_storable(executor_id):
            return 0
        with translated(PlanError, "give up the plans of an executor"):
            async with self._database.executor(executor_id) as connection:
                status = await connection.execute(_SQL["abandon"], executor_id, _bytes(error), finished_us)
        return int(status.removeprefix("UPDATE "))


def _values(execution: PlanExecution) -> tuple[object, ...]:
    return (
        execution.tenant_id, execution.plan_id, execution.name, execution.domain, _bytes(execution.query),
        execution.principal, execution.status, _json_bytes(execution.steps), execution.created_us,
        execution.executor_id, execution.started_us, execution.finished_us, _json_bytes(execution.result),
        _json_bytes(execution.step_results), None if execution.error is None else _bytes(execution.error),
        execution.schema_version, _json_bytes(execution.context),
    )  # fmt: skip


def _execution(row: Mapping[str, Any]) -> PlanExecution:
    values = dict(row)
    for name in ("query", "error"):
        if values[name] is not None:
            values[name] = _text(values[name])
    for name in ("steps", "result", "step_results", "context"):
        values[name] = json.loads(_text(values[name]))
    return PlanExecution(**values)


# With surrogatepass every Python string has an encoding and comes back as it was. JSON's \u escapes would not do: two
# lone surrogates side by side would be read as the one character that they happen to encode.
def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _json_bytes(value: object) -> bytes:
    try:
        return _bytes(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except (TypeError, ValueError, RecursionError) as error:
        raise PlanError("a value that cannot be kept", expected="JSON", found=type(error).__name__) from None
