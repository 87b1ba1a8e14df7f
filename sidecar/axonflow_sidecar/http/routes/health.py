"""``GET /health`` and ``GET /metrics``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from axonflow import __version__
from axonflow.app.durable import SpoolFigures, Trouble
from axonflow.app.following import PolicyStatus
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
        "decision_records": "GET /api/v1/decisions and /api/v1/decisions/{id}/explain",
        "static_policies": "/api/v1/static-policies: patterns, in force at once",
        "dynamic_policies": "/api/v1/dynamic-policies: conditions, in force at once",
        "multi_agent_planning": "POST /api/request: plans made, run, changed and cancelled",
        "workflow_control": "/api/v1/workflows: gates for steps of other orchestrators",
        "wcp_step_metrics": "tokens and cost of their steps, in the trail",
    },
    "axonflow-orchestrator": {
        "health_check": "GET /health",
        "multi_agent_planning": "plans, through the agent",
        "workflow_control": "workflows, through the agent",
    },
}


class _Services(Protocol):
    @property
    def unwell(self) -> Callable[[], str | None]:
        """What keeps the service from answering, or None."""

    @property
    def troubles(self) -> Callable[[], Sequence[Trouble]]:
        """What does not work while it answers, but for the policies."""

    @property
    def spool(self) -> Callable[[], SpoolFigures | None]:
        """What waits for the database, or None without one."""

    @property
    def policies(self) -> Callable[[], PolicyStatus | None]:
        """How policies from the database stand, or None where there are files alone."""


def health(service: str, services: _Services, summary: Callable[[], dict[str, Any]]) -> Handler:
    """The handler that says whether `service` can answer: 200 and ``healthy``, or 503 and why not.

    200 and ``degraded`` is between them: it decides and records, but not all around it works. Why is in ``degraded``,
    a list of parts, with `summary` of the policies beside it. ``audit`` is how the spool stands; it tells of no tenant.
    """
    capabilities = [
        {"name": name, "since": __version__, "description": text} for name, text in _CAPABILITIES[service].items()
    ]

    async def handler(call: Call) -> Reply:
        del call
        problem = services.unwell()
        troubles = [*_of_policies(services.policies()), *services.troubles()]
        sound = "degraded" if troubles else "healthy"
        body: dict[str, Any] = {
            "status": "unhealthy" if problem else sound,
            "service": service,
            "version": __version__,
            "timestamp": rfc3339(now_us()),
            "deployment_mode": "sidecar",
            "capabilities": capabilities,
            "policies": summary(),
        }
        if (spool := services.spool()) is not None:
            body["audit"] = _audit(spool)
        if troubles:
            body["degraded"] = [
                {"part": one.part, "since": rfc3339(one.since_us), "reason": one.reason} for one in troubles
            ]
        if problem:
            body["reason"] = problem
        return Reply(msgspec.json.encode(body), 503 if problem else 200)

    return handler


def _audit(spool: SpoolFigures) -> dict[str, Any]:
    return {
        "waiting_records": spool.records, "waiting_bytes": spool.size_bytes, "max_bytes": spool.max_bytes,
        "lag_seconds": spool.lag_us / 1_000_000, "quarantined": spool.quarantined, "lost": spool.lost,
        "shed": spool.shed, "damaged_files": spool.damaged,
        "mode": spool.usual, "tenants_async": spool.own_async, "tenants_durable": spool.own_durable,
    }  # fmt: skip


def _of_policies(status: PolicyStatus | None) -> list[Trouble]:
    if status is None or status.degraded_since_us is None:
        return []
    reason = "the store of policies does not answer: the last ones that are known are in force"
    return [Trouble("policies", status.degraded_since_us, reason)]


def metrics_page(metrics: Metrics) -> Handler:
    """The handler of ``GET /metrics``, in the Prometheus text format."""

    async def handler(call: Call) -> Reply:
        del call
        return Reply(metrics.exposition(), content_type=CONTENT_TYPE)

    return handler
