"""API keys in memory."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from axonflow.adapters.memory.roles import MemoryGrants, MemoryRoles
from axonflow.adapters.memory.tenants import MemoryTenants
from axonflow.errors import TenancyConflict, TenancyMissing
from axonflow.tenancy import KeyRecord, StoredKey

__all__ = ["MemoryKeyLookup", "MemoryKeys"]


class MemoryKeys:
    """A KeyStore."""

    def __init__(self, tenants: MemoryTenants) -> None:
        self._tenants = tenants
        self._keys: dict[tuple[str, str], KeyRecord] = {}
        self._places: dict[bytes, tuple[str, str]] = {}

    async def add(self, key: KeyRecord, key_hmac: bytes, old_expires_us: int | None = None) -> None:
        tenant = self._tenants.existing(key.tenant_id)
        if tenant.status == "deleting":
            raise TenancyConflict("the tenant is being deleted", at=key.tenant_id)
        place = (key.tenant_id, key.key_id)
        if place in self._keys or key_hmac in self._places:
            raise TenancyConflict("the key is there already", expected="a new one", at=key.key_id)
        old = self._keys.get((key.tenant_id, key.rotated_from)) if key.rotated_from else None
        if key.rotated_from and (old is None or old.state(key.created_us) != "active"):
            raise TenancyMissing("no such active key", at=key.rotated_from)
        active = [one for one in self.of(key.tenant_id) if one.state(key.created_us) == "active" and one is not old]
        most = self._tenants.limit(key.tenant_id, "max_api_keys")
        if most is not None and len(active) >= most:
            raise TenancyConflict("the tenant has as many keys as it may", expected=f"at most {most}",
                                  at=key.tenant_id, hint="Revoke one, or give it more.")  # fmt: skip
        if old is not None and old_expires_us is not None:
            ends = [end for end in (old.expires_us, old_expires_us) if end is not None]
            self._keys[old.tenant_id, old.key_id] = replace(old, expires_us=min(ends))
        self._keys[place] = key
        self._places[key_hmac] = place
        self._tenants.announce("api_key", key.tenant_id)

    async def get(self, tenant_id: str, key_id: str) -> KeyRecord | None:
        return self._keys.get((tenant_id, key_id))

    async def page(self, tenant_id: str, before: tuple[int, str] | None, limit: int) -> list[KeyRecord]:
        newest = sorted(self.of(tenant_id), key=lambda key: (key.created_us, key.key_id), reverse=True)
        return [key for key in newest if before is None or (key.created_us, key.key_id) < before][:limit]

    async def revoke(self, tenant_id: str, key_id: str, revoked_us: int, revoked_by: str) -> bool:
        return self._change(tenant_id, key_id, lambda key: replace(key, revoked_us=revoked_us, revoked_by=revoked_by))

    async def used(self, tenant_id: str, key_id: str, used_us: int) -> None:
        self._change(tenant_id, key_id, lambda key: replace(key, last_used_us=max(used_us, key.last_used_us or 0)))

    def _change(self, tenant_id: str, key_id: str, change: Callable[[KeyRecord], KeyRecord]) -> bool:
        key = self._keys.get((tenant_id, key_id))
        if key is None or key.revoked_us is not None:
            return False
        self._keys[tenant_id, key_id] = change(key)
        self._tenants.announce("api_key", tenant_id)
        return True

    def of(self, tenant_id: str) -> list[KeyRecord]:
        """All of a tenant."""
        return [key for key in self._keys.values() if key.tenant_id == tenant_id]

    def with_hmac(self, key_hmac: bytes) -> KeyRecord | None:
        """The one with this hash."""
        place = self._places.get(key_hmac)
        return self._keys.get(place) if place else None

    def forget(self, tenant_id: str) -> int:
        """All of a tenant; how many there were."""
        gone = [place for place in self._keys if place[0] == tenant_id]
        self._places = {key_hmac: place for key_hmac, place in self._places.items() if place not in gone}
        for place in gone:
            del self._keys[place]
        return len(gone)

    def without_role(self, tenant_id: str, role: str) -> None:
        """Take the role from the tenant's keys."""
        for key in self.of(tenant_id):
            kept = tuple(name for name in key.roles if name != role)
            self._keys[tenant_id, key.key_id] = replace(key, roles=kept)


class MemoryKeyLookup:
    """A KeyLookup."""

    def __init__(self, tenants: MemoryTenants, keys: MemoryKeys, roles: MemoryRoles, grants: MemoryGrants) -> None:
        self._tenants = tenants
        self._keys = keys
        self._roles = roles
        self._grants = grants

    async def find(self, key_hmac: bytes) -> StoredKey | None:
        key = self._keys.with_hmac(key_hmac)
        if key is None:
            return None
        granted = {
            grant.role: grant.expires_us
            for grant in await self._grants.grants(key.tenant_id)
            if (grant.principal_type, grant.principal_id) == ("service", key.client_id)
        }
        named = {*key.roles, *granted}
        own = {role.role: role.permissions for role in await self._roles.roles(key.tenant_id) if role.role in named}
        return StoredKey(
            tenant_id=key.tenant_id, key_id=key.key_id, client_id=key.client_id, scopes=key.scopes, roles=key.roles,
            expires_us=key.expires_us, revoked_us=key.revoked_us,
            status=self._tenants.existing(key.tenant_id).status, granted=granted, own_roles=own,
            max_requests_per_minute=self._tenants.limit(key.tenant_id, "max_requests_per_minute"),
        )  # fmt: skip
