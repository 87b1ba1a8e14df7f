"""``/v1/roles`` and ``/v1/grants``: what may be done in one tenant, and who may do it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from axonflow.policy.request import decode_json
from axonflow.tenancy import BUILT_IN_ROLES
from axonflow_sidecar.http.administration import acting, shown, tenancy_of, tenant_named
from axonflow_sidecar.http.asgi import Call, Handler, Reply
from axonflow_sidecar.http.routing import Route
from axonflow_sidecar.http.services import AgentServices
from axonflow_sidecar.http.translate import parse_time_us

__all__ = ["role_routes"]


class _RoleBody(Struct, kw_only=True, forbid_unknown_fields=True):
    permissions: tuple[str, ...]
    description: str = ""


class _GrantBody(Struct, kw_only=True, forbid_unknown_fields=True):
    principal: str
    role: str
    expires_at: str | None = None


class _WithdrawBody(Struct, kw_only=True, forbid_unknown_fields=True):
    principal: str
    role: str


_role_decoder = msgspec.json.Decoder(_RoleBody)
_grant_decoder = msgspec.json.Decoder(_GrantBody)
_withdraw_decoder = msgspec.json.Decoder(_WithdrawBody)


def role_routes(services: AgentServices) -> list[Route]:
    """Each with the permission that it takes."""
    return [
        Route("GET", "/v1/roles", _roles(services), "roles.read"),
        Route("PUT", "/v1/roles/{role}", _define(services), "roles.write"),
        Route("DELETE", "/v1/roles/{role}", _remove(services), "roles.write"),
        Route("GET", "/v1/grants", _grants(services), "roles.read"),
        Route("POST", "/v1/grants", _grant(services), "roles.write"),
        Route("POST", "/v1/grants/withdraw", _withdraw(services), "roles.write"),
    ]


def _roles(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        own = await tenancy_of(services).roles(tenant_named(call))
        built_in = {name: sorted(permissions) for name, permissions in BUILT_IN_ROLES.items() if name != "operator"}
        return shown({"built_in": built_in, "own": own})

    return handler


def _define(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _role_decoder)
        tenant_id = tenant_named(call)
        role = await tenancy_of(services).define_role(
            tenant_id, call.value, permissions=body.permissions, description=body.description, actor=acting(call)
        )
        return shown(role)

    return handler


def _remove(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        tenant_id = tenant_named(call)
        await tenancy_of(services).remove_role(tenant_id, call.value, actor=acting(call))
        return shown({"removed": call.value})

    return handler


def _grants(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        return shown({"grants": await tenancy_of(services).grants(tenant_named(call))})

    return handler


def _grant(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _grant_decoder)
        tenant_id = tenant_named(call)
        grant = await tenancy_of(services).grant_role(
            tenant_id, body.principal, body.role, actor=acting(call),
            expires_us=parse_time_us(body.expires_at, "$.expires_at") if body.expires_at else None,
        )  # fmt: skip
        return shown(grant, 201)

    return handler


def _withdraw(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _withdraw_decoder)
        tenant_id = tenant_named(call)
        await tenancy_of(services).withdraw_role(tenant_id, body.principal, body.role, actor=acting(call))
        return shown({"withdrawn": body.role, "principal": body.principal})

    return handler
