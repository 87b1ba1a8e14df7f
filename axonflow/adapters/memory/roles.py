"""Roles and grants in memory."""

from __future__ import annotations

from collections.abc import Callable

from axonflow.adapters.memory.tenants import MemoryTenants
from axonflow.errors import TenancyConflict
from axonflow.tenancy import Grant, Role

__all__ = ["MemoryGrants", "MemoryRoles"]


class MemoryGrants:
    """A GrantStore."""

    def __init__(self, tenants: MemoryTenants) -> None:
        self._tenants = tenants
        self._grants: dict[tuple[str, str, str, str], Grant] = {}

    async def put(self, grant: Grant) -> None:
        most = self._tenants.limit(grant.tenant_id, "max_principals")
        known = {place[1:3] for place in self._grants if place[0] == grant.tenant_id}
        is_counted = (grant.principal_type, grant.principal_id) in known
        if most is not None and len(known) >= most and not is_counted:
            raise TenancyConflict(
                "the tenant has as many principals as it may", expected=f"at most {most}", found=f"{len(known)}",
                at=grant.tenant_id, hint="Each that has a role counts.",
            )  # fmt: skip
        self._grants[grant.tenant_id, grant.principal_type, grant.principal_id, grant.role] = grant
        self._tenants.announce("role_grant", grant.tenant_id)

    async def grants(self, tenant_id: str) -> list[Grant]:
        return self.of(tenant_id)

    async def remove(self, tenant_id: str, principal_type: str, principal_id: str, role: str) -> bool:
        self._tenants.announce("role_grant", tenant_id)
        return self._grants.pop((tenant_id, principal_type, principal_id, role), None) is not None

    def of(self, tenant_id: str) -> list[Grant]:
        """All of a tenant."""
        return [self._grants[place] for place in sorted(self._grants) if place[0] == tenant_id]

    def forget(self, tenant_id: str, role: str | None = None) -> int:
        """All of a tenant, or those of one role; how many there were."""
        gone = [place for place in self._grants if place[0] == tenant_id and role in (None, place[3])]
        for place in gone:
            del self._grants[place]
        return len(gone)


class MemoryRoles:
    """A RoleStore. `removed` is told of a role that goes: of which tenant, and its name."""

    def __init__(self, tenants: MemoryTenants, removed: Callable[[str, str], object]) -> None:
        self._tenants = tenants
        self._removed = removed
        self._roles: dict[tuple[str, str], Role] = {}

    async def put(self, role: Role) -> None:
        self._tenants.existing(role.tenant_id)
        known = self._roles.get((role.tenant_id, role.role))
        if (0 if known is None else known.version) != role.version - 1:
            raise TenancyConflict(
                "the role has changed meanwhile", expected=f"version {role.version - 1}", at=role.role,
                hint="Look again, then try again.",
            )  # fmt: skip
        self._roles[role.tenant_id, role.role] = role
        self._tenants.announce("role", role.tenant_id)

    async def roles(self, tenant_id: str) -> list[Role]:
        return self.of(tenant_id)

    async def remove(self, tenant_id: str, role: str) -> bool:
        self._removed(tenant_id, role)
        self._tenants.announce("role", tenant_id)
        return self._roles.pop((tenant_id, role), None) is not None

    def of(self, tenant_id: str) -> list[Role]:
        """All of a tenant."""
        return [self._roles[place] for place in sorted(self._roles) if place[0] == tenant_id]

    def forget(self, tenant_id: str) -> int:
        """All of a tenant; how many there were."""
        gone = [place for place in self._roles if place[0] == tenant_id]
        for place in gone:
            del self._roles[place]
        return len(gone)
