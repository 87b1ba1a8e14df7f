"""The policies of the wire contract's routes in PostgreSQL, and what tenants override of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
import msgspec

from axonflow.adapters.postgres.database import Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.limits import lock_kind, make_room_for_policies
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import PolicyConflict, PolicyError, PolicyStoreError
from axonflow.policy.api.policy import (
    ApiPolicy,
    ApiPolicyPage,
    ApiPolicyQuery,
    ApiPolicyVersion,
    Change,
    Conditions,
    Override,
    Pattern,
)

__all__ = ["PostgresApiPolicyStore", "PostgresOverrideStore"]

_SQL: Final = named_queries("api_policies.sql")
_LOOK_FIRST: Final = "Look whether it was done, and do it again if it was not: it is as a whole or not at all."
_definition = msgspec.json.Decoder(Pattern | Conditions).decode


class PostgresApiPolicyStore:
    """An ApiPolicyStore. Row-level security shows a tenant its own policies and those of the layers above."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def page(self, query: ApiPolicyQuery) -> ApiPolicyPage:
        asked = (
            query.tenant_id, query.kind, query.category, query.tier, query.organization_id, query.type, query.enabled,
            query.search,
        )  # fmt: skip
        if not is_storable(*(text for text in asked if isinstance(text, str))):
            return ApiPolicyPage((), 0)
        order = (query.limit, query.sort_by, query.descending, query.offset)
        with translated(PolicyStoreError, "list policies"):
            async with self._database.tenant(query.tenant_id) as connection:
                rows = await connection.fetch(_SQL["page"], *asked, *order)
                total = rows[0]["total"] if rows else 0
                if not rows and query.offset:
                    total = await connection.fetchval(_SQL["total"], *asked)
        return ApiPolicyPage(tuple([_policy(row) for row in rows]), total)

    async def get(self, tenant_id: str, policy_id: str) -> ApiPolicy | None:
        if not is_storable(tenant_id, policy_id):
            return None
        with translated(PolicyStoreError, "read a policy"):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL["get"], tenant_id, policy_id)
        return _policy(row) if row else None

    async def write(self, policy: ApiPolicy, change: Change, summary: str) -> None:
        with translated(PolicyStoreError, "keep a policy", refusal=PolicyError, hint=_LOOK_FIRST), _told():
            async with self._database.tenant(policy.tenant_id) as connection:
                await _write(connection, policy, change)
                await connection.execute(
                    _SQL["add_version"], policy.tenant_id, policy.id, policy.version, change, summary,
                    msgspec.json.encode(policy), policy.updated_us, policy.updated_by,
                )  # fmt: skip

    async def versions(self, tenant_id: str, policy_id: str) -> Sequence[ApiPolicyVersion]:
        if not is_storable(tenant_id, policy_id):
            return ()
        with translated(PolicyStoreError, "read the versions of a policy"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["versions"], tenant_id, policy_id)
        return [ApiPolicyVersion(**{**row, "snapshot": json.loads(row["snapshot"])}) for row in rows]

    async def enabled(self, tenant_id: str) -> Sequence[ApiPolicy]:
        with translated(PolicyStoreError, "read policies"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["enabled"], tenant_id)
        return [_policy(row) for row in rows]


class PostgresOverrideStore:
    """An OverrideStore. Nobody sees another tenant's overrides, of whichever layer."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def standing(self, tenant_id: str) -> Sequence[Override]:
        with translated(PolicyStoreError, "read overrides"):
            async with self._database.tenant(tenant_id) as connection:
                rows = await connection.fetch(_SQL["standing"], tenant_id)
        return [Override(**row) for row in rows]

    async def put(self, override: Override) -> None:
        given = (override.tenant_id, override.policy_id, override.created_by, override.created_us)
        with translated(PolicyStoreError, "keep an override", refusal=PolicyError, hint=_LOOK_FIRST), _told():
            async with self._database.tenant(override.tenant_id) as connection:
                await connection.execute(_SQL["revoke"], *given)
                await connection.execute(
                    _SQL["put"], override.tenant_id, override.override_id, override.policy_id, override.action,
                    override.reason, override.created_us, override.created_by, override.expires_us,
                )  # fmt: skip

    async def revoke(self, tenant_id: str, policy_id: str, revoked_by: str, revoked_us: int) -> bool:
        if not is_storable(tenant_id, policy_id, revoked_by):
            return False
        with translated(PolicyStoreError, "end an override", hint=_LOOK_FIRST):
            async with self._database.tenant(tenant_id) as connection:
                status = await connection.execute(_SQL["revoke"], tenant_id, policy_id, revoked_by, revoked_us)
        return bool(status == "UPDATE 1")


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the database refuses into what the caller can mend."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError:
        raise PolicyError("no such tenant", expected="one that was created", found="another") from None
    except asyncpg.UniqueViolationError:
        raise _conflict("another version") from None


def _conflict(expected: str) -> PolicyConflict:
    return PolicyConflict(
        "the policy was changed meanwhile, or its name is taken", expected=expected, found="another",
        hint="Read it again, and repeat the change.",
    )  # fmt: skip


async def _write(connection: Connection, policy: ApiPolicy, change: Change) -> None:
    if change == "deleted":
        status = await connection.execute(_SQL["remove"], policy.tenant_id, policy.id, policy.version)
    else:
        if change == "created":
            await lock_kind(connection, policy.tenant_id, "policies")
            await make_room_for_policies(connection, policy.tenant_id, 1)
        sql = _SQL["add" if change == "created" else "change"]
        status = await connection.execute(sql, *_values(policy))
    if status.endswith(" 0"):
        raise _conflict(f"version {policy.version - 1}")


def _values(policy: ApiPolicy) -> tuple[object, ...]:
    return (
        policy.tenant_id, policy.id, policy.schema_version, policy.policy_id, policy.name, policy.description,
        policy.category, policy.severity, msgspec.json.encode(policy.definition), policy.priority, list(policy.tags),
        policy.enabled, policy.version, policy.created_us, policy.created_by, policy.updated_us, policy.updated_by,
        policy.kind,
    )  # fmt: skip


def _policy(row: Mapping[str, Any]) -> ApiPolicy:
    values = {name: value for name, value in row.items() if name != "total"}
    values["definition"] = _definition(values["definition"])
    values["tags"] = tuple(values["tags"])
    return ApiPolicy(**values)
