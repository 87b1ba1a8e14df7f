"""Keys of persons in PostgreSQL, which never has what they are wrapped under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit.persons import KeptKey
from axonflow.errors import AuditConflict, AuditError, TenancyConflict

__all__ = ["PostgresPersonKeys"]

_SQL: Final = named_queries("person_keys.sql")


class PostgresPersonKeys:
    """A PersonKeyStore. It adds as the role that can only append, and all else as one that sees one tenant at a
    time."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def keep(self, keys: Sequence[KeptKey]) -> None:
        ordered = sorted(keys, key=_place)  # of two that keep the same, none waits for the other for ever
        with translated(AuditError, "keep keys of persons", refusal=AuditConflict):
            async with self._database.writer(set()) as connection:
                await connection.execute(
                    _SQL["keep"], [key.tenant_id for key in ordered], [key.key_id for key in ordered],
                    [key.tag for key in ordered], [key.wrapped for key in ordered],
                    [key.created_us for key in ordered],
                )  # fmt: skip

    async def of_person(self, tenant_id: str, tag: bytes) -> list[str]:
        if not is_storable(tenant_id):
            return []
        with translated(AuditError, "find the keys of a person"):
            async with self._database.tenant(tenant_id) as connection:
                return [row["key_id"] for row in await connection.fetch(_SQL["of_person"], tenant_id, tag)]

    async def wrapped(self, tenant_id: str, key_ids: Iterable[str]) -> dict[str, bytes]:
        asked = [key_id for key_id in key_ids if is_storable(key_id)]
        if not asked or not is_storable(tenant_id):
            return {}
        with translated(AuditError, "read keys of persons"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["wrapped"], tenant_id, asked)
        return {row["key_id"]: row["wrapped"] for row in rows}

    async def newest(self, tenant_id: str, limit: int) -> dict[str, bytes]:
        if not is_storable(tenant_id):
            return {}
        with translated(AuditError, "read keys of persons"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["newest"], tenant_id, limit)
        return {row["key_id"]: row["wrapped"] for row in rows}

    async def destroy(self, tenant_id: str, tag: bytes, destroyed_us: int) -> list[str]:
        if not is_storable(tenant_id):
            return []
        with translated(AuditError, "destroy the keys of a person"):
            async with self._database.tenant(tenant_id) as connection:
                if await connection.fetchval(_SQL["is_held"], tenant_id):
                    raise TenancyConflict(
                        "everything of the tenant is kept", expected="a tenant that is not held", found="a hold",
                        at=tenant_id, hint="Nothing was destroyed. Whoever put the hold on it may take it off.",
                    )  # fmt: skip
                rows = await connection.fetch(_SQL["destroy"], tenant_id, tag, destroyed_us)
        return [row["key_id"] for row in rows]


def _place(key: KeptKey) -> tuple[str, str]:
    return key.tenant_id, key.key_id
