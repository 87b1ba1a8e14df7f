"""The workflow control plane at the agent: checked here, done by the orchestrator."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from axonflow import RequestError
from axonflow.tenancy import Permission
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.routes.passing_on import pass_on, review_timeout_s
from axonflow_sidecar.http.routing import Route
from axonflow_sidecar.http.services import AgentServices

__all__ = ["workflow_doors"]

_PLACE: Final = "/api/v1/workflows"
_STEP: Final = f"{_PLACE}/{{id}}/steps/{{step}}"
_BACK: Final = f"{_PLACE}/{{id}}/checkpoints"


class _Door(NamedTuple):
    method: str
    path: str
    permission: Permission
    query: tuple[str, ...] = ()


_DOORS: Final = (
    _Door("POST", _PLACE, "plans.run"),
    _Door("GET", _PLACE, "plans.read", ("status", "source", "trace_id", "limit", "offset")),
    _Door("GET", f"{_PLACE}/approvals/pending", "plans.read", ("limit", "offset")),
    _Door("GET", f"{_PLACE}/{{id}}", "plans.read"),
    _Door("POST", f"{_PLACE}/{{id}}/complete", "plans.run"),
    _Door("POST", f"{_PLACE}/{{id}}/fail", "plans.run"),
    _Door("POST", f"{_PLACE}/{{id}}/abort", "plans.run"),
    _Door("POST", f"{_PLACE}/{{id}}/resume", "plans.run"),
    _Door("POST", f"{_STEP}/gate", "plans.run", ("include_prior_output",)),
    _Door("POST", f"{_STEP}/complete", "plans.run"),
    _Door("POST", f"{_STEP}/approve", "approvals.decide"),
    _Door("POST", f"{_STEP}/reject", "approvals.decide"),
    _Door("GET", _BACK, "plans.read"),
    _Door("POST", f"{_BACK}/resume", "plans.run"),
    _Door("POST", f"{_BACK}/{{checkpoint}}/resume", "plans.run"),
)


def workflow_doors(services: AgentServices) -> list[Route]:
    """The routes, each with the permission that it takes."""
    return [
        Route(door.method, door.path, _forwarding(services, door), door.permission, review_timeout_s(door.path))
        for door in _DOORS
    ]


def _forwarding(services: AgentServices, door: _Door) -> Handler:
    async def handler(call: Call) -> Reply:
        query = call.query(*door.query)
        data = await call.json_body() if door.method == "POST" else b""
        path = _filled(door.path, call.values) + (f"?{urlencode(query)}" if query else "")
        return await pass_on(services, call, data, call.header(b"x-user-token"), path)

    return handler


def _filled(path: str, values: tuple[str, ...]) -> str:
    """`path` with what stood for its variable segments, quoted: whatever they are, they stay one segment each. Raises
    Refused (404) for dot segments, which a client resolves (RFC 3986, section 5.2.4): it would be another path."""
    if any(value in (".", "..") for value in values):
        raise Refused(404, RequestError("no such workflow or step", expected="an id", found="a dot segment"))
    left = iter(values)
    return "/".join(quote(next(left), safe="") if part.startswith("{") else part for part in path.split("/"))
