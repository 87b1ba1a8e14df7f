"""Plans and what came of them, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from axonflow.adapters.postgres.database import ONE_MOMENT, Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import PlanError
from axonflow.plan import HeldRun, PlanExecution, StepRecord, StepState
from axonflow.plan.keeping.execution import ExecutionStatus, PlanListed, PlanPage, PlanQuery, PlanSeen
from axonflow.plan.keeping.versions import PlanVersion, first_version

__all__ = ["PostgresPlanStore"]

_SQL: Final = named_queries("plans.sql")
_NONE: Final = PlanPage((), 0)
_NOT_LISTED: Final[Mapping[str, Any]] = {
    "result": b"null", "step_results": b"{}", "context": b"{}", "definition": b"null", "held": None
}  # fmt: skip
_FACTS: Final = ("error", "decision_ids", "reasons", "cached")


class PostgresPlanStore:
    """A PlanStore with PlanChanges, PlanRunning and PlanLeases. It sees one tenant at a time, but for what is about
    executors, which run plans of any: that is for a role of its own."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    # -- PlanStore -----------------------------------------------------------------------------------------------------

    async def add(self, execution: PlanExecution) -> None:
        values, first = _added(execution), _version_values(first_version(execution))
        with translated(PlanError, "keep a plan"):
            async with self._database.tenant(execution.tenant_id) as connection:
                is_added = await connection.execute(_SQL["add"], *values) == "INSERT 0 1"
                if is_added:
                    await connection.execute(_SQL["add_version"], *first)
        if is_added:
            return
        if await self.get(execution.tenant_id, execution.plan_id) is None:
            raise PlanError("the tenant is being deleted", expected="one that may make plans")
        raise PlanError("the plan id is taken", expected="a new id", found=execution.plan_id[:64])

    async def get(self, tenant_id: str, plan_id: str) -> PlanExecution | None:
        return await self._one("read a plan", "get", tenant_id, plan_id)

    async def page(self, query: PlanQuery) -> PlanPage:
        if not is_storable(query.tenant_id, query.plan_id):
            return _NONE
        statuses = list(query.statuses) or None
        asked = (query.tenant_id, statuses, query.plan_id, query.since_us, query.until_us)
        with translated(PlanError, "list plans"):
            async with self._database.tenant(query.tenant_id) as connection:
                rows = await connection.fetch(_SQL["page"], *asked, query.limit, query.offset)
                total = await connection.fetchval(_SQL["total"], *asked)
        return PlanPage(tuple(_listed(row) for row in rows), total)

    async def seen(self, tenant_id: str, plan_id: str, *, outline: bool = False) -> PlanSeen | None:
        if not is_storable(tenant_id, plan_id):
            return None
        with translated(PlanError, "read a plan and its steps"):
            async with self._database.tenant(tenant_id, isolation=ONE_MOMENT) as connection:
                row = await connection.fetchrow(_SQL["outline" if outline else "get"], tenant_id, plan_id)
                rows = await connection.fetch(_SQL["steps"], tenant_id, plan_id) if row else ()
        if row is None:
            return None
        return PlanSeen(_execution({**_NOT_LISTED, **dict(row)}), {one["step"]: _step(one) for one in rows})

    async def remove(self, tenant_id: str, plan_id: str) -> bool:
        if not is_storable(tenant_id, plan_id):
            return False
        with translated(PlanError, "remove a plan"):
            async with self._database.tenant(tenant_id) as connection:
                return bool(await connection.execute(_SQL["remove"], tenant_id, plan_id) == "DELETE 1")

    # -- PlanChanges ---------------------------------------------------------------------------------------------------

    async def revise(self, execution: PlanExecution, version: PlanVersion) -> bool:
        if not is_storable(execution.tenant_id, execution.plan_id):
            return False
        values = (
            execution.tenant_id, execution.plan_id, execution.version, execution.name, execution.domain,
            _json_bytes(execution.steps), execution.execution_mode, _json_bytes(execution.metadata),
            _json_bytes(execution.definition),
        )  # fmt: skip
        with translated(PlanError, "change a plan"):
            async with self._database.tenant(execution.tenant_id) as connection:
                if await connection.execute(_SQL["revise"], *values) != "UPDATE 1":
                    return False
                await connection.execute(_SQL["add_version"], *_version_values(version))
        return True

    async def replan(self, execution: PlanExecution, version: PlanVersion) -> bool:
        if not is_storable(execution.tenant_id, execution.plan_id, execution.executor_id):
            return False
        values = (
            execution.tenant_id, execution.plan_id, execution.executor_id, execution.version,
            _json_bytes(execution.steps), _json_bytes(execution.definition),
        )  # fmt: skip
        with translated(PlanError, "keep a plan that was made anew"):
            async with self._database.tenant(execution.tenant_id) as connection:
                if await connection.execute(_SQL["replan"], *values) != "UPDATE 1":
                    return False
                await connection.execute(_SQL["add_version"], *_version_values(version))
        return True

    async def versions(self, tenant_id: str, plan_id: str) -> Sequence[PlanVersion]:
        if not is_storable(tenant_id, plan_id):
            return []
        with translated(PlanError, "read what a plan has been"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["versions"], tenant_id, plan_id)
        return [PlanVersion(**_read(row, texts=("summary",), json_values=("metadata", "definition"))) for row in rows]

    async def cancel(self, tenant_id: str, plan_id: str, reason: str, time_us: int) -> PlanExecution | None:
        return await self._one("cancel a plan", "cancel", tenant_id, plan_id, _bytes(reason), time_us)

    # -- PlanRunning ---------------------------------------------------------------------------------------------------

    async def begin(
        self, tenant_id: str, plan_id: str, executor_id: str, started_us: int, was: ExecutionStatus = "pending"
    ) -> PlanExecution | None:
        return await self._one("begin a plan", "begin", tenant_id, plan_id, executor_id, started_us, was)

    async def progress(self, execution: PlanExecution, steps: Sequence[StepRecord]) -> None:
        if not is_storable(execution.tenant_id, execution.plan_id, execution.executor_id):
            return
        with translated(PlanError, "keep where a plan has got to"):
            async with self._database.tenant(execution.tenant_id) as connection:
                await _keep_steps(connection, execution, steps)

    async def finish(self, execution: PlanExecution, steps: Sequence[StepRecord] = ()) -> ExecutionStatus | None:
        if not is_storable(execution.tenant_id, execution.plan_id, execution.executor_id):
            return None
        values = (
            execution.tenant_id, execution.plan_id, execution.executor_id, execution.status, execution.finished_us,
            _json_bytes(execution.result), _json_bytes(execution.step_results),
            None if execution.error is None else _bytes(execution.error),
            None if execution.held is None else execution.held.to_json(),
        )  # fmt: skip
        with translated(PlanError, "keep the end of a plan"):
            async with self._database.tenant(execution.tenant_id) as connection:
                await _keep_steps(connection, execution, steps)
                status: ExecutionStatus | None = await connection.fetchval(_SQL["finish"], *values)
        return status

    async def cancelled(self, executor_id: str) -> Sequence[tuple[str, str]]:
        if not is_storable(executor_id):
            return []
        with translated(PlanError, "ask which plans are to stop"):
            async with self._database.executor(executor_id) as connection:
                rows = await connection.fetch(_SQL["cancelled"], executor_id)
        return [(row["tenant_id"], row["plan_id"]) for row in rows]

    async def abandon(self, executor_id: str, error: str, finished_us: int) -> int:
        if not is_storable(executor_id):
            return 0
        with translated(PlanError, "give up the plans of an executor"):
            async with self._database.executor(executor_id) as connection:
                return await _abandon(connection, executor_id, error, finished_us)

    # -- PlanLeases ----------------------------------------------------------------------------------------------------

    async def beat(self, executor_id: str, beat: str) -> bool:
        with translated(PlanError, "say that an executor is there"):
            async with self._database.executor(executor_id) as connection:
                if await connection.execute(_SQL["beat"], executor_id, beat) == "UPDATE 1":
                    return True
                await connection.execute(_SQL["arrive"], executor_id, beat)
        return False

    async def beats(self) -> Mapping[str, str]:
        with translated(PlanError, "ask which executors are there"):
            async with self._database.executor("") as connection:
                return {row["executor_id"]: row["beat"] for row in await connection.fetch(_SQL["beats"])}

    async def give_up(self, executor_id: str, beat: str, error: str, finished_us: int) -> int:
        with translated(PlanError, "give up the plans of an executor that is gone"):
            async with self._database.executor(executor_id) as connection:
                if await connection.execute(_SQL["leave"], executor_id, beat) != "DELETE 1":
                    return 0
                return await _abandon(connection, executor_id, error, finished_us)

    async def leave(self, executor_id: str) -> None:
        with translated(PlanError, "say that an executor has ended"):
            async with self._database.executor(executor_id) as connection:
                await connection.execute(_SQL["leave"], executor_id, None)

    async def _one(self, doing: str, name: str, tenant_id: str, plan_id: str, *values: Any) -> PlanExecution | None:
        if not is_storable(tenant_id, plan_id):
            return None
        with translated(PlanError, doing):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL[name], tenant_id, plan_id, *values)
        return _execution(row) if row else None


