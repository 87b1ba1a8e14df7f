"""Verb: change a tenant. Its state, its name, its limits; never its id."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from axonflow.errors import TenancyMissing
from axonflow.ids import now_us
from axonflow.ports import TenantStore
from axonflow.tenancy import Tenant, TenantStatus, moved

__all__ = ["change_tenant", "known_tenant", "move_tenant"]


async def known_tenant(tenants: TenantStore, tenant_id: str) -> Tenant:
    """The tenant of this id. Raises TenancyMissing."""
    tenant = await tenants.get(tenant_id)
    if tenant is None:
        raise TenancyMissing("no such tenant", at=ascii(tenant_id)[:80])
    return tenant


async def change_tenant(tenants: TenantStore, tenant_id: str, change: Callable[[Tenant], Tenant]) -> Tenant:
    """The tenant as `change` makes it of what it is, which is kept as its next version.

    Raises TenancyMissing, TenancyConflict when somebody else was quicker, and what `change` raises.
    """
    before = await known_tenant(tenants, tenant_id)
    after = replace(change(before), version=before.version + 1, updated_us=now_us())
    if replace(after, version=before.version, updated_us=before.updated_us) == before:
        return before
    await tenants.replace(after)
    return after


async def move_tenant(tenants: TenantStore, tenant_id: str, status: TenantStatus) -> Tenant:
    """The tenant in this state. Where it is in it already, nothing changes."""

    def move(tenant: Tenant) -> Tenant:
        return tenant if tenant.status == status else moved(tenant, status, now_us())

    return await change_tenant(tenants, tenant_id, move)
