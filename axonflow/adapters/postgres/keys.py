"""API keys, in PostgreSQL: their hashes, under a pepper that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from axonflow.adapters.postgres.database import Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import TenancyConflict, TenancyMissing, TenancyUnavailable
from axonflow.tenancy import KeyRecord, StoredKey

__all__ = ["PostgresKeyLookup", "PostgresKeys"]

_SQL: Final = named_queries("keys.sql")


class PostgresKeys:
    """A KeyStore. It sees one tenant at a time, and never a hash."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def add(self, key: KeyRecord, key_hmac: bytes, old_expires_us: int | None = None) -> None:
        with translated(TenancyUnavailable, "keep a key"):
            try:
                async with self._database.tenant(key.tenant_id) as connection:
                    await _make_room(connection, key)
                    if key.rotated_from is not None:
                        await _end_old(connection, key, key.rotated_from, old_expires_us)
                    await connection.execute(_SQL["add"], *_values(key), key_hmac)
            except asyncpg.UniqueViolationError:
                raise TenancyConflict("the key is there already", expected="a new one", at=key.key_id) from None

    async def get(self, tenant_id: str, key_id: str) -> KeyRecord | None:
        if not is_storable(tenant_id, key_id):
            return None
        with translated(TenancyUnavailable, "read a key"):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL["get"], tenant_id, key_id)
        return _key(row) if row else None

    async def page(self, tenant_id: str, before: tuple[int, str] | None, limit: int) -> list[KeyRecord]:
        if not is_storable(tenant_id, before[1] if before else None):
            return []
        with translated(TenancyUnavailable, "list keys"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["page"], tenant_id, *(before or (None, None)), limit)
        return [_key(row) for row in rows]

    async def revoke(self, tenant_id: str, key_id: str, revoked_us: int, revoked_by: str) -> bool:
        if not is_storable(tenant_id, key_id):
            return False
        with translated(TenancyUnavailable, "revoke a key"):
            async with self._database.tenant(tenant_id) as connection:
                status = await connection.execute(_SQL["revoke"], tenant_id, key_id, revoked_us, revoked_by)
        return bool(status == "UPDATE 1")

    async def used(self, tenant_id: str, key_id: str, used_us: int) -> None:
        with translated(TenancyUnavailable, "note the use of a key"):
            async with self._database.tenant(tenant_id) as connection:
                await connection.execute(_SQL["used"], tenant_id, key_id, used_us)


class PostgresKeyLookup:
    """A KeyLookup, under a role that sees nothing but the keys whose hashes it says it was shown; what roles mean it
    reads as the tenant that the key turned out to be of."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def find(self, key_hmac: bytes) -> StoredKey | None:
        with translated(TenancyUnavailable, "say whose a key is"):
            async with self._database.key_lookup([key_hmac]) as connection:
                row = await connection.fetchrow(_SQL["find"], key_hmac)
            if row is None:
                return None
            tenant_id = row["tenant_id"]
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["granted"], tenant_id, row["client_id"])
                granted = {grant["role"]: grant["expires_us"] for grant in rows}
                own = await connection.fetch(_SQL["own_roles"], tenant_id, [*row["roles"], *granted])
        found = {**row, "scopes": tuple(row["scopes"]), "roles": tuple(row["roles"])}
        return StoredKey(**found, granted=granted, own_roles={one["role"]: tuple(one["permissions"]) for one in own})


async def _make_room(connection: Connection, key: KeyRecord) -> None:
    await connection.execute(_SQL["lock"], key.tenant_id)
    room = await connection.fetchrow(_SQL["room"], key.tenant_id)
    if room is None:
        raise TenancyMissing("no such tenant", at=key.tenant_id)
    if room["status"] == "deleting":
        raise TenancyConflict("the tenant is being deleted", at=key.tenant_id)
    most = room["most"]
    if most is None:
        return
    if await connection.fetchval(_SQL["active"], key.tenant_id, key.created_us, key.rotated_from) >= most:
        raise TenancyConflict("the tenant has as many keys as it may", expected=f"at most {most}", at=key.tenant_id,
                              hint="Revoke one, or give it more.")  # fmt: skip


async def _end_old(connection: Connection, key: KeyRecord, old_id: str, old_expires_us: int | None) -> None:
    status = await connection.execute(_SQL["end_old"], key.tenant_id, old_id, key.created_us, old_expires_us)
    if status != "UPDATE 1":
        raise TenancyMissing("no such active key", at=old_id)


def _key(row: Mapping[str, Any]) -> KeyRecord:
    return KeyRecord(**{**row, "scopes": tuple(row["scopes"]), "roles": tuple(row["roles"])})


def _values(key: KeyRecord) -> tuple[object, ...]:
    return (
        key.tenant_id, key.key_id, key.client_id, key.name, key.prefix, key.pepper_id, list(key.scopes),
        list(key.roles), key.rotated_from, key.created_us, key.created_by, key.expires_us,
    )  # fmt: skip
