"""What has changed, from PostgreSQL: one connection that listens, and asks whether it listened well."""

from __future__ import annotations

import asyncio
from typing import Final

from axonflow.adapters.postgres.database import Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.errors import TenancyUnavailable
from axonflow.ports import Announced
from axonflow.tenancy import TenantStatus

__all__ = ["PostgresTenantFeed"]

_SQL: Final = named_queries("tenants.sql")
_TIMEOUT_S: Final = 2.0
_LOST: Final = Announced("", "")


class PostgresTenantFeed:
    """A TenantFeed. It asks on the connection that listens: one that died unseen is found out by that."""

    def __init__(self, database: PostgresDatabase, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._database = database
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._times = 0
        self._announced: set[Announced] = set()
        self._woken = asyncio.Event()

    async def inactive(self) -> dict[str, TenantStatus]:
        with translated(TenancyUnavailable, "say which tenants are active"):
            try:
                if self._connection is None:
                    self._connection = await self._connected()
                rows = await self._connection.fetch(_SQL["inactive"])
            except BaseException:
                self.close()
                raise
        return {row["tenant_id"]: row["status"] for row in rows}

    async def heard(self, timeout_s: float) -> frozenset[Announced]:
        if not self._announced:
            self._woken.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._woken.wait()
            except TimeoutError:
                return frozenset()
        announced, self._announced = frozenset(self._announced), set()
        if _LOST in announced:
            self.close()
            raise TenancyUnavailable("PostgreSQL does not announce changes any more", found="a lost connection")
        return announced

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.terminate()  # without a word: a server that hangs would not hear it

    async def _connected(self) -> Connection:
        self._announced.clear()
        self._times = time = self._times + 1

        def hear(payload: str) -> None:
            if time == self._times:  # what an earlier connection has to say is over
                kind, _, tenant_id = payload.partition(" ")
                self._announced.add(Announced(kind, tenant_id))
                self._woken.set()

        return await self._database.listening(hear, timeout_s=self._timeout_s)
