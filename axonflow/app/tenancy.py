"""Tenants, their keys and their roles, put together: for the command line and for the services.

With a database it needs asyncpg: ``pip install '.[postgres]'``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final

from msgspec.structs import asdict

from axonflow.adapters.memory import (
    MemoryAuditLog,
    MemoryGrants,
    MemoryKeyLookup,
    MemoryKeys,
    MemoryRoles,
    MemoryTenantData,
)
from axonflow.adapters.memory.tenants import MemoryTenants, Tables
from axonflow.app.changes import Came, change_by, record_change, recorded_change
from axonflow.errors import ConfigurationError, TenancyMissing
from axonflow.flows.change_tenant import change_tenant, known_tenant, move_tenant
from axonflow.flows.create_key import KeyStores, NewKey, WantedKey, create_key
from axonflow.flows.define_role import define_role
from axonflow.flows.export_tenant import export_tenant
from axonflow.flows.grant_role import grant_role
from axonflow.flows.identify import identify
from axonflow.flows.rotate_key import rotate_key
from axonflow.ids import new_id, now_us
from axonflow.ports import (
    AuditLog,
    CutWitness,
    Erased,
    GrantStore,
    KeyLookup,
    KeyStore,
    RoleStore,
    TenantData,
    TenantStore,
)
from axonflow.tenancy import (
    ANY_TENANT,
    Actor,
    Grant,
    KeyHolder,
    KeyRecord,
    Pepper,
    Role,
    Tenant,
    TenantStatus,
    TenantUse,
    key_hmac,
    pepper_of,
)

if TYPE_CHECKING:
    from axonflow.adapters.postgres import PostgresDatabase
    from axonflow.app.commands import Commands

__all__ = ["OVERLAP_S", "Erased", "NewKey", "Tenancy", "WantedKey", "opened_tenancy"]

OVERLAP_S: Final = 86_400.0


class Tenancy:
    """Everything that can be done with tenants, keys and roles. Methods raise TenancyError for what cannot be as asked,
    its kinds for what is missing, in the way or not the caller's to give, and TenancyUnavailable.

    What `actor` changes is recorded in `audit`, in the trail of the tenant: before it is done, and what came of it.
    When it cannot be, AuditError is raised, and nothing is changed.
    """

    def __init__(
        self,
        tenants: TenantStore,
        keys: KeyStore,
        lookup: KeyLookup,
        roles: RoleStore,
        grants: GrantStore,
        data: TenantData,
        peppers: Sequence[Pepper],
        audit: AuditLog,
    ) -> None:
        self._tenants = tenants
        self._keys = keys
        self._lookup = lookup
        self._roles = roles
        self._grants = grants
        self._data = data
        self._stores = KeyStores(keys, roles, grants)
        self._peppers = tuple(peppers)
        self._audit = audit

    @classmethod
    def in_memory(cls, peppers: Sequence[Pepper], audit: AuditLog | None = None) -> Tenancy:
        """For tests and for trying things out; without `audit`, its trail is in memory too."""
        tenants = MemoryTenants()
        keys, grants = MemoryKeys(tenants), MemoryGrants(tenants)

        def role_removed(tenant_id: str, role: str) -> None:
            grants.forget(tenant_id, role)
            keys.without_role(tenant_id, role)

        roles = MemoryRoles(tenants, role_removed)
        tables: Tables = {
            "api_key": (keys.of, keys.forget),
            "role": (roles.of, roles.forget),
            "role_grant": (grants.of, grants.forget),
        }
        data = MemoryTenantData(tenants, tables)
        audit = MemoryAuditLog() if audit is None else audit
        lookup = MemoryKeyLookup(tenants, keys, roles, grants)
        return cls(tenants, keys, lookup, roles, grants, data, peppers, audit)

    @classmethod
    def in_database(
        cls, database: PostgresDatabase, database_url: str, peppers: Sequence[Pepper], audit: AuditLog
    ) -> Tenancy:
        """In `database`, whose address `database_url` is."""
        from axonflow.adapters.postgres.keys import PostgresKeyLookup, PostgresKeys
        from axonflow.adapters.postgres.tenant_data import PostgresTenantData
        from axonflow.adapters.postgres.tenant_roles import PostgresGrants, PostgresRoles
        from axonflow.adapters.postgres.tenants import PostgresTenants

        return cls(
            PostgresTenants(database), PostgresKeys(database), PostgresKeyLookup(database), PostgresRoles(database),
            PostgresGrants(database), PostgresTenantData(database, database_url), peppers, audit,
        )  # fmt: skip

    @asynccontextmanager
    async def _changing(self, tenant_id: str, actor: Actor, action: str, resource: str) -> AsyncIterator[Came]:
        """What the block does is recorded. Raises TenancyMissing before, without such a tenant: it has no trail."""
        await known_tenant(self._tenants, tenant_id)
        async with recorded_change(self._audit, change_by(actor, tenant_id, action, resource)) as came:
            yield came

    # Tenants

    async def create_tenant(self, tenant: Tenant, *, actor: Actor) -> Tenant:
        """Keep a new one. It is recorded when it is made: there is no trail of its own before, but its row says who
        made it and when."""
        self._audit.writer_id  # noqa: B018  a writer without a key says so before anything is made
        await self._tenants.add(tenant)
        made = change_by(actor, tenant.tenant_id, "tenant.create", f"tenant:{tenant.tenant_id}")
        facts: dict[str, str | int | bool] = {"tier": tenant.tier, "organization": tenant.organization_id or ""}
        await record_change(self._audit, made, "done", change_id=new_id(now_us()), facts=facts)
        return tenant

    async def tenant(self, tenant_id: str) -> Tenant:
        """The one of this id."""
        return await known_tenant(self._tenants, tenant_id)

    async def use(self, tenant_id: str) -> TenantUse:
        """How much it has of what is limited."""
        return await self._data.use(tenant_id)

    async def tenants(self, after: str = "", limit: int = 100) -> list[Tenant]:
        """Up to `limit` whose ids come after `after`."""
        return await self._tenants.page(after, limit)

    async def change_tenant(self, tenant_id: str, change: Callable[[Tenant], Tenant], *, actor: Actor) -> Tenant:
        """It, as `change` makes it of what it is."""
        seen: list[Tenant] = []

        def kept(before: Tenant) -> Tenant:
            seen.append(before)
            return change(before)

        async with self._changing(tenant_id, actor, "tenant.change", f"tenant:{tenant_id}") as came:
            after = await change_tenant(self._tenants, tenant_id, kept)
            came.facts |= _differences(seen[0], after)
        return after

    async def move_tenant(self, tenant_id: str, status: TenantStatus, *, actor: Actor) -> Tenant:
        """It, in this state: running agents refuse what is not active. Where it is in it already, nothing is changed,
        nor recorded: what is erased would else never be without a trail."""
        before = await self.tenant(tenant_id)
        if before.status == status:
            return before
        async with self._changing(tenant_id, actor, _MOVES[status], f"tenant:{tenant_id}") as came:
            after = await move_tenant(self._tenants, tenant_id, status)
            came.facts["version"] = after.version
        return after

    async def inactive(self) -> dict[str, TenantStatus]:
        """All that are not active."""
        return await self._tenants.inactive()

    async def export(self, tenant_id: str, *, actor: Actor) -> AsyncGenerator[bytes, None]:
        """All that it has; see docs/how-to/tenants.md."""
        async with (
            self._changing(tenant_id, actor, "tenant.export", f"tenant:{tenant_id}"),
            aclosing(export_tenant(self._data, tenant_id)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def erase(self, tenant_id: str, *, audit: bool, actor: Actor, witness: CutWitness | None = None) -> Erased:
        """Erase what is being deleted, for good: with or without its records in the audit trail, of which `witness` is
        told before. That it was is in the trail of the installation (``*``), for the tenant's may be gone."""
        erasing = change_by(actor, ANY_TENANT, "tenant.erase", f"tenant:{tenant_id}")
        async with recorded_change(self._audit, erasing) as came:
            erased = await self._data.erase(tenant_id, audit=audit, witness=witness)
            rows = sum(erased.rows.values())
            came.facts |= {"rows": rows, "audit_erased": audit, "audit_records_kept": erased.kept_events}
        return erased

    # Keys

    async def create_key(self, wanted: WantedKey, *, actor: Actor) -> NewKey:
        """A new key. The only time that it is seen."""
        async with self._changing(wanted.tenant_id, actor, "key.create", f"service:{wanted.client_id}") as came:
            made = await create_key(self._stores, wanted, actor=actor, pepper=self._pepper)
            _tell(came, made.record)
        return made

    async def rotate_key(self, tenant_id: str, key_id: str, *, overlap_s: float = OVERLAP_S, actor: Actor) -> NewKey:
        """Another key that does the same; the old one holds for `overlap_s` seconds more."""
        async with self._changing(tenant_id, actor, "key.rotate", f"api_key:{key_id}") as came:
            made = await rotate_key(
                self._stores, tenant_id, key_id, overlap_s=overlap_s, actor=actor, pepper=self._pepper
            )
            _tell(came, made.record)
            came.facts |= {"rotated_from": key_id, "overlap_s": int(overlap_s)}
        return made

    async def revoke_key(self, tenant_id: str, key_id: str, *, actor: Actor) -> None:
        """End it now. Raises TenancyMissing when there is no such key, or it was revoked before."""
        async with self._changing(tenant_id, actor, "key.revoke", f"api_key:{key_id}"):
            if not await self._keys.revoke(tenant_id, key_id, now_us(), actor.name):
                raise TenancyMissing("no such key that could be revoked", at=ascii(key_id)[:80])

    async def key(self, tenant_id: str, key_id: str) -> KeyRecord:
        """The one of this id, if this tenant has it."""
        key = await self._keys.get(tenant_id, key_id)
        if key is None:
            raise TenancyMissing("no such key", expected="the id of one of this tenant", at=ascii(key_id)[:80])
        return key

    async def keys(self, tenant_id: str, before: tuple[int, str] | None = None, limit: int = 100) -> list[KeyRecord]:
        """Up to `limit`, newest first."""
        return await self._keys.page(tenant_id, before, limit)

    def recognised(self, key: str) -> bytes | None:
        """The hash of a key of ours, by arithmetic alone; None for anything else, and that takes as long."""
        pepper = pepper_of(key, self._peppers)
        return None if pepper is None else key_hmac(key, pepper)

    async def holder(self, key_hmac: bytes) -> KeyHolder | None:
        """Whose the key with this hash is; None when it has ended or never was."""
        return await identify(self._lookup, key_hmac)

    async def key_used(self, tenant_id: str, key_id: str, used_us: int) -> None:
        """Note that it was used."""
        await self._keys.used(tenant_id, key_id, used_us)

    # Roles

    async def define_role(
        self, tenant_id: str, role: str, *, permissions: Sequence[str], description: str = "", actor: Actor
    ) -> Role:
        """A role of the tenant's own, made or changed."""
        async with self._changing(tenant_id, actor, "role.define", f"role:{role}") as came:
            made = await define_role(
                self._roles, tenant_id=tenant_id, role=role, permissions=permissions, description=description,
                actor=actor,
            )  # fmt: skip
            came.facts |= {"permissions": " ".join(made.permissions), "version": made.version}
        return made

    async def roles(self, tenant_id: str) -> list[Role]:
        """Those of the tenant's own, by name."""
        return await self._roles.roles(tenant_id)

    async def remove_role(self, tenant_id: str, role: str, *, actor: Actor) -> None:
        """Whoever had it has nothing by it any more."""
        async with self._changing(tenant_id, actor, "role.remove", f"role:{role}"):
            if not await self._roles.remove(tenant_id, role):
                raise TenancyMissing("no such role of its own", at=ascii(role)[:80])

    async def grant_role(
        self, tenant_id: str, principal: str, role: str, *, expires_us: int | None = None, actor: Actor
    ) -> Grant:
        """Give a role to ``type:id``."""
        async with self._changing(tenant_id, actor, "role.grant", principal) as came:
            grant = await grant_role(
                self._roles, self._grants, tenant_id=tenant_id, principal=principal, role=role, expires_us=expires_us,
                actor=actor,
            )  # fmt: skip
            came.facts |= {"role": role, "expires_us": expires_us or 0}
        return grant

    async def grants(self, tenant_id: str) -> list[Grant]:
        """Who has which role, those that have ended too."""
        return await self._grants.grants(tenant_id)

    async def withdraw_role(self, tenant_id: str, principal: str, role: str, *, actor: Actor) -> None:
        """Take a role away from ``type:id``."""
        kind, _, name = principal.partition(":")
        async with self._changing(tenant_id, actor, "role.withdraw", principal) as came:
            came.facts["role"] = role
            if not await self._grants.remove(tenant_id, kind, name, role):
                raise TenancyMissing("no such grant", at=ascii(f"{principal} {role}")[:80])

    @property
    def _pepper(self) -> Pepper:
        if not self._peppers:
            raise ConfigurationError(
                "no pepper, so no keys can be made", expected="the file of peppers of the installation",
                hint="Name it with --pepper, or the data folder of `axonflow up` with --data.",
            )  # fmt: skip
        return self._peppers[0]


