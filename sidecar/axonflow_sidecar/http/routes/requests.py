"""``POST /api/request`` and ``GET /api/v1/plan/{id}`` at the agent: checked here, done by the orchestrator."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow import AxonFlowError, RequestError
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.identity import Identity, signed_identity
from axonflow_sidecar.http.problems import PROBLEM
from axonflow_sidecar.http.services import AgentServices
from axonflow_sidecar.http.translate import principal_of, tenant_of

__all__ = ["plan_status", "proxy_request"]

PLAN_REQUESTS: Final = frozenset({"multi-agent-plan", "generate-plan", "execute-plan"})


class _RequestBody(Struct, kw_only=True):
    query: str
    request_type: str
    user_token: str | None = None
    client_id: str | None = None
    context: dict[str, Any] | None = None


_PLAN_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")
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
        return await _forward(services, call, "POST", data, body.user_token)

    return handler


def plan_status(services: AgentServices) -> Handler:
    """The handler of ``/api/v1/plan/{id}``."""

    async def handler(call: Call) -> Reply:
        if not _PLAN_ID.fullmatch(call.value):  # it becomes part of a path
            raise Refused(404, RequestError("no such plan", expected="the id of a plan of this tenant"))
        return await _forward(services, call, "GET", b"", call.header(b"x-user-token"))

    return handler


async def _forward(services: AgentServices, call: Call, method: str, data: bytes, user_token: str | None) -> Reply:
    if services.orchestrator is None:
        raise Refused(503, AxonFlowError("no orchestrator", hint="Start the agent with --orchestrator-url."))
    tenant_id = tenant_of(call.caller, call.header(b"x-tenant-id"))
    call.check_active(tenant_id)
    principal = principal_of(call.caller, tenant_id, user_token, services.signer)
    user = principal.on_behalf_of
    identity = Identity(call.caller.client_id, tenant_id, user.id if user else "")
    signed = signed_identity(identity, services.signer, services.clock_us())
    try:
        status, answer = await services.orchestrator.call(method, call.scope["path"], data, signed, call.origin)
    except AxonFlowError as error:
        raise Refused(503, error) from None
    if not answer.startswith(b"{"):  # not from our code: a server that had to give up
        raise Refused(503, AxonFlowError("the orchestrator failed", found=f"status {status}", hint="Try again."))
    return Reply(answer, status, b"application/json" if status < 400 else PROBLEM)
