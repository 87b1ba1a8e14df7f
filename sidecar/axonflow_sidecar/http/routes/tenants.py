"""``/v1/tenant``: the caller's own; ``/v1/tenants``: those of the installation, for its operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from axonflow import AxonFlowError, RequestError
from axonflow.audit import AuditMode
from axonflow.policy.request import decode_json
from axonflow.tenancy import LIMITS, Tenant, TenantStatus
from axonflow_sidecar.http.administration import acting, limit_of, shown, tenancy_of, tenant_named
from axonflow_sidecar.http.asgi import Call, Handler, Refused, Reply
from axonflow_sidecar.http.routing import Route
from axonflow_sidecar.http.services import AgentServices

__all__ = ["tenant_routes"]


class _NewTenant(Struct, kw_only=True, forbid_unknown_fields=True):
    tenant_id: str
    name: str | None = None
    tier: str = "community"
    organization_id: str | None = None
    max_api_keys: int | None = None
    max_policies: int | None = None
    max_principals: int | None = None
    max_requests_per_minute: int | None = None
    audit_retention_days: int | None = None
    audit_hold: bool = False
    audit_mode: AuditMode | None = None


class _Change(Struct, kw_only=True, forbid_unknown_fields=True):
    name: str | UnsetType = UNSET
    tier: str | UnsetType = UNSET
    organization_id: str | UnsetType | None = UNSET
    max_api_keys: int | UnsetType | None = UNSET
    max_policies: int | UnsetType | None = UNSET
    max_principals: int | UnsetType | None = UNSET
    max_requests_per_minute: int | UnsetType | None = UNSET
    audit_retention_days: int | UnsetType | None = UNSET
    audit_hold: bool | UnsetType = UNSET
    audit_mode: AuditMode | UnsetType | None = UNSET


_new_decoder = msgspec.json.Decoder(_NewTenant)
_change_decoder = msgspec.json.Decoder(_Change)


def tenant_routes(services: AgentServices) -> list[Route]:
    """Each with the permission that it takes."""
    one = "/v1/tenants/{tenant_id}"
    return [
        Route("GET", "/v1/tenant", _own(services), "tenant.read"),
        Route("GET", "/v1/tenant/export", _export(services), "tenant.export"),
        Route("GET", "/v1/tenants", _page(services), "tenants.read"),
        Route("POST", "/v1/tenants", _create(services), "tenants.write"),
        Route("GET", one, _get(services), "tenants.read"),
        Route("PATCH", one, _patch(services), "tenants.write"),
        Route("DELETE", one, _move(services, "deleting", 202), "tenants.write"),
        Route("POST", f"{one}/suspend", _move(services, "suspended"), "tenants.write"),
        Route("POST", f"{one}/resume", _move(services, "active"), "tenants.write"),
    ]


def _own(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        return await _with_use(services, tenant_named(call))

    return handler


def _get(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        return await _with_use(services, call.value)

    return handler


async def _with_use(services: AgentServices, tenant_id: str) -> Reply:
    tenancy = tenancy_of(services)
    tenant = await tenancy.tenant(tenant_id)
    return shown({**asdict(tenant), "use": await tenancy.use(tenant_id)})


def _page(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        query = call.query("after", "limit")
        limit = limit_of(query)
        tenants = await tenancy_of(services).tenants(query.get("after", ""), limit)
        return shown({"tenants": tenants, "next": tenants[-1].tenant_id if len(tenants) == limit else None})

    return handler


def _create(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _new_decoder)
        now = services.clock_us()
        tenant = Tenant(
            tenant_id=body.tenant_id, name=body.name or body.tenant_id, tier=body.tier,
            organization_id=body.organization_id, **{name: getattr(body, name) for name in LIMITS},
            audit_retention_days=body.audit_retention_days, audit_hold=body.audit_hold, audit_mode=body.audit_mode,
            created_us=now, created_by=acting(call).name, updated_us=now,
        )  # fmt: skip
        return shown(await tenancy_of(services).create_tenant(tenant, actor=acting(call)), 201)

    return handler


def _patch(services: AgentServices) -> Handler:
    async def handler(call: Call) -> Reply:
        body = decode_json(await call.json_body(), _change_decoder)
        wanted = {name: value for name in _Change.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
        if not wanted:
            raise RequestError("nothing is to be changed", expected=" or ".join(_Change.__struct_fields__))
        return shown(
            await tenancy_of(services).change_tenant(
                call.value, lambda before: replace(before, **wanted), actor=acting(call)
            )
        )

    return handler


def _move(services: AgentServices, status: TenantStatus, answer: int = 200) -> Handler:
    async def handler(call: Call) -> Reply:
        return shown(await tenancy_of(services).move_tenant(call.value, status, actor=acting(call)), answer)

    return handler


def _export(services: AgentServices) -> Handler:
    """One at a time: each holds one of this process's few connections for as long as its reader takes."""
    place = asyncio.Semaphore(1)

    async def alone(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async with place, aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def handler(call: Call) -> Reply:
        tenant_id = tenant_named(call)
        tenancy = tenancy_of(services)
        if place.locked():
            raise Refused(503, AxonFlowError("another export is under way", hint="Try again when it is done."))
        pieces = alone(tenancy.export(tenant_id, actor=acting(call)))
        return Reply(await anext(pieces), content_type=b"application/jsonl", rest=pieces)

    return handler
