"""Where a tenant's roles are kept, and who was given which."""

from __future__ import annotations

from typing import Protocol

from axonflow.tenancy import Grant, Role

__all__ = ["GrantStore", "RoleStore"]


class RoleStore(Protocol):
    """Roles of a tenant's own making. All methods raise TenancyUnavailable when the store cannot answer."""

    async def put(self, role: Role) -> None:
        """Keep a new one (version 1), or put it in the place of the version before it. Raises TenancyConflict when
        something else is there, TenancyMissing when there is no such tenant."""

    async def roles(self, tenant_id: str) -> list[Role]:
        """All of the tenant, by name."""

    async def remove(self, tenant_id: str, role: str) -> bool:
        """Whether there was one. Whoever had it has nothing by it any more."""


class GrantStore(Protocol):
    """Who was given which role. All methods raise TenancyUnavailable when the store cannot answer."""

    async def put(self, grant: Grant) -> None:
        """Keep it, in the place of one of the same principal and role. Raises TenancyMissing without such a tenant,
        TenancyConflict when as many principals have a role as the tenant may have, and this one has none."""

    async def grants(self, tenant_id: str) -> list[Grant]:
        """All of the tenant, by principal and role; those that have ended too."""

    async def remove(self, tenant_id: str, principal_type: str, principal_id: str, role: str) -> bool:
        """Whether there was one."""
