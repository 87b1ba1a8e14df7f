"""A vault in PostgreSQL. Values are sealed before they get there, under a key that the database never has.

Needs ``cryptography`` beside asyncpg, so it is imported by whoever has a key.
"""

from __future__ import annotations

from typing import Final

from axonflow.adapters.aes_gcm import open_text, seal_text
from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.detect import RedactionKey
from axonflow.errors import VaultError

__all__ = ["PostgresVault"]

_SQL: Final = named_queries("vault.sql")
_SCHEMA_VERSION: Final = 1


class PostgresVault:
    """A Vault. Each tenant has a key of its own, derived from `key`."""

    def __init__(self, database: PostgresDatabase, key: RedactionKey) -> None:
        self._database = database
        self._key = key

    async def put(self, tenant_id: str, label: str, value: str) -> None:
        if not is_storable(tenant_id, label):
            raise VaultError("a label that cannot be kept", expected="text without NUL and lone surrogates")
        sealed = seal_text(self._sealing_key(tenant_id), value, label)
        with translated(VaultError, "keep a value"):
            async with self._database.tenant(tenant_id) as connection:
                status = await connection.execute(_SQL["put"], tenant_id, label, _SCHEMA_VERSION, sealed)
        if status == "INSERT 0 1":
            return
        kept = await self.get(tenant_id, label)
        if kept is None:
            raise VaultError("the tenant is being deleted", expected="one that may keep values", at=tenant_id)
        if kept != value:
            raise VaultError("the label is of another value", expected="the same value", at=label)

    async def get(self, tenant_id: str, label: str) -> str | None:
        if not is_storable(tenant_id, label):
            return None
        with translated(VaultError, "read a value"):
            async with self._database.tenant(tenant_id) as connection:
                sealed = await connection.fetchval(_SQL["get"], tenant_id, label)
        if sealed is None:
            return None
        value = open_text(self._sealing_key(tenant_id), sealed, label)
        if value is None:
            raise VaultError(
                "a value cannot be opened", expected="one sealed with this redaction key", found="another", at=label
            )
        return value

    def _sealing_key(self, tenant_id: str) -> bytes:
        return self._key.derived("seal", tenant_id)
