"""The agent's application: pure ASGI, so that any server can carry it and nothing stands on the hot path."""

from __future__ import annotations

from axonflow_sidecar.http.asgi import Application
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.log_ins import LogIns
from axonflow_sidecar.http.middleware.measuring import measured
from axonflow_sidecar.http.middleware.tracing import traced
from axonflow_sidecar.http.routes.audit_erase import audit_erase
from axonflow_sidecar.http.routes.audit_search import audit_of_tenant, audit_search
from axonflow_sidecar.http.routes.audit_tail import audit_tail
from axonflow_sidecar.http.routes.decide import decide
from axonflow_sidecar.http.routes.decision_records import decision_list, explain_decision
from axonflow_sidecar.http.routes.decisions import decisions
from axonflow_sidecar.http.routes.gateway import llm_call, pre_check
from axonflow_sidecar.http.routes.health import health, metrics_page
from axonflow_sidecar.http.routes.keys import key_routes
from axonflow_sidecar.http.routes.passing_on import PLAN_TIMEOUT_S
from axonflow_sidecar.http.routes.plan_table import agent_plan_routes
from axonflow_sidecar.http.routes.policies_in_force import policies_in_force, policy_summary
from axonflow_sidecar.http.routes.policy_sets import policy_set_routes
from axonflow_sidecar.http.routes.policy_table import policy_routes
from axonflow_sidecar.http.routes.requests import proxy_request
from axonflow_sidecar.http.routes.reveal import reveal
from axonflow_sidecar.http.routes.roles import role_routes
from axonflow_sidecar.http.routes.tenants import tenant_routes
from axonflow_sidecar.http.routes.tool_call import tool_call
from axonflow_sidecar.http.routes.workflow_doors import workflow_doors
from axonflow_sidecar.http.routing import PUBLIC, Route, routed
from axonflow_sidecar.http.services import AgentServices

__all__ = ["agent_routes", "create_agent"]


def create_agent(services: AgentServices, identities: Identities, *, log_all: bool = False) -> Application:
    """An ASGI application that answers the agent's routes for whom `identities` know; see docs/reference/http.md."""
    application = routed(agent_routes(services), identities, LogIns(services.flow))
    return traced(measured(application, services.metrics, log_all=log_all))


def agent_routes(services: AgentServices) -> list[Route]:
    """The agent's routes, each with the permission that it takes."""
    return [
        Route("GET", "/health", health("axonflow-agent", services, policy_summary(services)), PUBLIC),
        Route("GET", "/v1/policies", policies_in_force(services), "policies.read"),
        Route("GET", "/metrics", metrics_page(services.metrics), "metrics.read"),
        Route("POST", "/v1/decisions", decisions(services), "decisions.make"),
        Route("POST", "/v1/reveal", reveal(services), "vault.reveal"),
        *tenant_routes(services),
        *key_routes(services),
        *role_routes(services),
        Route("POST", "/api/v1/decide", decide(services), "decisions.make"),
        Route("POST", "/api/policy/pre-check", pre_check(services), "decisions.make"),
        Route("POST", "/api/audit/llm-call", llm_call(services), "calls.record"),
        Route("POST", "/api/v1/audit/tool-call", tool_call(services), "calls.record"),
        Route("POST", "/api/v1/audit/search", audit_search(services), "audit.read"),
        Route("GET", "/api/v1/audit/tenant/{tenant_id}", audit_of_tenant(services), "audit.read"),
        Route("POST", "/v1/audit/persons/erase", audit_erase(services), "persons.erase"),
        Route("GET", "/v1/audit/tail", audit_tail(services), "audit.read"),
        Route("GET", "/api/v1/decisions", decision_list(services), "audit.read"),
        Route("GET", "/api/v1/decisions/{id}/explain", explain_decision(services), "audit.read"),
        Route("POST", "/api/request", proxy_request(services), "plans.run", PLAN_TIMEOUT_S),
        *agent_plan_routes(services),
        *workflow_doors(services),
        *policy_routes(services),
        *policy_set_routes(services),
    ]