async def _abandon(connection: Connection, executor_id: str, error: str, finished_us: int) -> int:
    status = await connection.execute(_SQL["abandon"], executor_id, _bytes(error), finished_us)
    return int(status.removeprefix("UPDATE "))


async def _keep_steps(connection: Connection, execution: PlanExecution, steps: Sequence[StepRecord]) -> None:
    if steps:
        columns = zip(*(_step_values(step) for step in steps), strict=True)
        own = (execution.tenant_id, execution.plan_id, execution.executor_id)
        await connection.execute(_SQL["progress"], *own, *(list(column) for column in columns))


def _added(execution: PlanExecution) -> tuple[object, ...]:
    return (
        execution.tenant_id, execution.plan_id, execution.name, execution.domain, _bytes(execution.query),
        execution.principal, execution.status, _json_bytes(execution.steps), execution.created_us,
        execution.schema_version, _json_bytes(execution.context), execution.version, execution.execution_mode,
        _json_bytes(execution.metadata), _json_bytes(execution.definition), execution.executor_id,
        execution.started_us, execution.finished_us, _json_bytes(execution.result),
        _json_bytes(execution.step_results), None if execution.error is None else _bytes(execution.error),
    )  # fmt: skip


def _version_values(version: PlanVersion) -> tuple[object, ...]:
    return (
        version.tenant_id, version.plan_id, version.version, version.kind, version.changed_us, version.changed_by,
        _bytes(version.summary), version.domain, version.execution_mode, _json_bytes(version.metadata),
        _json_bytes(version.definition),
    )  # fmt: skip


