"""The audit trail of all processes, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import asyncpg

from axonflow.adapters.postgres.audit_pages import page_of
from axonflow.adapters.postgres.database import Connection, PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit import (
    AuditEvent,
    AuditPage,
    AuditQuery,
    AuditRecord,
    BatchStatement,
    SealedBatch,
    WriterKey,
    batch_hash,
)
from axonflow.errors import AuditConflict, AuditError, BatchConflict

__all__ = ["PostgresAuditStore", "altered_column"]

_SQL: Final = named_queries("audit.sql")
_ADD: Final = _SQL["write"]
_ADD_ABSENT: Final = f"{_ADD.removesuffix(';')}\nON CONFLICT DO NOTHING;"
"""Looks for each record in every unique index before it adds it: a quarter of the server's time for a batch."""
_PLACE: Final = "audit_event_place"
"""What the trigger names that looks for a second history in other partitions."""
_IN_BATCH: Final = "SELECT set_config('axonflow.in_batch', 'on', true)"
_MAX_STATEMENT_RECORDS: Final = 1_000
_MAX_STATEMENT_BYTES: Final = 16 * 1024 * 1024

_COLUMNS: Final[dict[str, Callable[[AuditEvent], object]]] = {
    "tenant_id": lambda event: event.tenant_id,
    "event_id": lambda event: event.event_id,
    "schema_version": lambda event: event.schema_version,
    "writer_id": lambda event: event.writer_id,
    "time_us": lambda event: event.time_us,
    "kind": lambda event: event.kind,
    "decision_id": lambda event: event.decision_id,
    "principal": lambda event: event.principal,
    "on_behalf_of": lambda event: list(event.on_behalf_of),
    "client_id": lambda event: event.origin.client_id,
    "trace_id": lambda event: event.origin.trace_id,
    "request_id": lambda event: event.origin.request_id,
    "action": lambda event: event.action,
    "resource": lambda event: event.resource,
    "effect": lambda event: event.effect,
    "allowed": lambda event: event.allowed,
    "policies": lambda event: list(event.policies),
}
"""What a column says, and where the hashed event says it."""


class PostgresAuditStore:
    """An AuditStore. It writes as a role that can only append, and searches as one that sees one tenant at a time."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def write(self, records: Sequence[AuditRecord]) -> None:
        # Always in the same order: two that write overlapping batches wait for each other, and never both.
        ordered = sorted(records, key=_place)
        if not ordered:
            return
        with translated(AuditError, "keep audit records", refusal=AuditConflict):
            async with self._database.writer({record.event.writer_id for record in ordered}) as connection:
                for batch in _statements(ordered):
                    await _write(connection, batch, _ADD_ABSENT)

    async def write_batch(self, batch: SealedBatch) -> None:
        said = batch.said
        with translated(AuditError, "keep a batch of audit records", refusal=AuditConflict):
            try:
                await self._add(batch, said, _ADD)
            except asyncpg.UniqueViolationError:  # records of it are there, and it is not: written before batches were
                await self._add(batch, said, _ADD_ABSENT)

    async def _add(self, batch: SealedBatch, said: BatchStatement, add: str) -> None:
        async with self._database.writer({said.writer_id}) as connection:
            await connection.execute(_IN_BATCH)
            if await _write_batch(connection, batch, said):
                for records in _statements(batch.records):
                    await _write(connection, records, add)

    async def newest_batch(self, writer_id: str) -> tuple[int, bytes] | None:
        """The number of the writer's newest batch and the hash of its statement. Raises AuditError."""
        with translated(AuditError, "find the newest batch of a writer"):
            async with self._database.writer({writer_id}) as connection:
                row = await connection.fetchrow(_SQL["newest_batch"], writer_id)
        return None if row is None else (row["number"], row["hash"])

    async def newest_key(self, writer_id: str) -> str | None:
        """The id of the key that is registered for the writer's newest batches. Raises AuditError."""
        with translated(AuditError, "find the key of a writer"):
            async with self._database.writer({writer_id}) as connection:
                found: str | None = await connection.fetchval(_SQL["newest_key"], writer_id)
        return found

    async def register(self, key: WriterKey) -> None:
        with translated(AuditError, "register a writer's key", refusal=AuditConflict):
            async with self._database.writer({key.writer_id}) as connection:
                await connection.execute(
                    _SQL["register"], key.writer_id, key.number, key.key_id, key.public_key, key.endorsement or None
                )
                kept = await connection.fetchval(_SQL["registered"], key.writer_id, key.number)
        if kept != key.key_id:
            raise AuditConflict(
                "another key is registered", expected=key.key_id, found=kept,
                at=f"batch {key.number} of writer {key.writer_id}",
            )  # fmt: skip

    async def search(self, query: AuditQuery) -> AuditPage:
        texts = (
            query.tenant_id, query.kind, query.principal, query.client_id, query.action, query.effect,
            query.decision_id, query.policy, query.before, query.resource,
        )  # fmt: skip
        if not is_storable(*texts):
            return AuditPage((), 0)
        with translated(AuditError, "search the audit trail"):
            return await self._database.read(query.tenant_id, lambda connection: page_of(connection, query))


