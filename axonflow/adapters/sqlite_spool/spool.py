"""`SqliteAuditSpool`: durable before an append returns, until a store has taken it."""

from __future__ import annotations

import asyncio
import atexit
import os
import sqlite3
import threading
import weakref
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from axonflow.adapters.sqlite_spool.held_records import HeldRecords, Row
from axonflow.adapters.sqlite_spool.owner_thread import OwnerThread
from axonflow.adapters.sqlite_spool.reserve import Reserve
from axonflow.adapters.sqlite_spool.spool_file import SPOOL_FILE, lock_folder, open_database, refused
from axonflow.audit import (
    AuditEvent,
    AuditRecord,
    BatchSigner,
    BatchStatement,
    SealedBatch,
    batch_hash,
    seal,
)
from axonflow.errors import AuditError, ConfigurationError
from axonflow.ids import now_us

__all__ = ["SqliteAuditSpool"]

_MAX_BYTES: Final = 1 << 30
_LOCK_TIMEOUT_S: Final = 5.0
_SLICE: Final = 64
"""Records decoded, or discarded in one transaction (four times as many), before others get their turn."""
_PAGE: Final = 1_000


class SqliteAuditSpool:
    """An `AuditSpool` in one folder, which one process at a time owns. Made by :meth:`open`.

    Safe to share between event loops and threads. What `append` returned survives the process and the power (SQLite,
    write-ahead log, ``synchronous=FULL``); what it raised for may or may not have been recorded. A forked child cannot
    use its parent's spool: every call raises AuditError there.
    """

    def __init__(self, owner: OwnerThread, lock: int, writer_id: str) -> None:
        self._owner = owner
        self._signer: BatchSigner | None = None
        self._lock = lock
        self._writer_id = writer_id
        self._closing = threading.Lock()
        _open_spools.add(self)
        atexit.register(self.close)

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str], *, max_bytes: int = _MAX_BYTES, lock_timeout_s: float = _LOCK_TIMEOUT_S
    ) -> SqliteAuditSpool:
        """The spool in `folder`, which is made (0700, files 0600) if it is absent. Blocks.

        Events are refused while more than `max_bytes` wait for a store. Raises ConfigurationError for a folder that
        cannot be used, that another process still owns after `lock_timeout_s`, or that holds something else or a newer
        spool; AuditError for a damaged file. Neither changes nor deletes anything then.
        """
        place = Path(folder)
        if max_bytes <= 0:
            raise ConfigurationError("wrong size of the audit spool", expected="1 byte or more", found=str(max_bytes))
        path = place / SPOOL_FILE
        lock = lock_folder(place, lock_timeout_s)
        try:
            connection, writer_id = open_database(path)
            try:
                held = HeldRecords(connection, max_bytes, Reserve(place))
            except BaseException as error:
                connection.close()
                if isinstance(error, sqlite3.Error):
                    raise refused(error, path) from None
                raise
        except BaseException:
            os.close(lock)
            raise
        return cls(OwnerThread(held, path), lock, writer_id)

    def sign_with(self, signer: BatchSigner) -> None:
        """Sign the batches that are sealed from now on. Without it they are sealed all the same, unsigned."""
        self._signer = signer

    def close(self) -> None:
        """Finish what waits, then let go of the folder. Blocks meanwhile; calling it again does nothing."""
        with self._closing:
            self._owner.close("the audit spool is closed")
            self._release()

    @property
    def writer_id(self) -> str:
        """Made with the file and kept in it: a chain goes on when the process starts again."""
        return self._writer_id

    @property
    def pending(self) -> int:
        """How many records no store has taken yet."""
        return self._owner.held.pending

    @property
    def pending_bytes(self) -> int:
        """About how many bytes of the disk they take; what `max_bytes` limits."""
        return self._owner.held.pending_bytes

    @property
    def quarantined(self) -> int:
        """How many were refused for good by a store, and are out of the way."""
        return self._owner.held.quarantined

    @property
    def failure(self) -> str | None:
        """Why the last append failed, when that was in the last half minute and none has worked since."""
        return self._owner.failure

    @property
    def oldest_us(self) -> int | None:
        """When the event of the oldest of them was made (microseconds since the Unix epoch, UTC); None without any."""
        return self._owner.held.oldest_us

    async def append(self, event: AuditEvent) -> AuditRecord:
        """Record `event`; it is on the disk when this returns.

        Raises AuditError for an event of another writer, one that could not be stored or read back, one of more than
        256 KiB (canonical), when 10000 others wait, when `max_bytes` wait for a store, and when the disk refuses. When
        this is cancelled, the event may have been recorded.
        """
        if event.writer_id != self._writer_id:
            raise AuditError("an event of another writer", expected=self._writer_id, found=str(event.writer_id)[:64])
        return await self._owner.append(event)

    async def records(self, tenant_id: str) -> list[AuditRecord]:
        """What is held of the tenant's chain, oldest first. Raises AuditError."""
        records: list[AuditRecord] = []
        while True:
            first = records[-1].sequence + 1 if records else 0
            page = await self._owner.do(partial(HeldRecords.chain, tenant_id=tenant_id, first=first, limit=_PAGE))
            records += await _decoded(page)
            if len(page) < _PAGE:
                return records

    async def oldest(self, limit: int) -> list[AuditRecord]:
        """Up to `limit` of the records held, in the order in which they were appended. Raises AuditError."""
        if not self.pending and not self._owner.ended:  # a drain asks often; an idle spool costs it nothing
            return []
        return await _decoded(await self._owner.do(partial(HeldRecords.oldest, limit=limit)))

    async def sealed(self, limit: int) -> SealedBatch | None:
        """The batch that is sealed and was not released, else one of up to `limit` of the oldest records, sealed now;
        None when nothing is held. Raises AuditError."""
        if not self.pending and not self._owner.ended:  # a drain asks often; an idle spool costs it nothing
            return None
        while True:
            found = await self._owner.do(partial(HeldRecords.next_batch, limit=limit))
            if found is None:
                return None
            records = await _decoded(found.rows)
            if found.statement is not None:
                return _as_sealed(found.statement, found.signature or b"", records)
            batch = seal(records, self._writer_id, found.number, found.previous, now_us(), self._signer)
            noted = partial(HeldRecords.seal, batch=found, statement=batch.statement, signature=batch.signature)
            if await self._owner.do(noted):
                return batch

    async def release(self, batch: SealedBatch) -> None:
        """Let go of the records of `batch`, which a store now keeps. Raises AuditError."""
        number, digest = batch.said.number, batch_hash(batch.statement)
        await self._owner.do(partial(HeldRecords.release, number=number, digest=digest))

    async def go_on(self, number: int, previous: bytes) -> None:
        """The next batch is `number`, behind the one with the hash `previous`. Raises AuditError."""
        await self._owner.do(partial(HeldRecords.go_on, number=number, previous=previous))

    async def quarantine(self, records: Sequence[AuditRecord], reason: str) -> None:
        """Put `records` out of the way; what is sealed is sealed anew. Raises AuditError."""
        await self._owner.do(partial(HeldRecords.quarantine, records=records, reason=reason))

    async def in_quarantine(self, limit: int = 100) -> list[tuple[AuditRecord, str]]:
        """Up to `limit` of what was put out of the way, with why. Raises AuditError."""
        found = await self._owner.do(partial(HeldRecords.in_quarantine, limit=limit))
        return [(row.record(), reason) for row, reason in found]

    async def discard(self, records: Sequence[AuditRecord]) -> None:
        """Let go of `records`; those that are not held are passed over. Raises AuditError; some may be gone then."""
        own = [record for record in records if record.event.writer_id == self._writer_id]
        size = _SLICE * 4
        for start in range(0, len(own), size):
            part = own[start : start + size]
            await self._owner.do(partial(HeldRecords.discard, records=part))

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
            _open_spools.discard(self)
            atexit.unregister(self.close)

    def _abandon(self) -> None:
        """In a forked child: the descriptor goes, so that the lock ends with the parent; the rest is not ours."""
        self._closing = threading.Lock()
        self._owner.abandon("the audit spool belongs to the process that this one was forked from")
        self._release()


def _as_sealed(statement: bytes, signature: bytes, records: Sequence[AuditRecord]) -> SealedBatch:
    """`records` as they were sealed before. Raises AuditError when they are others."""
    said = BatchStatement.from_bytes(statement)
    again = seal(records, said.writer_id, said.number, bytes.fromhex(said.previous), said.sealed_us, None)
    if again.said.root != said.root:
        raise AuditError(
            "the records of a sealed batch were changed", expected=said.root, found=again.said.root,
            at=f"batch {said.number} of writer {said.writer_id}",
        )  # fmt: skip
    return SealedBatch(statement, signature, again.segments, again.records)


async def _decoded(rows: Sequence[Row]) -> list[AuditRecord]:
    """The records of `rows`, some at a time, so that the event loop serves others in between."""
    records: list[AuditRecord] = []
    for start in range(0, len(rows), _SLICE):
        records += [row.record() for row in rows[start : start + _SLICE]]
        await asyncio.sleep(0)
    return records


_open_spools: weakref.WeakSet[SqliteAuditSpool] = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_open_spools):
        spool._abandon()  # noqa: SLF001  the module's own class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
