"""What was signed by command, in PostgreSQL, as services see it."""

from __future__ import annotations

from typing import Final

from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit import WriterKey
from axonflow.audit.stored import StoredBatch, StoredWriter
from axonflow.errors import AuditError

__all__ = ["PostgresCommandBatches"]

_SQL: Final = named_queries("audit_commands.sql")


class PostgresCommandBatches:
    """A CommandBatches over `database`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def newest(self) -> dict[str, int]:
        with translated(AuditError, "list the writers of commands"):
            async with self._database.sync() as connection:
                return dict(await connection.fetch(_SQL["newest"]))

    async def writer(self, writer_id: str) -> StoredWriter:
        with translated(AuditError, "read the keys of a writer"):
            async with self._database.sync() as connection:
                rows = await connection.fetch(_SQL["keys"], writer_id)
        return StoredWriter(writer_id, tuple(
            WriterKey(writer_id, row["number"], row["key_id"], row["public_key"], row["endorsement"] or b"")
            for row in rows
        ))  # fmt: skip

    async def stored_batches(self, writer_id: str, first: int, limit: int) -> list[StoredBatch]:
        with translated(AuditError, "read batches of a writer"):
            async with self._database.sync() as connection:
                rows = await connection.fetch(_SQL["batches"], writer_id, first, limit)
        return [StoredBatch(row["number"], row["statement"], row["signature"], b"") for row in rows]
