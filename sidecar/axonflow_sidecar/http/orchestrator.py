"""The orchestrator's application. Its plan routes are for our agents alone, which serve them to everybody else."""

from __future__ import annotations

from axonflow_sidecar.http.asgi import Application
from axonflow_sidecar.http.identities import Identities
from axonflow_sidecar.http.log_ins import LogIns
from axonflow_sidecar.http.metrics import Metrics
from axonflow_sidecar.http.middleware.measuring import measured
from axonflow_sidecar.http.middleware.tracing import traced
from axonflow_sidecar.http.routes.health import health, metrics_page
from axonflow_sidecar.http.routes.passing_on import PLAN_TIMEOUT_S
from axonflow_sidecar.http.routes.plan_requests import plan_requests
from axonflow_sidecar.http.routes.plan_table import orchestrator_plan_routes
from axonflow_sidecar.http.routes.plans import OrchestratorServices
from axonflow_sidecar.http.routes.policies_in_force import policy_summary
from axonflow_sidecar.http.routes.workflows import workflow_routes
from axonflow_sidecar.http.routing import INTERNAL, PUBLIC, Route, routed

__all__ = ["create_orchestrator", "orchestrator_routes"]


def create_orchestrator(
    services: OrchestratorServices, identities: Identities, metrics: Metrics, *, log_all: bool = False
) -> Application:
    """An ASGI application. Keys open ``/metrics`` only; plans need the internal credential and a signed identity."""
    application = routed(orchestrator_routes(services, metrics), identities, LogIns(services.flow))
    return traced(measured(application, metrics, log_all=log_all))


def orchestrator_routes(services: OrchestratorServices, metrics: Metrics) -> list[Route]:
    """The orchestrator's routes, each with the permission that it takes."""
    return [
        Route("GET", "/health", health("axonflow-orchestrator", services, policy_summary(services)), PUBLIC),
        Route("GET", "/metrics", metrics_page(metrics), "metrics.read"),
        Route("POST", "/api/request", plan_requests(services), INTERNAL, PLAN_TIMEOUT_S),
        *orchestrator_plan_routes(services),
        *workflow_routes(services),
    ]
