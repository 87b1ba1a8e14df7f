"""Executions at the orchestrator: what ran, step by step; and how it stands, whatever kind it is of."""

from __future__ import annotations

from typing import Final

import msgspec

from axonflow import RequestError
from axonflow.errors import PlanConflict, TenancyForbidden
from axonflow.plan import PlanExecution
from axonflow_sidecar.http.administration import limit_of, offset_of, shown
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.routes.kept_executions import (
    ExecutionQuery,
    KeptExecution,
    KeptPlan,
    KeptWorkflow,
    abort_workflow,
    found_execution,
    listed,
)
from axonflow_sidecar.http.routes.plan_changes import cancel_reason, cancelled
from axonflow_sidecar.http.routes.plans import Asked, OrchestratorServices, asked_by, keeping, recorded_for
from axonflow_sidecar.http.translate import parse_time_us

__all__ = [
    "cancel_execution", "delete_execution", "execution_detail", "execution_export", "execution_list",
    "execution_status", "execution_steps", "execution_timeline", "unified_list",
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
        query = _query(asked, told)
        rows, total = await listed(services, query)
        found = [one.summary() for one in rows]
        return shown({"executions": found, "total": total, "limit": query.limit, "offset": query.offset})

    return handler


def unified_list(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/unified/executions``: the newest first, without their steps."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        told = _PAGE | call.query("limit", "offset", "status", "execution_type", "tenant_id", "org_id")
        if told.get("tenant_id", asked.tenant_id) != asked.tenant_id:
            raise Refused(403, TenancyForbidden("a key for another tenant", expected="the tenant of the key"))
        kind = told.get("execution_type")
        if kind is not None and kind not in _TYPES:
            raise RequestError("no such type", expected=" or ".join(_TYPES), found=ascii(kind)[:40])
        query = _query(asked, told)
        rows, total = await listed(services, query)
        return shown(
            {
                "executions": [one.unified() for one in rows], "total": total, "limit": query.limit,
                "offset": query.offset, "has_more": query.offset + len(rows) < total,
            }
        )  # fmt: skip

    return handler


def execution_detail(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/executions/{id}``."""

    async def handler(call: Call) -> Reply:
        kept = await _found(services, call)
        return shown({"summary": kept.summary(), "steps": kept.snapshots()})

    return handler


def execution_steps(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/executions/{id}/steps``."""

    async def handler(call: Call) -> Reply:
        return Reply(msgspec.json.encode((await _found(services, call)).snapshots()))

    return handler


def execution_timeline(services: OrchestratorServices) -> Handler:
    """The handler of ``GET /api/v1/executions/{id}/timeline``."""

    async def handler(call: Call) -> Reply:
        return Reply(msgspec.json.encode((await _found(services, call)).timeline()))

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
        kept = await _found(services, call)
        snapshots = [{name: value for name, value in one.items() if name not in left_out} for one in kept.snapshots()]
        summary = {name: value for name, value in kept.summary().items() if name != "output_summary"}
        return shown({"execution": summary, "steps": snapshots, "timeline": kept.timeline()})

    return handler


def delete_execution(services: OrchestratorServices) -> Handler:
    """The handler of ``DELETE /api/v1/executions/{id}``: of a plan that has ended. The trail keeps what was done."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        kept = await found_execution(services, asked, call.value)
        if isinstance(kept, KeptWorkflow):
            conflict = PlanConflict("a workflow stays", expected="a plan", hint="It goes with its tenant.")
            raise Refused(409, conflict)
        execution = kept.execution
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
        return shown((await _found(services, call)).unified())

    return handler


def cancel_execution(services: OrchestratorServices) -> Handler:
    """The handler of ``POST /api/v1/unified/executions/{id}/cancel``: a workflow is aborted."""

    async def handler(call: Call) -> Reply:
        asked = asked_by(services, call)
        kept = await found_execution(services, asked, call.value)
        reason = await cancel_reason(call)
        if isinstance(kept, KeptWorkflow):
            after: KeptExecution = await abort_workflow(services, asked, call.value, reason)
        else:
            after = KeptPlan(await cancelled(services, asked, call.value, reason), 0)
        return shown({"execution_id": call.value, "status": after.unified()["status"], "success": True})

    return handler


async def _remove(services: OrchestratorServices, execution: PlanExecution) -> None:
    with keeping():
        is_gone = await services.plans.kept.remove(execution.tenant_id, execution.plan_id)
    if not is_gone:
        raise PlanConflict(
            "the plan has not ended", expected="one that has", found=execution.status, hint="Cancel it first."
        )


async def _found(services: OrchestratorServices, call: Call) -> KeptExecution:
    return await found_execution(services, asked_by(services, call), call.value)


def _query(asked: Asked, told: dict[str, str]) -> ExecutionQuery:
    since, until = told.get("start_time"), told.get("end_time")
    return ExecutionQuery(
        tenant_id=asked.tenant_id, kind=told.get("execution_type"), status=told.get("status"),
        execution_id=told.get("workflow_id"), since_us=None if since is None else parse_time_us(since, "start_time"),
        until_us=None if until is None else parse_time_us(until, "end_time"), limit=limit_of(told),
        offset=offset_of(told),
    )  # fmt: skip


def _is_wanted(told: dict[str, str], part: str, usual: str) -> bool:
    said = told.get(part, usual).lower()
    if said not in ("true", "false"):
        raise RequestError("not true or false", expected="true or false", found=ascii(said)[:40], at=part)
    return said == "true"
