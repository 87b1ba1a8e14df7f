"""Count and time every call, and log those that went wrong."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from time import perf_counter
from typing import Any

from axonflow_sidecar.http.asgi import Application, Receive, Scope, Send
from axonflow_sidecar.http.metrics import Metrics

__all__ = ["measured"]

_log = logging.getLogger("axonflow.access")


def measured(app: Application, metrics: Metrics, *, log_all: bool) -> Application:
    """`app`, counted in `metrics` under the route that the router found. Calls that fail are logged, or all of them."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        status = 500

        async def send_measured(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started_s = perf_counter()
        try:
            await app(scope, receive, send_measured)
        finally:
            took_s = perf_counter() - started_s
            route = scope.get("axonflow.route", "none")
            metrics.answered(route, status, took_s)
            if log_all or status >= 400:
                _log_call(scope, route, status, took_s)

    return application


def _log_call(scope: Scope, route: str, status: int, took_s: float) -> None:
    origin = scope["axonflow.origin"]
    level = logging.INFO if status < 500 else logging.ERROR
    facts = {
        "route": route, "method": scope["method"], "status": status, "took_ms": round(took_s * 1000, 3),
        "request_id": origin.request_id, "trace_id": origin.trace_id,
    }  # fmt: skip
    _log.log(level, "answered", extra={"facts": facts})
