"""An audit log without a spool: for commands, which have no folder of records and end when they are done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from axonflow.adapters.postgres.audit_store import PostgresAuditStore
from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit import NO_BATCH, AuditEvent, AuditRecord, ChainHead, SealedBatch, WriterKey, batch_hash, link, seal
from axonflow.audit.commands import UNSIGNED_COMMANDS
from axonflow.errors import AuditConflict, AuditError
from axonflow.ids import now_us
from axonflow.ports import CommandWriter

__all__ = ["PostgresAuditLog"]

MAX_TRIES: Final = 20
_SQL: Final = named_queries("audit_log.sql")


class PostgresAuditLog:
    """An AuditLog of one event loop. When an append returns, the record is in the database, signed.

    All commands of a machine write as one `writer`, so that there is one chain a tenant: a chain for each command would
    be as short as what it did, and nobody would miss it. Of two at once, the second finds its place taken and goes
    behind the first. A batch goes behind the newest that the machine knows of, also where the database has lost it: so
    that shows as a gap, as it does of a spool. `moved` is called with each batch that is kept.
    """

    def __init__(
        self,
        database: PostgresDatabase,
        writer: CommandWriter,
        moved: Callable[[SealedBatch], None] = lambda _batch: None,
    ) -> None:
        self._database = database
        self._store = PostgresAuditStore(database)
        self._writer = writer
        self._moved = moved
        self._registered: set[WriterKey] = set()

    @property
    def writer_id(self) -> str:
        """Raises ConfigurationError where there is no key to sign with."""
        return self._writer.writer_id

    async def append(self, event: AuditEvent) -> AuditRecord:
        if event.writer_id != self.writer_id:
            raise AuditError("an event of another writer", expected=self.writer_id, found=event.writer_id[:64])
        canonical = event.recordable()
        for _ in range(MAX_TRIES):
            record = link(event, await self._head(event.tenant_id), canonical)
            batch = await self._sealed(record)
            try:
                await self._store.write_batch(batch)
            except AuditConflict:
                continue
            self._moved(batch)
            await asyncio.to_thread(self._writer.signed, batch.said.number, batch_hash(batch.statement))
            return record
        raise AuditError(
            "others append to the trail all the time", expected=f"a turn within {MAX_TRIES} tries", hint="Try again."
        )

    def append_later(self, event: AuditEvent) -> bool:
        """Never: a command ends as soon as it is done."""
        del event
        return False

    async def records(self, tenant_id: str) -> list[AuditRecord]:
        """None: what was appended is in the store."""
        del tenant_id
        return []

    async def _sealed(self, record: AuditRecord) -> SealedBatch:
        newest, known = await self._store.newest_batch(self.writer_id), self._writer.newest
        if known is not None and (newest is None or newest[0] <= known[0]):
            newest = known
        if newest is None:
            before = await self._store.newest_batch(UNSIGNED_COMMANDS)
            newest = (-1, NO_BATCH if before is None else before[1])  # from now on, that is signed for
        number, previous = newest[0] + 1, newest[1]
        signer, keys = await asyncio.to_thread(self._writer.signing, number)
        for key in keys:
            if key not in self._registered:
                await self._store.register(key)
                self._registered.add(key)
        await self._check_key(signer.key_id)
        return seal([record], self.writer_id, number, previous, now_us(), signer)

    async def _check_key(self, key_id: str) -> None:
        """What a key signs that was replaced since would be a finding for ever."""
        newest = await self._store.newest_key(self.writer_id)
        if newest != key_id:
            raise AuditError(
                "the machine signs with another key by now", expected=str(newest), found=key_id,
                hint="Try again. If it stays so, the folder of its key is an old copy: remove it, and one is made.",
            )  # fmt: skip

    async def _head(self, tenant_id: str) -> ChainHead | None:
        """Where the chain ends, or None where it has not begun. Raises AuditError without such a tenant: nothing would
        ever remove what is recorded for none."""
        with translated(AuditError, "read where the audit trail ends"):
            async with self._database.tenant(tenant_id) as connection:
                row = await connection.fetchrow(_SQL["head"], tenant_id, self.writer_id)
        if row is None:
            raise AuditError(
                "there is no such tenant", expected="a tenant, '@' and an organization, or '*'",
                found=ascii(tenant_id)[:80], hint="Create it first.",
            )  # fmt: skip
        return ChainHead(tenant_id, self.writer_id, row["records"], row["hash"].hex()) if row["records"] else None