def _place(record: AuditRecord) -> tuple[str, str, int]:
    return (record.event.tenant_id, record.event.writer_id, record.sequence)


def _statements(records: Sequence[AuditRecord]) -> Iterator[list[AuditRecord]]:
    """`records` in parts that one statement takes well."""
    batch: list[AuditRecord] = []
    size_bytes = 0
    for record in records:
        if batch and (len(batch) == _MAX_STATEMENT_RECORDS or size_bytes > _MAX_STATEMENT_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(record)
        size_bytes += len(record.canonical)
    yield batch


async def _write_batch(connection: Connection, batch: SealedBatch, said: BatchStatement) -> bool:
    """Whether it was not there yet. Then it is now, but for its records."""
    digest, segments = batch_hash(batch.statement), batch.segments
    status = await connection.execute(
        _SQL["write_batch"], said.writer_id, said.number, batch.statement, batch.signature, digest, said.sealed_us,
        [one.tenant_id for one in segments], [one.first for one in segments], [one.records for one in segments],
        [one.head for one in segments], [one.root for one in segments],
    )  # fmt: skip
    if status == f"INSERT 0 {len(segments)}":
        return True
    if await connection.fetchval(_SQL["batch_hash"], said.writer_id, said.number) == digest:
        return False
    newest = await connection.fetchrow(_SQL["newest_batch"], said.writer_id)
    raise BatchConflict(
        "another batch has this number", number=newest["number"], digest=newest["hash"],
        at=f"batch {said.number} of writer {said.writer_id}",
        hint="Two histories claim one place: a spool was copied or put back. Nothing of the batch was kept.",
    )  # fmt: skip


async def _write(connection: Connection, batch: list[AuditRecord], add: str) -> None:
    try:
        status = await connection.execute(
            add,
            [record.sequence for record in batch],
            [record.previous for record in batch],
            [record.hash for record in batch],
            [record.canonical for record in batch],
        )
    except asyncpg.UniqueViolationError as violation:
        if violation.constraint_name != _PLACE:
            raise
        raise _second_history(*json.loads(violation.detail)) from None
    if status == f"INSERT 0 {len(batch)}":
        return
    # Some were there already, which is fine if they are the same.
    other = await connection.fetchrow(
        _SQL["not_kept"],
        [record.event.tenant_id for record in batch],
        [record.event.writer_id for record in batch],
        [record.sequence for record in batch],
        [record.event.event_id for record in batch],
        [record.hash for record in batch],
    )
    if other is not None:
        raise _second_history(other["writer_id"], other["sequence"], other["event_id"])


def _second_history(writer_id: str, sequence: int, event_id: str) -> AuditConflict:
    return AuditConflict(
        "another record holds this place",
        expected=f"the record of event {event_id}, or none",
        found="a different one",
        at=f"sequence {sequence} of writer {writer_id}",
        hint="Two histories claim one place: a spool was copied or put back. Nothing of the batch was kept.",
    )


def altered_column(row: Mapping[str, Any]) -> str | None:
    """The first column of a row of ``audit_event`` that says other than its bytes, ``canonical`` when these are no
    event; None when there is none."""
    try:
        event = AuditEvent.from_canonical(row["canonical"])
    except AuditError:
        return "canonical"
    return next((column for column, said in _COLUMNS.items() if row[column] != said(event)), None)
