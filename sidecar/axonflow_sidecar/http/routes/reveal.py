"""``POST /v1/reveal``: content with labels of the vault, and the values in their place for who may see them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from axonflow import AxonFlowError, Denied, Principal
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.services import AgentServices, check_tenant

__all__ = ["reveal"]


class _RevealBody(Struct, kw_only=True, forbid_unknown_fields=True):
    principal: Any
    content: Any


_decoder = msgspec.json.Decoder(_RevealBody)


def reveal(services: AgentServices) -> Handler:
    """The handler. What policies deny is 403, with their reasons."""

    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _decoder)
        principal = Principal.of(body.principal)
        check_tenant(call, principal.tenant)
        if not services.flow.has_vault:
            raise Refused(503, AxonFlowError("no vault", hint="Start the agent with --redaction-key."))
        try:
            content = await services.flow.reveal(body.content, principal=principal, origin=call.origin)
        except Denied as denied:
            raise Refused(403, denied) from None
        return Reply(msgspec.json.encode({"content": content}))

    return handler
