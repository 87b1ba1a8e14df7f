"""Executions at the orchestrator: what ran, step by step; and how it stands, whatever kind it is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from axonflow import RequestError
from axonflow.errors import PlanConflict, TenancyForbidden
from axonflow.plan import PlanExecution, StepRecord, StepState
from axonflow.plan.keeping.execution import PlanPage, PlanQuery
from axonflow_sidecar.http.administration import limit_of, offset_of, shown
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.plan_shapes import (
    STATUSES,
    execution_of,
    snapshots_of,
    summary_of,
    timeline_of,
)
from axonflow_sidecar.http.routes.plan_changes import cancelled
from axonflow_sidecar.http.routes.plans import (
    Asked,
    OrchestratorServices,
    asked_by,
    found_plan,
    keeping,
    recorded_for,
)
from axonflow_sidecar.http.translate import parse_time_us

__all__ = [
    "cancel_execution", "delete_execution", "execution_detail", "execution_export", "execution_list",
    "execution_status", "execution_steps", "execution_timeline", "found_with_steps", "succeeded_of", "unified_list",
]  # fmt: skip

_PAGE: Final = {"limit": "50"}
_TYPES: Final = ("map_plan", "wcp_workflow")
_PARTS: Final = {"include_input": ("input",), "include_output": ("output",), "include_policies": (
    "policies_checked", "policies_triggered", "decision_ids")}  # fmt: skip


def execution_list(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/executions``: the newest first."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        told = _PAGE | call.query("limit", "offset", "status", "workflow_id", "start_time", "end_time")
        page = await _page(services, asked, told, told.get("workflow_id"))
        found = [summary_of(one.execution, one.succeeded) for one in page.plans]
        return shown({"executions": found, "total": page.total, "limit": limit_of(told), "offset": offset_of(told)})

    return handler


def unified_list(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/unified/executions``: the newest first, without their steps."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        told = _PAGE | call.query("limit", "offset", "status", "execution_type", "tenant_id", "org_id")
        if told.get("tenant_id", asked.tenant_id) != asked.tenant_id:
            raise Refused(403, TenancyForbidden("a key for another tenant", expected="the tenant of the key"))
        kind = told.get("execution_type", "map_plan")
        if kind not in _TYPES:
            raise RequestError("no such type", expected=" or ".join(_TYPES), found=ascii(kind)[:40])
        page = PlanPage((), 0) if kind != "map_plan" else await _page(services, asked, told, None)
        limit, offset = limit_of(told), offset_of(told)
        return shown(
            {
                "executions": [execution_of(one.execution, one.succeeded) for one in page.plans],
                "total": page.total, "limit": limit, "offset": offset,
                "has_more": offset + len(page.plans) < page.total,
            }
        )  # fmt: skip

    return handler


def execution_detail(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/executions/{id}``."""

    async def handler(call: Call) -> Reply:
        execution, steps = await found_with_steps(services, call)
        summary = summary_of(execution, succeeded_of(steps))
        summary["output_summary"] = execution.result
        return shown({"summary": summary, "steps": snapshots_of(execution, steps)})

    return handler


def execution_steps(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/executions/{id}/steps``."""

    async def handler(call: Call) -> Reply:
        return Reply(msgspec.json.encode(snapshots_of(*await found_with_steps(services, call))))

    return handler


def execution_timeline(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/executions/{id}/timeline``."""

    async def handler(call: Call) -> Reply:
        return Reply(msgspec.json.encode(timeline_of(*await found_with_steps(services, call))))

    return handler


def execution_export(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/executions/{id}/export``: all of it, but for what is not wanted."""

    async def handler(call: Call) -> Reply:
        told = call.query("format", *_PARTS)
        if told.get("format", "json") != "json":
            raise RequestError("no such format", expected="json", found=ascii(told["format"])[:40])
        # The published client names what it wants, and says nothing of the rest.
        usual = "true" if told.keys().isdisjoint(_PARTS) else "false"
        left_out = {name for part, names in _PARTS.items() if not _is_wanted(told, part, usual) for name in names}
        execution, steps = await found_with_steps(services, call)
        snapshots = [
            {name: value for name, value in one.items() if name not in left_out}
            for one in snapshots_of(execution, steps)
        ]
        summary = summary_of(execution, succeeded_of(steps))
        return shown({"execution": summary, "steps": snapshots, "timeline": timeline_of(execution, steps)})

    return handler


def delete_execution(services: OrchestratorServices) -> Handler:
    """The handler of ``DELETE /api/v1/executions/{id}``: of one that has ended. The trail keeps what was done."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        execution = await found_plan(services, asked, call.value)
        try:
            async with recorded_for(services, asked, "plan.delete", execution.plan_id):
                await _remove(services, execution)
        except PlanConflict as conflict:
            raise Refused(409, conflict) from None
        return Reply(b"", 204)

    return handler


def execution_status(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/unified/executions/{id}``."""

    async def handler(call: Call) -> Reply:
        execution, steps = await found_with_steps(services, call)
        return shown(execution_of(execution, succeeded_of(steps), steps))

    return handler


def cancel_execution(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/v1/unified/executions/{id}/cancel``."""

    async def handler(call: Call) -> Reply:
        execution = await cancelled(services, call)
        status = execution_of(execution, 0)["status"]
        return shown({"execution_id": execution.plan_id, "status": status, "success": True})

    return handler


async def _remove(services: OrchestratorServices, execution: PlanExecution) -> None:
    with keeping():
        is_gone = await services.plans.kept.remove(execution.tenant_id, execution.plan_id)
    if not is_gone:
        raise PlanConflict(
            "the plan has not ended", expected="one that has", found=execution.status, hint="Cancel it first."
        )


def succeeded_of(steps: Mapping[str, StepRecord]) -> int:
    """How many of them have succeeded."""
    return sum(one.state == StepState.SUCCEEDED for one in steps.values())


async def found_with_steps(
    services: OrchestratorServices, call: Call
) -> tuple[PlanExecution, Mapping[str, StepRecord]]:
    """The plan of the call's id and where its steps are. Raises Refused (404)."""
    asked = asked_by(services, call)
    execution = await found_plan(services, asked, call.value)
    with keeping():
        return execution, await services.plans.kept.steps(asked.tenant_id, execution.plan_id)


async def _page(services: OrchestratorServices, asked: Asked, told: dict[str, str], plan_id: str | None) -> PlanPage:
    status = told.get("status")
    if status is not None and status not in STATUSES and status not in ("aborted", "expired"):
        raise RequestError("no such status", expected=" or ".join(STATUSES), found=ascii(status)[:40])
    if status is not None and status not in STATUSES:  # of workflows, which plans are none
        return PlanPage((), 0)
    since, until = told.get("start_time"), told.get("end_time")
    query = PlanQuery(
        tenant_id=asked.tenant_id, statuses=() if status is None else STATUSES[status], plan_id=plan_id,
        since_us=None if since is None else parse_time_us(since, "start_time"),
        until_us=None if until is None else parse_time_us(until, "end_time"),
        limit=limit_of(told), offset=offset_of(told),
    )  # fmt: skip
    with keeping():
        return await services.plans.kept.page(query)


def _is_wanted(told: dict[str, str], part: str, usual: str) -> bool:
    said = told.get(part, usual).lower()
    if said not in ("true", "false"):
        raise RequestError("not true or false", expected="true or false", found=ascii(said)[:40], at=part)
    return said == "true"
