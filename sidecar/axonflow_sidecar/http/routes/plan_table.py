"""The routes of plans and executions: one table for the orchestrator, which answers them, and the agent, which passes
them on for those who have the permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from axonflow.tenancy import Permission
from axonflow_sidecar.http.asgi import Handler
from axonflow_sidecar.http.routes.execution_stream import execution_stream
from axonflow_sidecar.http.routes.executions import (
    cancel_execution,
    delete_execution,
    execution_detail,
    execution_export,
    execution_list,
    execution_status,
    execution_steps,
    execution_timeline,
    unified_list,
)
from axonflow_sidecar.http.routes.passing_on import PLAN_TIMEOUT_S, passed_on, passed_on_stream
from axonflow_sidecar.http.routes.plan_approvals import pending_approvals, resume_plan
from axonflow_sidecar.http.routes.plan_changes import cancel_plan, plan_versions, roll_back_plan, update_plan
from axonflow_sidecar.http.routes.plans import OrchestratorServices, plan_status
from axonflow_sidecar.http.routing import HANDLER_TIMEOUT_S, INTERNAL, Route
from axonflow_sidecar.http.services import AgentServices

__all__ = ["agent_plan_routes", "orchestrator_plan_routes"]


class _Row(NamedTuple):
    method: str
    path: str
    permission: Permission
    answered: Callable[[OrchestratorServices], Handler]
    has_body: bool = False
    is_stream: bool = False
    timeout_s: float = HANDLER_TIMEOUT_S


_PLAN, _EXECUTION, _UNIFIED = "/api/v1/plan/{id}", "/api/v1/executions/{id}", "/api/v1/unified/executions/{id}"

_ROWS: Final = (
    _Row("GET", _PLAN, "plans.read", plan_status),
    _Row("PUT", _PLAN, "plans.run", update_plan, has_body=True, timeout_s=PLAN_TIMEOUT_S),
    _Row("POST", f"{_PLAN}/cancel", "plans.run", cancel_plan, has_body=True),
    _Row("GET", f"{_PLAN}/versions", "plans.read", plan_versions),
    _Row("POST", f"{_PLAN}/rollback/{{version}}", "plans.run", roll_back_plan),
    _Row("POST", f"{_PLAN}/resume", "approvals.decide", resume_plan, has_body=True, timeout_s=PLAN_TIMEOUT_S),
    _Row("GET", "/api/v1/plans/approvals/pending", "plans.read", pending_approvals),
    _Row("GET", "/api/v1/executions", "plans.read", execution_list),
    _Row("GET", _EXECUTION, "plans.read", execution_detail),
    _Row("DELETE", _EXECUTION, "plans.run", delete_execution),
    _Row("GET", f"{_EXECUTION}/steps", "plans.read", execution_steps),
    _Row("GET", f"{_EXECUTION}/timeline", "plans.read", execution_timeline),
    _Row("GET", f"{_EXECUTION}/export", "plans.read", execution_export),
    _Row("GET", "/api/v1/unified/executions", "plans.read", unified_list),
    _Row("GET", _UNIFIED, "plans.read", execution_status),
    _Row("POST", f"{_UNIFIED}/cancel", "plans.run", cancel_execution, has_body=True),
    _Row("GET", f"{_UNIFIED}/stream", "plans.read", execution_stream, is_stream=True),
)


def orchestrator_plan_routes(services: OrchestratorServices) -> list[Route]:
    """Those that the orchestrator answers."""
    return [Route(row.method, row.path, row.answered(services), INTERNAL, row.timeout_s) for row in _ROWS]


def agent_plan_routes(services: AgentServices) -> list[Route]:
    """Those that the agent passes on."""
    return [Route(row.method, row.path, _passed(services, row), row.permission, row.timeout_s) for row in _ROWS]


def _passed(services: AgentServices, row: _Row) -> Handler:
    if row.is_stream:
        return passed_on_stream(services, row.permission)
    return passed_on(services, has_body=row.has_body)
