"""What is in force, for agents: one connection that listens, and asks whether it listened well."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from axonflow.adapters.postgres.database import Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import PolicyStoreError
from axonflow.policy.publication import InForce, SetState

__all__ = ["PostgresPolicyFeed"]

_SQL: Final = named_queries("policies.sql")
_TIMEOUT_S: Final = 5.0
"""For one answer. A server that hangs is found out by that, for it closes no connection."""
_BUNDLE_TIMEOUT_S: Final = 30.0
"""For a whole transaction, of five statements and five more when it is the first: one that takes two seconds for each
would else never have a bundle read."""


class PostgresPolicyFeed:
    """A PolicyFeed. It asks on the connection on which it listens: one that has died unseen is found at the next look,
    and while it lives there is no second one."""

    def __init__(self, database: PostgresDatabase, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._database = database
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._woken = asyncio.Event()

    async def in_force(self) -> InForce:
        self._woken.clear()
        with translated(PolicyStoreError, "say which policies are in force"):
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._database.listening(
                        lambda _: self._woken.set(), timeout_s=self._timeout_s
                    )
                rows = await self._connection.fetch(_SQL["in_force"])
            except BaseException:
                self.close()
                raise
        return _in_force(rows)

    async def bundle(self, tenant_id: str, set_name: str, version: int) -> bytes:
        with translated(PolicyStoreError, "read a bundle"):
            async with asyncio.timeout(_BUNDLE_TIMEOUT_S), self._database.tenant(tenant_id) as connection:
                bundle: bytes | None = await connection.fetchval(_SQL["bundle"], tenant_id, set_name, version)
        if bundle is None:
            raise PolicyStoreError("there is no such version", at=f"{tenant_id}: {set_name}", found=str(version))
        return bundle

    async def changed(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Let the connection go, without a word: a server that hangs would not hear it."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _in_force(rows: list[Any]) -> InForce:
    sets: dict[str, tuple[SetState, ...]] = {}
    organizations: dict[str, str] = {}
    for row in rows:
        scope = row["tenant_id"]
        if row["organization_id"] is not None:
            organizations[scope] = row["organization_id"]
        else:
            state = SetState(row["set_name"], row["sequence"], row["version"], row["digest"])
            sets[scope] = (*sets.get(scope, ()), state)
    return InForce(sets, organizations)
