"""What has changed, from PostgreSQL: heard, and asked for on the connection that hears."""

from __future__ import annotations

import asyncio
from typing import Final

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import TenancyUnavailable
from axonflow.ports import Announced, Standing

__all__ = ["PostgresTenantFeed"]

_SQL: Final = named_queries("tenants.sql")


class PostgresTenantFeed:
    """A TenantFeed. It asks on the connection that hears: one that died unseen is found out by that."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._hearing = database.listener.hearing(self._hear)
        self._announced: set[Announced] = set()
        self._woken = asyncio.Event()

    def _hear(self, announced: str) -> None:
        if announced:
            kind, _, tenant_id = announced.partition(" ")
            self._announced.add(Announced(kind, tenant_id))
        self._woken.set()

    async def standing(self) -> Standing:
        with translated(TenancyUnavailable, "say which tenants are active"):
            try:
                rows = await self._hearing.ask(_SQL["standing"])
            except BaseException:
                self.close()
                raise
        return Standing(
            {row["tenant_id"]: row["status"] for row in rows if row["status"] != "active"},
            {row["tenant_id"]: row["audit_mode"] for row in rows if row["audit_mode"] is not None},
        )

    async def heard(self, timeout_s: float) -> frozenset[Announced]:
        self._woken.clear()
        if not self._announced and self._hearing.is_whole:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._woken.wait()
            except TimeoutError:
                return frozenset()
        if not self._hearing.is_whole:
            self.close()
            raise TenancyUnavailable("PostgreSQL does not announce changes any more", found="a lost connection")
        announced, self._announced = frozenset(self._announced), set()
        return announced

    def close(self) -> None:
        self._hearing.close()
        self._announced.clear()
