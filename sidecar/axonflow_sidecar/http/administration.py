"""What the routes of administrators share: who asks, for which tenant, and that it is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct

from axonflow import AxonFlowError, RequestError
from axonflow.app.changes import Came, change_by, recorded_change
from axonflow.app.tenancy import Tenancy
from axonflow.tenancy import ANY_TENANT, Actor
from axonflow_sidecar.http.asgi import Call, Refused, Reply
from axonflow_sidecar.http.services import AgentServices
from axonflow_sidecar.http.translate import tenant_of

__all__ = ["acting", "limit_of", "offset_of", "recording", "shown", "tenancy_of", "tenant_named"]

MAX_PAGE = 1000
MAX_OFFSET = 1_000_000


def tenancy_of(services: AgentServices) -> Tenancy:
    """Raises Refused (503) without a database."""
    if services.tenancy is None:
        raise Refused(503, AxonFlowError("no database", hint="Tenants, their keys and their roles are kept there."))
    return services.tenancy


def tenant_named(call: Call) -> str:
    """The tenant that the call is about: the key's, or with a key for any tenant that of the header X-Tenant-ID.

    Raises Refused (403) when the header names another than the key's.
    """
    return tenant_of(call.caller, call.header(b"x-tenant-id"))


def acting(call: Call) -> Actor:
    """Who makes the change, with what they may do themselves."""
    caller, origin = call.caller, call.origin
    return Actor(f"service:{caller.client_id}", caller.permissions, origin.request_id, origin.trace_id)


@asynccontextmanager
async def recording(
    services: AgentServices, call: Call, scope: str, action: str, resource: str, reason: str = ""
) -> AsyncIterator[Came]:
    """What the block changes in `scope` is in the trail of that: before it is done, and what came of it. What changes
    tenants, keys and roles records by itself.

    Raises AuditError, and nothing is to be changed; TenancyMissing for a tenant that is not there: it has no trail.
    """
    if scope not in (ANY_TENANT, call.caller.tenant_id) and services.tenancy is not None:
        await services.tenancy.tenant(scope)
    change = change_by(acting(call), scope, action, resource, reason)
    async with recorded_change(services.flow.audit, change) as came:
        yield came


def limit_of(query: dict[str, str]) -> int:
    """How many the caller wants at most. Raises RequestError."""
    return _number_of(query, "limit", 100, 1, MAX_PAGE)


def offset_of(query: dict[str, str]) -> int:
    """How many the caller passes over. Raises RequestError."""
    return _number_of(query, "offset", 0, 0, MAX_OFFSET)


def _number_of(query: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    try:
        number = msgspec.convert(query.get(name, usual), int, strict=False)
    except msgspec.ValidationError:
        number = least - 1
    if not least <= number <= most:
        found = ascii(query.get(name, usual))[:40]
        raise RequestError("out of range", expected=f"{least} to {most}", found=found, at=name)
    return number


def shown(value: Struct | dict[str, Any], status: int = 200) -> Reply:
    """The answer."""
    return Reply(msgspec.json.encode(value), status)