_MOVES: Final[dict[TenantStatus, str]] = {
    "active": "tenant.resume", "suspended": "tenant.suspend", "deleting": "tenant.delete",
}  # fmt: skip


def _tell(came: Came, key: KeyRecord) -> None:
    came.resource = f"api_key:{key.key_id}"
    came.facts |= {
        "client": key.client_id, "roles": " ".join(key.roles), "scopes": " ".join(key.scopes),
        "expires_us": key.expires_us or 0,
    }  # fmt: skip


def _differences(before: Tenant, after: Tenant) -> dict[str, str]:
    """What was changed: what was there, and what is."""
    old, new = asdict(before), asdict(after)
    return {name: f"{old[name]} -> {new[name]}" for name in old if old[name] != new[name] and name != "updated_us"}


@asynccontextmanager
async def opened_tenancy(
    database_url: str, peppers: Sequence[Pepper] = (), commands: Commands | None = None
) -> AsyncIterator[Tenancy]:
    """The tenants in the database, for a command, which signs as `commands` say (None: with a key that is kept
    nowhere). Raises ConfigurationError."""
    from axonflow.adapters.postgres import PostgresDatabase
    from axonflow.app.commands import Commands, opened_log

    database = await PostgresDatabase.connect(database_url)
    try:
        async with opened_log(database, commands or Commands()) as audit:
            yield Tenancy.in_database(database, database_url, peppers, audit)
    finally:
        await database.close()
