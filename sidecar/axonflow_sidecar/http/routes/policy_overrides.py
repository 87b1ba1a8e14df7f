"""``/api/v1/static-policies/{id}/override`` and ``.../overrides``: another action for one tenant, for a while; and
``.../test``: what a pattern would find."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from msgspec import Struct

from axonflow import PolicyError
from axonflow.ids import new_id
from axonflow.policy.api.policy import Override
from axonflow.policy.request import decode_json
from axonflow_sidecar.http.administration import recording
from axonflow_sidecar.http.api_policy_shapes import OverrideBody, override_shown
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.routes.api_policies import author_of_change, policies_of, scope_of
from axonflow_sidecar.http.services import AgentServices
from axonflow_sidecar.http.translate import parse_time_us

__all__ = ["end_override", "list_overrides", "make_override", "test_pattern"]

LIFE_US: Final = 30 * 86_400 * 1_000_000


class _TestBody(Struct):
    pattern: str
    inputs: list[str] = []


_override = msgspec.json.Decoder(OverrideBody)
_test = msgspec.json.Decoder(_TestBody)


def make_override(services: AgentServices) -> Handler:
    """The handler of ``POST``. One that says no end ends after thirty days."""

    async def handler(call: Call) -> Reply:
        policies = policies_of(services)
        body = decode_json(await call.json_body(), _override)
        now_us = services.clock_us()
        tenant_id = scope_of(call)
        policy = await policies.get(tenant_id, call.value, "static")
        override = Override(
            tenant_id=tenant_id, override_id=new_id(now_us), policy_id=policy.id, action=body.action_override,
            reason=body.override_reason, created_us=now_us, created_by=author_of_change(call),
            expires_us=parse_time_us(body.expires_at, "$.expires_at") if body.expires_at else now_us + LIFE_US,
        )  # fmt: skip
        resource, reason = f"policy:{policy.id}", override.reason
        async with recording(services, call, tenant_id, "policy.override", resource, reason) as came:
            made = await policies.override(override)
            came.facts |= {"override": made.override_id, "override_action": made.action, "expires_us": made.expires_us}
        return Reply(msgspec.json.encode(override_shown(made)), 201)

    return handler


def end_override(services: AgentServices) -> Handler:
    """The handler of ``DELETE``."""

    async def handler(call: Call) -> Reply:
        policies = policies_of(services)
        tenant_id = scope_of(call)
        policy = await policies.get(tenant_id, call.value, "static")
        author = author_of_change(call)
        async with recording(services, call, tenant_id, "policy.end_override", f"policy:{policy.id}"):
            await policies.end_override(tenant_id, policy.id, author)
        return Reply(b"", 204)

    return handler


def list_overrides(services: AgentServices) -> Handler:
    """The handler of ``GET .../overrides``: those that stand and have not expired."""

    async def handler(call: Call) -> Reply:
        found = await policies_of(services).overrides(scope_of(call))
        shown = [override_shown(one) for one in found.values()]
        return Reply(msgspec.json.encode({"overrides": shown, "count": len(shown)}))

    return handler


def test_pattern(services: AgentServices) -> Handler:
    """The handler of ``POST .../test``. A pattern that cannot be enforced is an answer too."""

    async def handler(call: Call) -> Reply:
        policies = policies_of(services)
        scope_of(call)
        body = decode_json(await call.json_body(), _test)
        answer = {"valid": True, "pattern": body.pattern, "inputs": body.inputs}
        try:
            answer["matches"] = await asyncio.to_thread(policies.try_pattern, body.pattern, body.inputs)
        except PolicyError as error:
            answer |= {"valid": False, "error": str(error), "matches": []}
        return Reply(msgspec.json.encode(answer))

    return handler
