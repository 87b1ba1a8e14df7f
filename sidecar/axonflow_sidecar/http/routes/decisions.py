"""``POST /v1/decisions``: a Request as it is, and the Decision as it is."""

from __future__ import annotations

from msgspec.structs import force_setattr

from axonflow import Request
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.services import AgentServices, enforced

__all__ = ["decisions"]


def decisions(services: AgentServices) -> Handler:
    """The handler of the main route."""

    async def handler(call: Call) -> Reply:
        request = Request.from_json(await call.json_body())
        if request.time is not None:  # our clock counts: a caller could else move into the life of an expired exception
            force_setattr(request, "time", None)
        return Reply((await enforced(services, call, request)).to_json())

    return handler
