"""Tenants in memory, and what is theirs there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec

from axonflow.audit import AuditMode
from axonflow.errors import TenancyConflict, TenancyMissing
from axonflow.ids import now_us
from axonflow.ports import CutWitness, Erased, TenantRow
from axonflow.tenancy import LIMITS, Tenant, TenantStatus, TenantUse

__all__ = ["MemoryTenantData", "MemoryTenants", "Tables"]

_TIERS: Final[dict[str, dict[str, int | None]]] = {
    "community": {
        "max_api_keys": 10, "max_policies": 100, "max_principals": 1_000, "max_requests_per_minute": 600,
    },
    "professional": {
        "max_api_keys": 200, "max_policies": 2_000, "max_principals": 50_000, "max_requests_per_minute": 60_000,
    },
    "enterprise": dict.fromkeys(LIMITS),
}  # fmt: skip
"""The limits of each, as in the schema."""


Tables: TypeAlias = dict[str, tuple[Callable[[str], Iterable[msgspec.Struct]], Callable[[str], int]]]


class MemoryTenants:
    """A TenantStore."""

    def __init__(self) -> None:
        self._tenants: dict[str, Tenant] = {}
        self.listeners: list[Callable[[str, str], None]] = []
        """Who is told of every change: of what kind, and of which tenant."""

    async def add(self, tenant: Tenant) -> None:
        if tenant.tenant_id in self._tenants:
            raise TenancyConflict("the tenant id is taken", expected="a new one", at=tenant.tenant_id)
        self._check(tenant)
        self._tenants[tenant.tenant_id] = tenant
        self.announce("tenant", tenant.tenant_id)

    async def get(self, tenant_id: str) -> Tenant | None:
        return self._tenants.get(tenant_id)

    async def page(self, after: str, limit: int) -> list[Tenant]:
        return [self._tenants[name] for name in sorted(self._tenants) if name > after][:limit]

    async def replace(self, tenant: Tenant) -> None:
        known = self._tenants.get(tenant.tenant_id)
        if known is None or known.version != tenant.version - 1:
            raise TenancyConflict("the tenant has changed meanwhile", expected=f"version {tenant.version - 1}",
                                  at=tenant.tenant_id, hint="Look again, then try again.")  # fmt: skip
        self._check(tenant)
        members = [one for one in self._tenants.values() if one.organization_id == tenant.tenant_id]
        if tenant.status == "deleting" and members:
            raise TenancyConflict("the organization has members", at=tenant.tenant_id)
        self._tenants[tenant.tenant_id] = tenant
        self.announce("tenant", tenant.tenant_id)

    async def inactive(self) -> dict[str, TenantStatus]:
        return {name: one.status for name, one in self._tenants.items() if one.status != "active"}

    def audit_modes(self) -> dict[str, AuditMode]:
        """Those of the tenants that have one of their own."""
        return {name: one.audit_mode for name, one in self._tenants.items() if one.audit_mode is not None}

    def limit(self, tenant_id: str, name: str) -> int | None:
        """What the tenant may have at most, its own limit or its tier's; None: no limit."""
        tenant = self.existing(tenant_id)
        own: int | None = getattr(tenant, name)
        return _TIERS[tenant.tier][name] if own is None else own

    def existing(self, tenant_id: str) -> Tenant:
        """The tenant. Raises TenancyMissing."""
        if tenant_id not in self._tenants:
            raise TenancyMissing("no such tenant", at=tenant_id)
        return self._tenants[tenant_id]

    def remove(self, tenant_id: str) -> None:
        """Forget it."""
        del self._tenants[tenant_id]
        self.announce("tenant", tenant_id)

    def announce(self, kind: str, tenant_id: str) -> None:
        """Tell all who listen."""
        for listener in self.listeners:
            listener(kind, tenant_id)

    def _check(self, tenant: Tenant) -> None:
        if tenant.tier not in _TIERS:
            raise TenancyMissing(
                "no such tier",
                expected="community, professional, enterprise or one that was added",
                found=ascii(tenant.tier)[:80],
                at="tier",
            )
        if tenant.organization_id is not None and tenant.organization_id not in self._tenants:
            raise TenancyMissing("no such organization", found=tenant.organization_id[:80], at="organization_id")


class MemoryTenantData:
    """A TenantData over tables in memory: for each its name, a function for its rows of a tenant, as values with
    fields, and one that forgets them."""

    def __init__(self, tenants: MemoryTenants, tables: Tables) -> None:
        self._tenants = tenants
        self._tables = tables

    async def rows(self, tenant_id: str) -> AsyncGenerator[TenantRow, None]:
        whole = {name: list(rows(tenant_id)) for name, (rows, _) in self._tables.items()}
        tenant = await self._tenants.get(tenant_id)
        whole["tenant"] = [] if tenant is None else [tenant]
        for name in sorted(whole):
            for row in whole[name]:
                values: dict[str, Any] = msgspec.to_builtins(row)
                yield TenantRow(name, values)

    async def use(self, tenant_id: str) -> TenantUse:
        self._tenants.existing(tenant_id)
        whole: dict[str, list[Any]] = {name: list(rows(tenant_id)) for name, (rows, _) in self._tables.items()}
        time_us = now_us()
        return TenantUse(
            api_keys=sum(key.state(time_us) == "active" for key in whole["api_key"]),
            policies=0,  # they are not among what is kept here
            principals=len({(grant.principal_type, grant.principal_id) for grant in whole["role_grant"]}),
            **{name: self._tenants.limit(tenant_id, name) for name in LIMITS},
        )

    async def erase(self, tenant_id: str, *, audit: bool, witness: CutWitness | None = None) -> Erased:
        del audit, witness  # the trail is not among what is kept here
        tenant = self._tenants.existing(tenant_id)
        if tenant.status != "deleting" or tenant.audit_hold:
            raise TenancyConflict("the tenant is not to be erased", expected="one that is being deleted and not held",
                                  found="a hold" if tenant.audit_hold else tenant.status, at=tenant_id)  # fmt: skip
        rows = {name: forget(tenant_id) for name, (_, forget) in self._tables.items()}
        self._tenants.remove(tenant_id)
        return Erased({**rows, "tenant": 1}, 0)
