"""Published policies in PostgreSQL, one scope at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import asyncpg
from msgspec.structs import replace

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import PolicyMissing, PolicyStoreError
from axonflow.policy.publication import (
    Activation,
    PolicyHistory,
    PolicyVersion,
    SetState,
    VersionHead,
    changed_meanwhile,
)

__all__ = ["PostgresPolicyStore"]

_SQL: Final = named_queries("policies.sql")


class PostgresPolicyStore:
    """A PolicyStore. Each call is a transaction that sees one scope, and the scopes above it."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def publish(self, version: PolicyVersion) -> PolicyVersion:
        tenant_id, set_name = version.tenant_id, version.set_name
        if not is_storable(tenant_id, set_name, version.author, version.reason):
            raise PolicyStoreError("text that cannot be kept", expected="text without NUL and lone surrogates")
        # Keys of JSON may be any text, and NUL is none for PostgreSQL: see plan_execution.
        source = json.dumps(version.source, ensure_ascii=False).encode("utf-8", "surrogatepass")
        try:
            with translated(PolicyStoreError, "keep a version"):
                async with self._database.tenant(tenant_id) as connection:
                    await connection.execute(_SQL["add_set"], tenant_id, set_name, version.created_us, version.author)
                    await connection.execute(_SQL["lock_set"], tenant_id, set_name)
                    known = await connection.fetchval(
                        _SQL["same_version"], tenant_id, set_name, version.digest, version.key_id
                    )
                    if known is None:
                        number = await connection.fetchval(
                            _SQL["add_version"], tenant_id, set_name, version.digest, version.key_id, version.bundle,
                            source, version.rules, version.author, version.reason, version.created_us,
                        )  # fmt: skip
                        return replace(version, version=number)
        except PolicyStoreError as error:
            if "23503" in (error.found or ""):  # foreign key violation: the scope's row is not there
                raise PolicyMissing(
                    "there is no such tenant", expected="a tenant, '@' and an organization, or '*'",
                    found=ascii(tenant_id)[:80], hint="Create it first.",
                ) from None  # fmt: skip
            raise
        found = await self.version(tenant_id, set_name, known)
        assert found is not None  # a version is never deleted while its scope is there
        return found

    async def activate(self, activation: Activation, known: Sequence[SetState]) -> SetState:
        scope, name = activation.tenant_id, activation.set_name
        digest = None
        with translated(PolicyStoreError, "activate a version"):
            async with self._database.tenant(scope) as connection:
                now = [_state(row) for row in await connection.fetch(_SQL["lock_sets"], scope)]
                last = next((one.sequence for one in now if one.set_name == name), 0)
                if list(known) != now or activation.sequence != last + 1:
                    raise changed_meanwhile(activation)
                if activation.version is not None:
                    digest = await connection.fetchval(_SQL["digest"], scope, name, activation.version)
                    if digest is None:
                        raise PolicyStoreError("there is no such version", found=f"{name} {activation.version}")
                await connection.execute(
                    _SQL["add_activation"], scope, name, activation.sequence, activation.kind, activation.version,
                    activation.author, activation.reason, activation.created_us,
                )  # fmt: skip
                await connection.execute(_SQL["point_at"], scope, name, activation.sequence, activation.version, digest)
        return SetState(name, activation.sequence, activation.version, digest)

    async def sets(self, tenant_id: str) -> list[SetState]:
        if not is_storable(tenant_id):
            return []
        with translated(PolicyStoreError, "list sets"):
            async with self._database.tenant(tenant_id) as connection:
                return [_state(row) for row in await connection.fetch(_SQL["sets"], tenant_id)]

    async def version(self, tenant_id: str, set_name: str, version: int) -> PolicyVersion | None:
        if not is_storable(tenant_id, set_name) or not 0 < version < 2**31:
            return None
        with translated(PolicyStoreError, "read a version"):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL["version"], tenant_id, set_name, version)
        if row is None:
            return None
        values = dict(row)
        values["source"] = json.loads(values["source"].decode("utf-8", "surrogatepass"))
        return PolicyVersion(**values)

    async def history(self, tenant_id: str, set_name: str, limit: int) -> PolicyHistory:
        if not is_storable(tenant_id, set_name):
            return PolicyHistory((), ())
        with translated(PolicyStoreError, "read the history"):
            async with self._database.tenant(tenant_id) as connection:
                versions = await connection.fetch(_SQL["versions"], tenant_id, set_name, limit)
                activations = await connection.fetch(_SQL["activations"], tenant_id, set_name, limit)
        return PolicyHistory(
            tuple([VersionHead(**row) for row in versions]), tuple([Activation(**row) for row in activations])
        )


def _state(row: asyncpg.Record) -> SetState:
    return SetState(row["set_name"], row["sequence"], row["version"], row["digest"])
