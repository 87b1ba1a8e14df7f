"""What verification reads of the audit trail in PostgreSQL, as the role that sees all tenants and writes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from axonflow.adapters.postgres.audit_store import altered_column
from axonflow.adapters.postgres.database import PostgresDatabase
from axonflow.adapters.postgres.failures import is_storable, translated
from axonflow.adapters.postgres.sql_files import named_queries
from axonflow.audit import BatchStatement, ChainHead, Segment, WriterKey, batch_hash
from axonflow.audit.event_ids import ids_between
from axonflow.audit.merkle import leaf_hash
from axonflow.audit.stored import StoredBatch, StoredChain, StoredPlace, StoredRecord, StoredSegment, StoredWriter
from axonflow.errors import AuditError

__all__ = ["PostgresAuditProofs"]

_SQL: Final = {**named_queries("audit.sql"), **named_queries("audit_proofs.sql")}
_MAX_BIGINT: Final = 2**63 - 1
_NO_EVENT: Final = (asyncpg.DataError, asyncpg.DatatypeMismatchError, asyncpg.StatementTooComplexError)
"""What the server says of bytes that are no event, or too deep a one, or of a column whose type was changed."""


class PostgresAuditProofs:
    """An AuditProofs and AuditPlaces over `database`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def stored_writers(self) -> list[StoredWriter]:
        with translated(AuditError, "list the writers of the audit trail"):
            async with self._database.auditor() as connection:
                _check_required([name for (name,) in await connection.fetch(_SQL["not_required"])])
                rows = await connection.fetch(_SQL["keys"])
                names = {name for (name,) in await connection.fetch(_SQL["writers"])}
        keys = {name: tuple(map(_key, some)) for name, some in itertools.groupby(rows, lambda row: row["writer_id"])}
        return [StoredWriter(name, keys.get(name, ())) for name in sorted({*names, *keys})]

    async def stored_batches(self, writer_id: str, first: int, limit: int) -> list[StoredBatch]:
        if not is_storable(writer_id) or first > _MAX_BIGINT:
            return []
        with translated(AuditError, "read batches of the audit trail"):
            async with self._database.auditor() as connection:
                rows = await connection.fetch(_SQL["batches"], writer_id, first, limit)
                if not rows:
                    return []
                bounds = (rows[0]["number"], rows[-1]["number"])
                segments = await connection.fetch(_SQL["segments_of_batches"], writer_id, *bounds)
        leaves = {
            number: b"".join(leaf_hash(_segment(row).canonical()) for row in some)
            for number, some in itertools.groupby(segments, lambda row: row["number"])
        }
        return [_batch(row, leaves.get(row["number"], b"")) for row in rows]

    async def stored_chains(self, tenant_id: str | None = None) -> list[StoredChain]:
        if not is_storable(tenant_id):
            return []
        with translated(AuditError, "list the audit chains"):
            async with self._database.auditor() as connection:
                cuts = [_cut(row) for row in await connection.fetch(_SQL["cuts"], tenant_id)]
                found = {
                    (tenant, writer)
                    for query in ("chains", "chains_of_segments")
                    for tenant, writer in await connection.fetch(_SQL[query], tenant_id)
                }
        by_chain = {(cut.tenant_id, cut.writer_id): cut for cut in cuts}
        return [StoredChain(*one, by_chain.get(one)) for one in sorted({*found, *by_chain})]

    async def stored_segments(
        self, tenant_id: str, writer_id: str, after: tuple[int, int], limit: int
    ) -> list[StoredSegment]:
        if not is_storable(tenant_id, writer_id):
            return []
        with translated(AuditError, "read what was sealed of an audit chain"):
            async with self._database.auditor() as connection:
                rows = await connection.fetch(_SQL["segments"], tenant_id, writer_id, *after, limit)
        return [StoredSegment(_segment(row), row["number"], row["position"], row["removed"]) for row in rows]

    async def stored_records(self, tenant_id: str, writer_id: str, first: int, limit: int) -> list[StoredRecord]:
        if not is_storable(tenant_id, writer_id) or first > _MAX_BIGINT:
            return []
        place = (tenant_id, writer_id, first, limit)
        with translated(AuditError, "read an audit chain"):
            with suppress(*_NO_EVENT):
                async with self._database.auditor() as connection:
                    rows = await connection.fetch(_SQL["records"], *place)
                page = [*itertools.starmap(StoredRecord, rows)]
                if not any(one.altered for one in page):
                    return page
            async with self._database.auditor() as connection:
                return [_record(row) for row in await connection.fetch(_SQL["chain"], *place)]

    async def stored_places(self, event_id: str, tenant_id: str | None = None) -> list[StoredPlace]:
        if not is_storable(event_id, tenant_id):
            return []
        with translated(AuditError, "find an audit event"):
            async with self._database.auditor() as connection:
                rows: Iterable[Any] = await connection.fetch(_SQL["places"], event_id, tenant_id)
        return [StoredPlace(*row) for row in rows]

    async def count(self, tenant_id: str, start_us: int | None = None, end_us: int | None = None) -> int:
        """About how many events of a tenant there are of that time: by their ids, to within some milliseconds. Reads as
        many entries of an index. Raises AuditError."""
        if not is_storable(tenant_id):
            return 0
        with translated(AuditError, "count audit events"):
            async with self._database.auditor() as connection:
                found: int = await connection.fetchval(
                    _SQL["events_between"], tenant_id, *ids_between(start_us, end_us)
                )
        return found


