"""Section 8 of the wire contract as a table: each route with its handler and the permission that it takes.

What is written through the static and dynamic routes is in force at once, so that takes the permission to activate, and
beside it the one to write, which their handlers look for.
"""

from __future__ import annotations

from axonflow_sidecar.http.routes import typed_policies
from axonflow_sidecar.http.routes.api_policies import PolicyRoutes
from axonflow_sidecar.http.routes.policy_overrides import end_override, list_overrides, make_override, test_pattern
from axonflow_sidecar.http.routes.policy_simulation import conflicts, impact_report, simulate
from axonflow_sidecar.http.routing import Route
from axonflow_sidecar.http.services import AgentServices

__all__ = ["policy_routes"]

_STATIC = "/api/v1/static-policies"
_DYNAMIC = "/api/v1/dynamic-policies"
_POLICIES = "/api/v1/policies"
_TYPED = "/api/v1/typed-policies"


def policy_routes(services: AgentServices) -> list[Route]:
    """All of them."""
    routes = [
        Route("GET", f"{_STATIC}/overrides", list_overrides(services), "policies.read"),
        Route("POST", f"{_STATIC}/test", test_pattern(services), "policies.read"),
        Route("POST", f"{_STATIC}/{{id}}/override", make_override(services), "policies.activate"),
        Route("DELETE", f"{_STATIC}/{{id}}/override", end_override(services), "policies.activate"),
        Route("POST", f"{_POLICIES}/simulate", simulate(services), "policies.read"),
        Route("POST", f"{_POLICIES}/impact-report", impact_report(services), "policies.read"),
        Route("POST", f"{_POLICIES}/conflicts", conflicts(services), "policies.read"),
    ]
    routes += [
        Route("GET", f"{_TYPED}/edition", typed_policies.edition(services), "policies.read"),
        Route("POST", f"{_TYPED}/validate", typed_policies.validate(services), "policies.read"),
        Route("POST", f"{_TYPED}/publish", typed_policies.publish(services), "policies.write"),
        Route("POST", f"{_TYPED}/activate", typed_policies.activate(services), "policies.activate"),
        Route("GET", f"{_TYPED}/active", typed_policies.active(services), "policies.read"),
        Route("GET", f"{_TYPED}/system", typed_policies.system(services), "policies.read"),
    ]
    for path, own in ((_STATIC, PolicyRoutes(services, "static")), (_DYNAMIC, PolicyRoutes(services, "dynamic"))):
        routes += [
            Route("GET", path, own.list(), "policies.read"),
            Route("POST", path, own.create(), "policies.activate"),
            Route("GET", f"{path}/effective", own.effective(), "policies.read"),
            Route("GET", f"{path}/{{id}}", own.get(), "policies.read"),
            Route("PUT", f"{path}/{{id}}", own.change(), "policies.activate"),
            Route("PATCH", f"{path}/{{id}}", own.toggle(), "policies.activate"),
            Route("DELETE", f"{path}/{{id}}", own.delete(), "policies.activate"),
            Route("GET", f"{path}/{{id}}/versions", own.versions(), "policies.read"),
        ]
    return routes