def _step_values(step: StepRecord) -> tuple[object, ...]:
    facts = {name: getattr(step, name) for name in _FACTS}
    return step.name, step.state.value, step.started_us, step.finished_us, step.attempts, _json_bytes(facts)


def _step(row: Mapping[str, Any]) -> StepRecord:
    facts = json.loads(_text(row["facts"]))
    return StepRecord(
        row["step"], StepState(row["state"]), row["started_us"], row["finished_us"], facts["error"],
        tuple(facts["decision_ids"]), tuple(facts["reasons"]), row["attempts"], facts["cached"],
    )  # fmt: skip


def _execution(row: Mapping[str, Any]) -> PlanExecution:
    json_values = ("steps", "result", "step_results", "context", "metadata", "definition")
    values = _read(row, texts=("query", "error", "cancel_reason"), json_values=json_values)
    held = values.pop("held")
    return PlanExecution(**values, held=None if held is None else HeldRun.from_json(held))


def _listed(row: Mapping[str, Any]) -> PlanListed:
    values = {**_NOT_LISTED, **dict(row)}
    return PlanListed(succeeded=values.pop("succeeded"), execution=_execution(values))


def _read(row: Mapping[str, Any], texts: Sequence[str], json_values: Sequence[str]) -> dict[str, Any]:
    values = dict(row)
    for name in texts:
        if values[name] is not None:
            values[name] = _text(values[name])
    for name in json_values:
        values[name] = json.loads(_text(values[name]))
    return values


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