def _check_required(others: list[str]) -> None:
    """Raise AuditError when columns may be empty: in no order, a row without its place is seen by nobody who verifies,
    and by all who search."""
    if others:
        raise AuditError(
            "the tables of the audit trail were changed", expected="NOT NULL, as they were made",
            found=f"{', '.join(others)} without", hint="Find the rows where it is NULL before you put it back.",
        )  # fmt: skip


def _key(row: Mapping[str, Any]) -> WriterKey:
    return WriterKey(row["writer_id"], row["number"], row["key_id"], row["public_key"], row["endorsement"] or b"")


def _segment(row: Mapping[str, Any]) -> Segment:
    return Segment(row["tenant_id"], row["writer_id"], row["first"], row["records"], row["head"], row["root"])


def _batch(row: Mapping[str, Any], leaves: bytes) -> StoredBatch:
    statement = row["statement"]
    altered = "" if row["hash"] == batch_hash(statement) else "hash"
    with suppress(AuditError):  # whoever walks along the batches says so of one that cannot be read
        altered = altered or ("" if BatchStatement.from_bytes(statement).sealed_us == row["sealed_us"] else "sealed_us")
    return StoredBatch(row["number"], statement, row["signature"], leaves, altered)


def _cut(row: Mapping[str, Any]) -> ChainHead:
    return ChainHead(row["tenant_id"], row["writer_id"], row["records"], row["hash"].hex())


class _Origin(Struct, frozen=True, gc=False):
    client_id: str = ""
    trace_id: str = ""
    request_id: str = ""


class _Searched(Struct, gc=False):
    """What the columns of a row say again. With all of an event, a record took half as long again."""

    event_id: str
    tenant_id: str
    writer_id: str
    time_us: int
    kind: str
    decision_id: str
    principal: str
    action: str
    resource: str
    effect: str
    allowed: bool
    policies: list[str]
    on_behalf_of: list[str] = []
    origin: _Origin = _Origin()
    schema_version: int = 0


def _record(row: Mapping[str, Any]) -> StoredRecord:
    canonical = row["canonical"]
    altered = "" if _says_the_same(row, canonical) else altered_column(row) or ""
    return StoredRecord(row["sequence"], row["previous"], row["hash"], canonical, row["event_id"], altered)


def _says_the_same(row: Mapping[str, Any], canonical: bytes) -> bool:
    """Whether all columns do; False may also mean that it takes a closer look."""
    try:
        said = _searched(canonical)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    origin = said.origin
    return tuple(row.values())[:_SEARCHED] == (
        said.tenant_id, said.event_id, said.schema_version, said.writer_id, row["sequence"], said.time_us, said.kind,
        said.decision_id, said.principal, said.on_behalf_of, origin.client_id, origin.trace_id, origin.request_id,
        said.action, said.resource, said.effect, said.allowed, said.policies,
    )  # fmt: skip


_SEARCHED: Final = 18
"""How many columns of the query ``chain`` repeat what was hashed, or are the sequence number between them."""
_searched: Final = msgspec.json.Decoder(_Searched).decode
