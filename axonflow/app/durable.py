"""What makes a control plane durable: the audit spool on disk, the database behind it, and the drain in between.

Needs asyncpg: ``pip install '.[postgres]'``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from axonflow.adapters.postgres import PostgresAuditStore, PostgresDatabase, PostgresPlanStore, migrate
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.audit import AuditPage, AuditQuery, AuditRecord
from axonflow.errors import AuditError, AxonFlowError, ConfigurationError, PlanError
from axonflow.flows.drain import Drain
from axonflow.plan import PlanExecution
from axonflow.ports import AuditLog, AuditStore, PlanStore

__all__ = ["Durable", "PlanStore", "migrate", "opened_store"]

FLUSH_TIMEOUT_S: Final = 5.0
MAX_SPOOL_BYTES: Final = 1 << 30
LOCK_TIMEOUT_S: Final = 30.0
"""For the process before this one to let go of the spool: it may still be draining."""


@asynccontextmanager
async def opened_store(database_url: str) -> AsyncIterator[AuditStore]:
    """The audit trail in the database, to be searched and verified. Raises ConfigurationError."""
    database = await PostgresDatabase.connect(database_url)
    try:
        yield PostgresAuditStore(database)
    finally:
        await database.close()


class _Database:
    """Connects when it is first needed and, when that fails, again the next time: a database that is away must not
    keep a service from starting, whose spool holds what it records."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._database: PostgresDatabase | None = None
        self._connecting = asyncio.Lock()

    async def get(self, kind: type[AxonFlowError]) -> PostgresDatabase:
        """The database. Raises `kind` when there is no connection."""
        async with self._connecting:
            if self._database is None:
                try:
                    self._database = await PostgresDatabase.connect(self._url)
                except ConfigurationError as error:
                    raise kind(error.message, expected=error.expected, found=error.found, hint=error.hint) from None
            return self._database

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()


class _AuditStore:
    """The AuditStore of a database that may be away."""

    def __init__(self, database: _Database) -> None:
        self._database = database

    async def write(self, records: Sequence[AuditRecord]) -> None:
        await (await self._store()).write(records)

    async def search(self, query: AuditQuery) -> AuditPage:
        return await (await self._store()).search(query)

    async def chains(self, tenant_id: str | None = None) -> list[tuple[str, str]]:
        return await (await self._store()).chains(tenant_id)

    async def chain(self, tenant_id: str, writer_id: str, first: int, limit: int) -> list[AuditRecord]:
        return await (await self._store()).chain(tenant_id, writer_id, first, limit)

    async def _store(self) -> PostgresAuditStore:
        return PostgresAuditStore(await self._database.get(AuditError))


class _PlanStore:
    """The PlanStore of a database that may be away."""

    def __init__(self, database: _Database) -> None:
        self._database = database

    async def add(self, execution: PlanExecution) -> None:
        await (await self._store()).add(execution)

    async def get(self, tenant_id: str, plan_id: str) -> PlanExecution | None:
        return await (await self._store()).get(tenant_id, plan_id)

    async def begin(self, tenant_id: str, plan_id: str, executor_id: str, started_us: int) -> PlanExecution | None:
        return await (await self._store()).begin(tenant_id, plan_id, executor_id, started_us)

    async def finish(self, execution: PlanExecution) -> bool:
        return await (await self._store()).finish(execution)

    async def abandon(self, executor_id: str, error: str, finished_us: int) -> int:
        return await (await self._store()).abandon(executor_id, error, finished_us)

    async def _store(self) -> PostgresPlanStore:
        return PostgresPlanStore(await self._database.get(PlanError))


class Durable:
    """The spool, the drain and the stores of one process. Made by :meth:`open`; bound to the event loop of that call,
    but for `audit`, which may be used from any."""

    def __init__(self, spool: SqliteAuditSpool, database: _Database, drain: Drain) -> None:
        self._spool = spool
        self._database = database
        self._drain = drain
        self._store = _AuditStore(database)

    @classmethod
    async def open(cls, *, spool: str | os.PathLike[str], database_url: str, report: Callable[[str], None]) -> Durable:
        """Open the spool in the folder `spool` and begin to drain it into the database, whenever that is there.

        `report` is told, in one sentence, when the drain begins to fail and when it works again. Raises
        ConfigurationError or AuditError when the spool cannot be used.
        """
        held = await asyncio.to_thread(
            SqliteAuditSpool.open, spool, max_bytes=MAX_SPOOL_BYTES, lock_timeout_s=LOCK_TIMEOUT_S
        )
        database = _Database(database_url)
        drain = Drain(held, _AuditStore(database), lambda error: report(_told(error)))
        drain.start()
        return cls(held, database, drain)

    @property
    def audit(self) -> AuditLog:
        """For :meth:`AxonFlow.open`: durable before an append returns."""
        return self._spool

    @property
    def plans(self) -> PlanStore:
        """Where plans are kept."""
        return _PlanStore(self._database)

    @property
    def pending(self) -> int:
        """Records that are not in the database yet."""
        return self._spool.pending

    @property
    def pending_bytes(self) -> int:
        """Their size on disk."""
        return self._spool.pending_bytes

    @property
    def drained(self) -> int:
        """Records that this process has moved to the database."""
        return self._drain.drained

    def unwell(self) -> str | None:
        """What keeps events from being recorded, in a few words."""
        return "the audit spool is full" if self._spool.pending_bytes >= MAX_SPOOL_BYTES else None

    async def search(self, query: AuditQuery) -> AuditPage:
        """What is found, with everything that this process recorded before the call. Raises AuditError."""
        if not await self._drain.flush(FLUSH_TIMEOUT_S) and not self._drain.held_back:
            raise AuditError(
                "the database does not keep up", expected=f"what was recorded within {FLUSH_TIMEOUT_S:.0f} s",
                hint="Nothing is lost: it is in the spool. Try again.",
            )  # fmt: skip
        return await self._store.search(query)

    async def close(self, timeout_s: float) -> bool:
        """Drain for at most `timeout_s`, then close; whether everything is in the database. The rest stays on disk."""
        try:
            await self._drain.stop(timeout_s)
            return not self._spool.pending
        finally:
            await self._database.close()
            await asyncio.to_thread(self._spool.close)


def _told(error: AuditError | None) -> str:
    return "audit records reach the database again" if error is None else f"audit records stay in the spool: {error}"
