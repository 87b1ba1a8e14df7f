"""``GET /health`` and ``GET /metrics``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from axonflow import __version__
from axonflow.ids import now_us
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.metrics import CONTENT_TYPE, Metrics
from axonflow_sidecar.http.translate import rfc3339

__all__ = ["health", "metrics_page"]

_CAPABILITIES = {
    "axonflow-agent": {
        "health_check": "GET /health",
        "decisions": "POST /v1/decisions: Request and Decision verbatim",
        "seam_capability_decisioning": "POST /api/v1/decide",
        "gateway_mode": "POST /api/policy/pre-check and /api/audit/llm-call",
        "audit_llm_call": "POST /api/audit/llm-call",
        "audit_search": "POST /api/v1/audit/search",
        "static_policies": "/api/v1/static-policies: patterns, in force at once",
        "dynamic_policies": "/api/v1/dynamic-policies: conditions, in force at once",
        "multi_agent_planning": "POST /api/request with multi-agent-plan and execute-plan",
    },
    "axonflow-orchestrator": {"health_check": "GET /health", "multi_agent_planning": "plans, through the agent"},
}


def health(service: str, unwell: Callable[[], str | None], policies: Callable[[], dict[str, Any]]) -> Handler:
    """The handler that says whether `service` can answer: 200 and ``healthy``, or 503 and why not.

    200 and ``degraded`` is between them: it decides, by `policies` that may not be the latest.
    """
    capabilities = [
        {"name": name, "since": __version__, "description": text} for name, text in _CAPABILITIES[service].items()
    ]

    async def handler(call: Call) -> Reply:
        del call
        problem = unwell()
        summary = policies()
        sound = "degraded" if "degraded_since" in summary else "healthy"
        body: dict[str, Any] = {
            "status": "unhealthy" if problem else sound,
            "service": service,
            "version": __version__,
            "timestamp": rfc3339(now_us()),
            "deployment_mode": "sidecar",
            "capabilities": capabilities,
            "policies": summary,
        }
        if problem:
            body["reason"] = problem
        return Reply(msgspec.json.encode(body), 503 if problem else 200)

    return handler


def metrics_page(metrics: Metrics) -> Handler:
    """The handler of ``GET /metrics``, in the Prometheus text format."""

    async def handler(call: Call) -> Reply:
        del call
        return Reply(metrics.exposition(), content_type=CONTENT_TYPE)

    return handler
