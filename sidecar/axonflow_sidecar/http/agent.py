"""The agent's application: pure ASGI, so that any server can carry it and nothing stands on the hot path."""

from __future__ import annotations

from axonflow_sidecar.http.asgi import Application
from axonflow_sidecar.http.keys import KeyRing
from axonflow_sidecar.http.middleware.measuring import measured
from axonflow_sidecar.http.middleware.tracing import traced
from axonflow_sidecar.http.routes.audit_search import audit_search
from axonflow_sidecar.http.routes.decide import decide
from axonflow_sidecar.http.routes.decisions import decisions
from axonflow_sidecar.http.routes.gateway import llm_call, pre_check
from axonflow_sidecar.http.routes.health import health, metrics_page
from axonflow_sidecar.http.routes.policies_in_force import policies_in_force, policy_summary
from axonflow_sidecar.http.routes.requests import plan_status, proxy_request
from axonflow_sidecar.http.routes.reveal import reveal
from axonflow_sidecar.http.routing import Route, routed
from axonflow_sidecar.http.services import AgentServices

__all__ = ["create_agent"]

PLAN_TIMEOUT_S = 600


def create_agent(services: AgentServices, keys: KeyRing, *, log_all: bool = False) -> Application:
    """An ASGI application that answers the agent's routes for holders of one of `keys`; see docs/reference/http.md."""
    routes = [
        Route("GET", "/health", health("axonflow-agent", services.unwell, policy_summary(services)), public=True),
        Route("GET", "/v1/policies", policies_in_force(services)),
        Route("GET", "/metrics", metrics_page(services.metrics)),
        Route("POST", "/v1/decisions", decisions(services)),
        Route("POST", "/v1/reveal", reveal(services)),
        Route("POST", "/api/v1/decide", decide(services)),
        Route("POST", "/api/policy/pre-check", pre_check(services)),
        Route("POST", "/api/audit/llm-call", llm_call(services)),
        Route("POST", "/api/v1/audit/search", audit_search(services)),
        Route("POST", "/api/request", proxy_request(services), timeout_s=PLAN_TIMEOUT_S),
        Route("GET", "/api/v1/plan/{id}", plan_status(services)),
    ]
    return traced(measured(routed(routes, keys), services.metrics, log_all=log_all))
