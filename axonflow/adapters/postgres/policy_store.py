"""Published policies in PostgreSQL, one scope at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import asyncpg
from msgspec.structs import replace

from axonflow.adapters.postgres.database import Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.limits import lock_kind, make_room_for_policies
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import PolicyMissing, PolicyStoreError
from axonflow.policy.api.rules import SET_NAME
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
_PUBLISH_AGAIN: Final = "Publish it again: it is kept as a whole or not at all, and never twice."
_LOOK_FIRST: Final = "Look at the history, and activate it again if it is not in force: it is as a whole or not at all."


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
            with translated(PolicyStoreError, "keep a version", hint=_PUBLISH_AGAIN):
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
        with translated(PolicyStoreError, "activate a version", hint=_LOOK_FIRST):
            async with self._database.tenant(scope) as connection:
                if _is_counted(activation):
                    await lock_kind(connection, scope, "policies")
                now = [_state(row) for row in await connection.fetch(_SQL["lock_sets"], scope)]
                last = next((one.sequence for one in now if one.set_name == name), 0)
                if list(known) != now or activation.sequence != last + 1:
                    raise changed_meanwhile(activation)
                if activation.version is not None:
                    digest, rules = await _of_version(connection, scope, name, activation.version)
                    before = next((one.version for one in now if one.set_name == name), None)
                    if _is_counted(activation) and rules > await _rules_of(connection, scope, name, before):
                        await make_room_for_policies(connection, scope, rules, instead_of=[name])
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


def _is_counted(activation: Activation) -> bool:
    """Whether it may come to more policies than the tenant may have. What the REST routes wrote was counted there, and
    a way back has to be open whatever the limit is now."""
    return activation.set_name != SET_NAME and activation.kind == "activate"


async def _of_version(connection: Connection, scope: str, set_name: str, version: int) -> tuple[str, int]:
    """Its digest, and how many rules it has. Raises PolicyStoreError when it is not there."""
    row = await connection.fetchrow(_SQL["of_version"], scope, set_name, version)
    if row is None:
        raise PolicyStoreError("there is no such version", found=f"{set_name} {version}")
    return row["digest"], row["rules"]


async def _rules_of(connection: Connection, scope: str, set_name: str, version: int | None) -> int:
    return 0 if version is None else (await _of_version(connection, scope, set_name, version))[1]


def _state(row: asyncpg.Record) -> SetState:
    return SetState(row["set_name"], row["sequence"], row["version"], row["digest"])
