"""``POST /v1/decisions``: a Request as it is, and the Decision as it is."""

from __future__ import annotations

from axonflow import Request
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.services import AgentServices, enforced

__all__ = ["decisions"]


def decisions(services: AgentServices) -> Handler:
    """The handler of the main route."""

    async def handler(call: Call) -> Reply:
        request = Request.from_json(await call.json_body())
        return Reply((await enforced(services, call, request)).to_json())

    return handler
