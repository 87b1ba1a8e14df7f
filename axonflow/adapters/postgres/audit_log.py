"""An audit log without a spool: for commands, which have no folder of their own and end when they are done."""

from __future__ import annotations

from typing import Final

from axonflow.adapters.postgres.audit_store import PostgresAuditStore
from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit import NO_BATCH, AuditEvent, AuditRecord, ChainHead, link, seal
from axonflow.errors import AuditConflict, AuditError
from axonflow.ids import now_us

__all__ = ["PostgresAuditLog"]

WRITER_ID: Final = "axonflow-cli"
MAX_TRIES: Final = 20
_SQL: Final = named_queries("audit_log.sql")


class PostgresAuditLog:
    """An AuditLog of one event loop. When an append returns, the record is in the database.

    All commands write as one writer, so that there is one chain a tenant: a chain for each command would be as short as
    what it did, and nobody would miss it. Of two at once, the second finds its place taken and goes behind the first.
    A command has no key of its own, so its batches are not signed.
    """

    writer_id = WRITER_ID

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._store = PostgresAuditStore(database)

    async def append(self, event: AuditEvent) -> AuditRecord:
        if event.writer_id != self.writer_id:
            raise AuditError("an event of another writer", expected=self.writer_id, found=event.writer_id[:64])
        canonical = event.recordable()
        for _ in range(MAX_TRIES):
            record = link(event, await self._head(event.tenant_id), canonical)
            newest = await self._store.newest_batch(self.writer_id)
            number, previous = (0, NO_BATCH) if newest is None else (newest[0] + 1, newest[1])
            try:
                await self._store.write_batch(seal([record], self.writer_id, number, previous, now_us(), None))
            except AuditConflict:
                continue
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
