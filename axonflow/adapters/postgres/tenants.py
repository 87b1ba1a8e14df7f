"""Tenants, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import TenancyConflict, TenancyMissing, TenancyUnavailable
from axonflow.tenancy import Tenant, TenantStatus

__all__ = ["PostgresTenants"]

_SQL: Final = named_queries("tenants.sql")


class PostgresTenants:
    """A TenantStore, under the role that makes tenants and sees nothing in them."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def add(self, tenant: Tenant) -> None:
        with translated(TenancyUnavailable, "make a tenant"), _explained(tenant):
            async with self._database.registrar() as connection:
                await connection.execute(_SQL["add"], *_values(tenant))

    async def get(self, tenant_id: str) -> Tenant | None:
        if not is_storable(tenant_id):
            return None
        with translated(TenancyUnavailable, "read a tenant"):
            async with self._database.registrar() as connection:
                row = await connection.fetchrow(_SQL["get"], tenant_id)
        return Tenant(**row) if row else None

    async def page(self, after: str, limit: int) -> list[Tenant]:
        if not is_storable(after):
            return []
        with translated(TenancyUnavailable, "list tenants"):
            async with self._database.registrar() as connection:
                return [Tenant(**row) for row in await connection.fetch(_SQL["page"], after, limit)]

    async def replace(self, tenant: Tenant) -> None:
        values = _values(tenant)
        with translated(TenancyUnavailable, "change a tenant"), _explained(tenant):
            async with self._database.registrar() as connection:
                if tenant.status == "deleting" and await connection.fetchval(_SQL["has_members"], tenant.tenant_id):
                    raise TenancyConflict("the organization has members", expected="none: its policies hold for them",
                                          at=tenant.tenant_id, hint="Take them out of it first.")  # fmt: skip
                status = await connection.execute(_SQL["replace"], *values[:13], values[15])
        if status != "UPDATE 1":
            raise TenancyConflict("the tenant has changed meanwhile", expected=f"version {tenant.version - 1}",
                                  at=tenant.tenant_id, hint="Look again, then try again.")  # fmt: skip

    async def inactive(self) -> dict[str, TenantStatus]:
        with translated(TenancyUnavailable, "say which tenants are active"):
            async with self._database.sync() as connection:
                return {row["tenant_id"]: row["status"] for row in await connection.fetch(_SQL["inactive"])}


@contextmanager
def _explained(tenant: Tenant) -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError:
        raise TenancyConflict("the tenant id is taken", expected="a new one", at=tenant.tenant_id) from None
    except asyncpg.ForeignKeyViolationError as failure:
        if "tier" in (failure.constraint_name or ""):
            raise TenancyMissing(
                "no such tier",
                expected="community, professional, enterprise or one that was added",
                found=ascii(tenant.tier)[:80],
                at="tier",
            ) from None
        found = ascii(tenant.organization_id)[:80]
        raise TenancyMissing("no such organization", found=found, at="organization_id") from None


def _values(tenant: Tenant) -> tuple[object, ...]:
    return (
        tenant.tenant_id, tenant.name, tenant.tier, tenant.organization_id, tenant.status, tenant.max_api_keys,
        tenant.max_policies, tenant.max_principals, tenant.max_requests_per_minute, tenant.audit_retention_days,
        tenant.audit_hold, tenant.audit_mode, tenant.version, tenant.created_us, tenant.created_by,
        tenant.updated_us,
    )  # fmt: skip
