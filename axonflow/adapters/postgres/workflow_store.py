"""Workflows of other orchestrators, and the gates of their steps, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec
from msgspec.structs import replace

from axonflow.adapters.postgres.database import ONE_MOMENT, PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import WorkflowError
from axonflow.plan.workflows.refusals import WorkflowConflict
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

__all__ = ["PostgresWorkflowSteps", "PostgresWorkflows"]

_SQL: Final = named_queries("workflows.sql")
_ROWS_AT_ONCE: Final = 16
"""Of a megabyte at most."""
_LOOK_FIRST: Final = "Look whether it was done, and do it again if it was not: it is as a whole or not at all."


class PostgresWorkflows:
    """A WorkflowStore. It sees one tenant at a time."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def add(self, workflow: Workflow) -> None:
        values = (
            workflow.tenant_id, workflow.workflow_id, workflow.schema_version, workflow.state.value, workflow.source,
            workflow.trace_id, workflow.created_us, workflow.version, _bytes(workflow), MAX_IN_PROGRESS,
        )  # fmt: skip
        with translated(WorkflowError, "keep a workflow", hint=_LOOK_FIRST):
            async with self._database.tenant(workflow.tenant_id) as connection:
                status = await connection.execute(_SQL["add"], *values)
        if status == "INSERT 0 1":
            return
        if await self.get(workflow.tenant_id, workflow.workflow_id) is None:
            if await self._in_progress(workflow.tenant_id) >= MAX_IN_PROGRESS:
                raise too_many_workflows()
            raise WorkflowConflict("the tenant is being deleted", expected="one that may make workflows")
        raise WorkflowConflict("the workflow's id is taken", expected="a new id", found=workflow.workflow_id[:64])

    async def get(self, tenant_id: str, workflow_id: str) -> Workflow | None:
        if not is_storable(tenant_id, workflow_id):
            return None
        with translated(WorkflowError, "read a workflow"):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL["get"], tenant_id, workflow_id)
        return _workflow(row) if row else None

    async def seen(self, tenant_id: str, workflow_id: str, revision: int = -1) -> WorkflowSeen | None:
        place = (tenant_id, workflow_id)
        if not is_storable(*place):
            return None
        with translated(WorkflowError, "read a workflow and its steps"):
            async with self._database.tenant(tenant_id, isolation=ONE_MOMENT) as connection:
                row = await connection.fetchrow(_SQL["get_with_revision"], *place)
                if row is None:
                    return None
                workflow, now = _workflow(row), row["revision"]
                if now == revision:
                    return WorkflowSeen(workflow, now)
                rows = connection.cursor(_SQL["steps"], *place, prefetch=_ROWS_AT_ONCE)
                return WorkflowSeen(
                    workflow, now, [_step(one["record"], one["step_index"]).outline() async for one in rows]
                )

    async def page(self, query: WorkflowQuery) -> WorkflowPage:
        if not is_storable(query.tenant_id, query.trace_id, query.workflow_id):
            return WorkflowPage((), 0)
        asked = (
            query.tenant_id, None if query.state is None else query.state.value, query.source, query.trace_id,
            query.workflow_id, query.since_us, query.until_us,
        )  # fmt: skip
        with translated(WorkflowError, "list workflows"):
            async with self._database.tenant(query.tenant_id) as connection:
                rows = await connection.fetch(_SQL["page"], *asked, query.limit, query.offset)
                total = await connection.fetchval(_SQL["total"], *asked)
        return WorkflowPage(tuple([WorkflowListed(_workflow(row), row["completed"]) for row in rows]), total)

    async def _in_progress(self, tenant_id: str) -> int:
        with translated(WorkflowError, "count workflows"):
            async with self._database.tenant(tenant_id) as connection:
                return int(await connection.fetchval(_SQL["in_progress"], tenant_id))

    async def change(self, workflow: Workflow, unless_held_us: int | None = None) -> bool:
        place = (workflow.tenant_id, workflow.workflow_id)
        values = (*place, workflow.state.value, workflow.version, _bytes(workflow), unless_held_us)
        with translated(WorkflowError, "change a workflow", hint=_LOOK_FIRST):
            async with self._database.tenant(workflow.tenant_id) as connection:
                if unless_held_us is not None:
                    await connection.execute(_SQL["lock"], *place)
                return bool(await connection.execute(_SQL["change"], *values) == "UPDATE 1")


class PostgresWorkflowSteps:
    """A WorkflowStepStore. It sees one tenant at a time."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def get(self, tenant_id: str, workflow_id: str, step_id: str) -> WorkflowStep | None:
        if not is_storable(tenant_id, workflow_id, step_id):
            return None
        with translated(WorkflowError, "read a step"):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL["get_step"], tenant_id, workflow_id, step_id)
        return _step(row["record"], row["step_index"]) if row else None

    async def keep(self, step: WorkflowStep) -> WorkflowStep | None:
        place = (step.tenant_id, step.workflow_id, step.step_id)
        if not is_storable(*place):
            return None
        values = (*place, step.state.value, step.expires_us, step.version, _bytes(step))
        is_new = step.version == 1
        with translated(WorkflowError, "keep a step", hint=_LOOK_FIRST):
            try:
                async with self._database.tenant(step.tenant_id) as connection:
                    if is_new:
                        row = await connection.fetchrow(_SQL["add_step"], *values, step.schema_version, MAX_STEPS)
                    else:
                        row = await connection.fetchrow(_SQL["change_step"], *values)
            except asyncpg.UniqueViolationError:  # somebody else added it first
                return None
        if row is None and is_new:
            await self._check_room(step)
        return None if row is None else replace(step, index=row["step_index"])

    async def held(self, tenant_id: str, now_us: int, limit: int, offset: int = 0) -> Sequence[HeldStep]:
        with translated(WorkflowError, "list what waits for approval"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["held"], tenant_id, now_us, limit, offset)
        return [HeldStep(_workflow(row), _step(row["step_record"], row["step_index"])) for row in rows]

    async def _check_room(self, step: WorkflowStep) -> None:
        """Raise WorkflowConflict if it is for want of room that a new step was not added."""
        workflow = await PostgresWorkflows(self._database).get(step.tenant_id, step.workflow_id)
        if workflow is not None and workflow.state == "in_progress" and workflow.steps >= MAX_STEPS:
            raise too_many_steps(step)


def _workflow(row: Mapping[str, Any]) -> Workflow:
    return replace(_read_workflow(row["record"]), steps=row["steps"])


def _step(record: bytes, index: int) -> WorkflowStep:
    return replace(_read_step(record), index=index)


def _bytes(record: Workflow | WorkflowStep) -> bytes:
    try:
        return _encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise WorkflowError("a value that cannot be kept", expected="JSON", found=type(error).__name__) from None


_encode: Final = msgspec.json.Encoder().encode
_read_workflow: Final = msgspec.json.Decoder(Workflow).decode
_read_step: Final = msgspec.json.Decoder(WorkflowStep).decode
