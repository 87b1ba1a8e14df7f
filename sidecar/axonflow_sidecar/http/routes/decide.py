"""``POST /api/v1/decide``: the decision mode of the wire contract."""

from __future__ import annotations

import msgspec

from axonflow.policy.request import decode_json
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.services import AgentServices, enforced
from axonflow_sidecar.http.translate import DecideBody, decide_request, decide_response

__all__ = ["decide"]

_decoder = msgspec.json.Decoder(DecideBody)


def decide(services: AgentServices) -> Handler:
    """The handler. A denial is an answer too: 200."""

    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _decoder)
        request = decide_request(body, call.caller, services.signer)
        decision = await enforced(services, call, request, redacts=body.redacts)
        return Reply(msgspec.json.encode(decide_response(body, decision, call.origin.trace_id)))

    return handler
