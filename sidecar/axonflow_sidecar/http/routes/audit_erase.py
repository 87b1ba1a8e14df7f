"""``POST /v1/audit/persons/erase``: what the trail tells of a person can be read by nobody any more."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from axonflow import AxonFlowError, RequestError
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import acting, shown, tenant_named
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.services import AgentServices, check_known

__all__ = ["audit_erase"]


class _Body(Struct, forbid_unknown_fields=True):
    """`confirm` has to be the same again."""

    person: str
    confirm: str


_decoder = msgspec.json.Decoder(_Body)


def audit_erase(services: AgentServices) -> Handler:
    """The handler. The answer has the ids of the keys that were destroyed."""

    async def handler(call: Call) -> Reply:
        tenant_id = tenant_named(call)
        body = decode_json(await call.json_body(), _decoder)
        if body.confirm != body.person:
            raise RequestError("not confirmed", expected="the same as person: there is no way back", at="$.confirm")
        if services.persons is None:
            raise Refused(
                503, AxonFlowError("no key for persons", hint="Start it with --audit-persons sealed, or --persons-key.")
            )
        await check_known(services, call, tenant_id)
        return shown(await services.persons.erase(tenant_id, body.person, actor=acting(call)))

    return handler
