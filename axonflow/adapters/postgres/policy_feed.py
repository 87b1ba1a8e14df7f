"""What is in force, for agents: heard when it changes, and asked for on the connection that hears."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import PolicyStoreError
from axonflow.policy.publication import InForce, SetState

__all__ = ["PostgresPolicyFeed"]

_SQL: Final = named_queries("policies.sql")
_TELLING: Final = frozenset({"policy_activation", "tenant", ""})
"""What is announced of that changes what is in force for whom; and a connection that is lost, for who knows what was
announced meanwhile."""


class PostgresPolicyFeed:
    """A PolicyFeed. It asks on the connection on which it hears: one that has died unseen is found at the next look."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._hearing = database.listener.hearing(self._hear)
        self._woken = asyncio.Event()

    def _hear(self, announced: str) -> None:
        if announced.partition(" ")[0] in _TELLING:
            self._woken.set()

    async def in_force(self) -> InForce:
        self._woken.clear()
        with translated(PolicyStoreError, "say which policies are in force"):
            rows = await self._hearing.ask(_SQL["in_force"])
        return _in_force(rows)

    async def bundle(self, tenant_id: str, set_name: str, version: int) -> bytes:
        with translated(PolicyStoreError, "read a bundle"):
            await self._database.check()
            bundle: bytes | None = await self._hearing.ask_of(tenant_id, _SQL["bundle"], tenant_id, set_name, version)
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
        """Hear no more."""
        self._hearing.close()


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
