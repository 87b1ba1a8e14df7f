"""What verification reads of a spool: beside the process that owns it, or when there is none. Nothing is written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from axonflow.adapters.sqlite_spool.aside import SPOOL_FILE
from axonflow.adapters.sqlite_spool.spool_file import check_readable, refused
from axonflow.adapters.sqlite_spool.statements import BEFORE_ALL, SOUND_BATCH, UNSOUND_AHEAD
from axonflow.audit import ChainHead, Segment, WriterKey
from axonflow.audit.merkle import leaf_hash, merkle_root
from axonflow.audit.stored import StoredBatch, StoredChain, StoredRecord, StoredSegment, StoredWriter
from axonflow.errors import AuditError, ConfigurationError

__all__ = ["SpoolAuditProofs"]

_CHAINS: Final = """
SELECT records.tenant_id, records.sequence, records.previous, heads.sequence, heads.hash
FROM (SELECT tenant_id, min(sequence) AS first FROM records GROUP BY tenant_id) AS chain
JOIN records ON records.tenant_id = chain.tenant_id AND records.sequence = chain.first
LEFT JOIN heads ON heads.tenant_id = chain.tenant_id
ORDER BY records.tenant_id"""
_RECORDS: Final = """
SELECT sequence, previous, hash, canonical FROM records
WHERE tenant_id = ? AND sequence >= ? ORDER BY sequence LIMIT ?"""
_BATCHES: Final = """
SELECT number, statement, signature, last_position FROM batch WHERE statement IS NOT NULL
UNION ALL
SELECT number + 1, batch_ahead.statement, batch_ahead.signature, batch_ahead.last_position FROM batch, batch_ahead
ORDER BY 1"""
"""What is sealed: the batch that comes next, and the one ahead of it."""
_SEALED: Final = """
SELECT tenant_id, sequence, hash FROM records
WHERE position > ? AND position <= ? ORDER BY tenant_id, sequence"""
_UNSOUND: Final = """
SELECT 'record ' || sequence || ' in position ' || position FROM records
WHERE typeof(tenant_id) <> 'text' OR typeof(sequence) <> 'integer'
OR typeof(previous) <> 'blob' OR typeof(hash) <> 'blob' OR typeof(canonical) <> 'blob'
UNION ALL
SELECT 'the end of a chain' FROM heads
WHERE typeof(tenant_id) <> 'text' OR typeof(sequence) <> 'integer' OR typeof(hash) <> 'blob'
LIMIT 1"""
"""SQLite keeps any value in any column."""


class _EventPlace(Struct):
    event_id: str
    tenant_id: str
    writer_id: str


_place = msgspec.json.Decoder(_EventPlace).decode


class SpoolAuditProofs:
    """An AuditProofs over the spool in a folder: what no store has yet. `keys` are those of its writer."""

    def __init__(self, connection: sqlite3.Connection, path: Path, keys: tuple[WriterKey, ...]) -> None:
        self._connection = connection
        self._path = path
        self._keys = keys
        self._check_types()
        ((self._writer_id,),) = self._read("SELECT value FROM meta WHERE name = 'writer_id'")
        self._segments: list[StoredSegment] = []
        self._batches: list[StoredBatch] = []
        after = BEFORE_ALL
        for number, statement, signature, last in self._read(_BATCHES):
            segments = self._sealed_segments(number, after, last)
            leaves = b"".join(leaf_hash(one.segment.canonical()) for one in segments)
            self._batches.append(StoredBatch(number, statement, signature, leaves))
            self._segments += segments
            after = last
        self._segments.sort(key=lambda one: (one.segment.tenant_id, one.segment.first))

    @classmethod
    @contextmanager
    def opened(
        cls, folder: str | os.PathLike[str], keys_of: Callable[[str], tuple[WriterKey, ...]]
    ) -> Iterator[SpoolAuditProofs]:
        """The spool in `folder`; `keys_of` knows the keys of its writer. One state of it is read throughout,
        whatever is appended meanwhile. Raises ConfigurationError for a folder without one, AuditError for one that
        cannot be read."""
        path = Path(folder) / SPOOL_FILE
        if not path.is_file():
            raise ConfigurationError("there is no audit spool", expected=f"a file {SPOOL_FILE}", at=str(folder))
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise refused(error, path) from None
        try:
            try:
                connection.execute("BEGIN")
                check_readable(connection, path)
                row = connection.execute("SELECT value FROM meta WHERE name = 'writer_id'").fetchone()
            except sqlite3.Error as error:
                raise refused(error, path) from None
            if row is None:
                raise _damaged("no writer", path)
            (writer_id,) = row
            yield cls(connection, path, keys_of(writer_id))
        finally:
            connection.close()

    async def stored_writers(self) -> list[StoredWriter]:
        ((number, previous),) = self._read("SELECT number, previous FROM batch")
        return [StoredWriter(self._writer_id, self._keys, number, previous)]

    async def stored_batches(self, writer_id: str, first: int, limit: int) -> list[StoredBatch]:
        return [one for one in self._batches if writer_id == self._writer_id and one.number >= first][:limit]

    async def stored_chains(self, tenant_id: str | None = None) -> list[StoredChain]:
        return [
            StoredChain(tenant, self._writer_id, self._cut(tenant, first, previous, head, digest))
            for tenant, first, previous, head, digest in self._read(_CHAINS)
            if tenant_id in (None, tenant)
        ]

    async def stored_segments(
        self, tenant_id: str, writer_id: str, after: tuple[int, int], limit: int
    ) -> list[StoredSegment]:
        return [
            one
            for one in self._segments
            if (one.segment.tenant_id, writer_id) == (tenant_id, self._writer_id)
            and (one.segment.first, one.number) > after
        ][:limit]

    async def stored_records(self, tenant_id: str, writer_id: str, first: int, limit: int) -> list[StoredRecord]:
        rows = self._read(_RECORDS, tenant_id, first, limit) if writer_id == self._writer_id else []
        found = []
        for sequence, previous, digest, canonical in rows:
            event_id, altered = self._said(tenant_id, canonical)
            found.append(StoredRecord(sequence, previous, digest, canonical, event_id, altered))
        return found

    def _said(self, tenant_id: str, canonical: bytes) -> tuple[str, str]:
        """The id of an event, and what of its row says other than its bytes."""
        try:
            place = _place(canonical)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return "", "canonical"
        chain = (place.tenant_id, place.writer_id)
        return place.event_id, "" if chain == (tenant_id, self._writer_id) else "its chain"

    def _cut(
        self, tenant_id: str, first: int, previous: bytes, head: int | None, digest: bytes | None
    ) -> ChainHead | None:
        """Up to where the store has the chain. What is in quarantine may stand behind what is held."""
        if head is not None and digest is not None and head < first:
            return ChainHead(tenant_id, self._writer_id, head + 1, digest.hex())
        return ChainHead(tenant_id, self._writer_id, first, previous.hex()) if head is not None else None

    def _sealed_segments(self, number: int, after: int, last: int) -> list[StoredSegment]:
        """Those of a batch that is sealed: its records as they stand here now, from one position to another."""
        runs: list[list[tuple[str, int, bytes]]] = []
        for row in self._read(_SEALED, after, last):
            if runs and (runs[-1][-1][0], runs[-1][-1][1] + 1) == row[:2]:
                runs[-1].append(row)
            else:
                runs.append([row])
        return [
            StoredSegment(
                Segment(
                    run[0][0], self._writer_id, run[0][1], len(run), run[-1][2], merkle_root([row[2] for row in run])
                ),
                number, position,
            )
            for position, run in enumerate(runs)
        ]  # fmt: skip

    def _check_types(self) -> None:
        unsound = ["the batch that comes next"] if not self._read(SOUND_BATCH) else []
        unsound += ["the batch ahead"] if self._read(UNSOUND_AHEAD) else []
        unsound += [what for (what,) in self._read(_UNSOUND)]
        if unsound:
            raise _damaged(f"{unsound[0]}, with a column of another type", self._path)

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise refused(error, self._path) from None


def _damaged(found: str, path: Path) -> AuditError:
    return AuditError("the audit spool is damaged", expected="what AxonFlow wrote", found=found, at=str(path))
