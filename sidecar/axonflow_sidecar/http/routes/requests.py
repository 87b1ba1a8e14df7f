"""``POST /api/request`` at the agent: checked here, done by the orchestrator."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.routes.passing_on import pass_on
from axonflow_sidecar.http.services import AgentServices

__all__ = ["proxy_request"]

PLAN_REQUESTS: Final = frozenset({"multi-agent-plan", "generate-plan", "execute-plan", "update-plan", "cancel-plan"})


class _RequestBody(Struct, kw_only=True):
    query: str
    request_type: str
    user_token: str | None = None
    client_id: str | None = None
    context: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(_RequestBody)


def proxy_request(services: AgentServices) -> Handler:
    """The handler of ``/api/request``. Plans go to the orchestrator; what needs a model is refused: none is set up."""

    async def handler(call: Call) -> Reply:
        data = await call.json_body()
        body = decode_json(data, _decoder)
        if body.request_type not in PLAN_REQUESTS:
            served = ", ".join(sorted(PLAN_REQUESTS))
            error = f"LLM routing is not set up: {body.request_type[:64]!a} is not served, only {served}."
            return Reply(msgspec.json.encode({"success": False, "error": error, "blocked": False}))
        # Who cancels waits for no place among the plans that run: it may be for one of them to end.
        return await pass_on(services, call, data, body.user_token, may_run=body.request_type != "cancel-plan")

    return handler
