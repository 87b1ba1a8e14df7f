"""`SqliteAuditSpool`: durable before an append returns, until a store has taken it."""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
import weakref
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from axonflow.adapters.sqlite_spool.aside import SPOOL_FILE, DamageReport, reports
from axonflow.adapters.sqlite_spool.batches import NextBatch, Sealing
from axonflow.adapters.sqlite_spool.decoding import as_sealed, decoded, read, record_or_none
from axonflow.adapters.sqlite_spool.held_keys import KeyOf
from axonflow.adapters.sqlite_spool.held_records import HeldRecords
from axonflow.adapters.sqlite_spool.mark import Mark
from axonflow.adapters.sqlite_spool.opening import mended, salvaged_folders
from axonflow.adapters.sqlite_spool.owner_thread import OwnerThread
from axonflow.adapters.sqlite_spool.reserve import Reserve
from axonflow.adapters.sqlite_spool.rows import MAX_EVENT_BYTES, Entry
from axonflow.adapters.sqlite_spool.spool_file import is_damage, lock_folder, refused, suspect
from axonflow.audit import (
    AuditEvent,
    AuditModes,
    AuditRecord,
    BatchSigner,
    SealedBatch,
    seal,
)
from axonflow.audit.persons import KeptKey
from axonflow.errors import AuditError, ConfigurationError
from axonflow.ids import now_us

__all__ = ["SqliteAuditSpool"]

_MAX_BYTES: Final = 1 << 30
_LOCK_TIMEOUT_S: Final = 5.0
_DISCARDED: Final = 256
"""Records discarded in one transaction, before others get their turn."""
_PAGE: Final = 1_000
_MAX_UNSEALED_BYTES: Final = MAX_EVENT_BYTES // 16
"""Of an event that is taken before it is sealed: short names of many persons grow by as much."""


class SqliteAuditSpool:
    """An `AuditSpool` in one folder, which one process at a time owns. Made by :meth:`open`.

    Safe to share between event loops and threads. What `append` returned survives the process and the power (SQLite,
    write-ahead log, ``synchronous=FULL``); what it raised for may or may not have been recorded. What `append_later`
    took is committed with the next group, 20 ms or 1,000 events later at the latest: when the process or the power ends
    before that, it is lost. A forked child cannot use its parent's spool: every call raises AuditError there.
    """

    def __init__(self, owner: OwnerThread, lock: int, writer_id: str, folder: Path, modes: AuditModes) -> None:
        self._owner = owner
        self._folder = folder
        self._modes = modes
        self._signer: BatchSigner | None = None
        self._lock = lock
        self._writer_id = writer_id
        self._closing = threading.Lock()
        _open_spools.add(self)
        atexit.register(self.close)

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        *,
        max_bytes: int = _MAX_BYTES,
        lock_timeout_s: float = _LOCK_TIMEOUT_S,
        modes: AuditModes | None = None,
        sheds: bool = False,
    ) -> SqliteAuditSpool:
        """The spool in `folder`, which is made (0700, files 0600) if it is absent. Blocks.

        Events are refused while more than `max_bytes` wait for a store; with `sheds`, the oldest of those that no
        answer waited for go first, and their chains say so. `modes` are the tenants' (all are durable without them).

        A file that is damaged is moved to ``damaged/`` in the folder, with a report (see `damage`). What can be read of
        it becomes a spool below ``salvaged/`` (see `salvaged`), and this one begins anew, with another writer id.

        Raises ConfigurationError for a folder that cannot be used, that another process still owns after
        `lock_timeout_s`, or that holds something else or a newer spool: neither changes nor deletes anything then.
        Raises AuditError when the disk refuses.
        """
        place = Path(folder)
        if max_bytes <= 0:
            raise ConfigurationError("wrong size of the audit spool", expected="1 byte or more", found=str(max_bytes))
        path = place / SPOOL_FILE
        lock = lock_folder(place, lock_timeout_s)
        try:
            connection, writer_id = mended(place)
            mark = None
            try:
                mark = Mark(place)
                held = HeldRecords(connection, writer_id, max_bytes, Reserve(place), mark, sheds=sheds)
            except BaseException as error:
                connection.close()
                if mark is not None:
                    mark.close()
                if isinstance(error, sqlite3.Error):
                    if is_damage(error):
                        suspect(path)
                    raise refused(error, path) from None
                raise
        except BaseException:
            os.close(lock)
            raise
        return cls(OwnerThread(held, path), lock, writer_id, place, AuditModes() if modes is None else modes)

    def sign_with(self, signer: BatchSigner) -> None:
        """Sign the batches that are sealed from now on. Without it they are sealed all the same, unsigned."""
        self._signer = signer

    def seal_persons(self, key_of: KeyOf) -> None:
        """Record from now on what tells of persons sealed, under the keys that `key_of` gives. A key is on the disk
        together with what is sealed with it (see `person_keys`)."""
        self._owner.held.keys.key_of = key_of

    async def person_keys(self, limit: int) -> list[KeptKey]:
        """Up to `limit` keys of persons that no store has yet. Raises AuditError."""
        if not self._owner.held.keys.count:
            return []
        return await self._owner.do(lambda held: held.keys.some(limit))

    async def release_person_keys(self, keys: Sequence[KeptKey]) -> int:
        """Let go of `keys`, which a store now keeps; how many went. Raises AuditError."""
        return await self._owner.do(partial(HeldRecords.release_keys, keys=keys))

    async def pass_over_person_keys(self, keys: Sequence[KeptKey]) -> None:
        """Give those of `keys` that are left no more, until this is opened again. Raises AuditError."""
        await self._owner.do(lambda held: held.keys.pass_over(keys))

    async def next_number(self) -> int:
        """The number of the next batch to be sealed. Raises AuditError."""
        return await self._owner.do(lambda held: held.batches.first_unsealed())

    async def is_any_sealed(self) -> bool:
        """Whether a batch is sealed that a store may have, or refuse: then it is sealed anew under the same number.
        Raises AuditError."""
        return await self._owner.do(lambda held: held.batches.is_any_sealed())

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
        """How many records no store has taken yet, with those that are still in memory."""
        return self._owner.held.pending + self._owner.waiting

    @property
    def waiting(self) -> int:
        """How many of them are still in memory."""
        return self._owner.waiting

    @property
    def lost(self) -> int:
        """How many events were taken since the start and could not be recorded; the first of them are in quarantine."""
        return self._owner.lost

    @property
    def shed(self) -> int:
        """How many records went since the start, since there was no room."""
        return self._owner.held.shed

    @property
    def damage(self) -> list[DamageReport]:
        """Of all damaged files that were moved aside, and are still in the folder."""
        return reports(self._folder)

    @property
    def salvaged(self) -> list[Path]:
        """Folders of spools that hold what could be read of damaged ones, each with another writer id."""
        return salvaged_folders(self._folder)

    @property
    def pending_bytes(self) -> int:
        """About how many bytes of the disk they take, with the keys of persons that wait; what `max_bytes` limits."""
        return self._owner.held.held_bytes

    @property
    def max_bytes(self) -> int:
        """When so many wait for a store, it is full."""
        return self._owner.held.max_bytes

    @property
    def is_full(self) -> bool:
        """Whether nothing more is recorded: there is no room, and nothing that may go for it."""
        return self._owner.held.is_full

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
        self._check_writer(event)
        return await self._owner.append(Entry(event, None, self._modes.may_follow(event)))

    def append_later(self, event: AuditEvent) -> bool:
        """Take `event`, if its tenant's mode is so, there is room and the disk is well; else False.

        Raises AuditError for an event of another writer, and one that has no canonical bytes.
        """
        if not self._modes.may_follow(event):
            return False
        self._check_writer(event)
        canonical = event.encoded()
        size_bytes, entry = len(canonical), Entry(event, canonical, may_go=True)
        most = MAX_EVENT_BYTES if self._owner.held.keys.key_of is None else _MAX_UNSEALED_BYTES
        return size_bytes <= most and self._owner.append_later(entry, size_bytes)

    def _check_writer(self, event: AuditEvent) -> None:
        if event.writer_id != self._writer_id:
            raise AuditError("an event of another writer", expected=self._writer_id, found=str(event.writer_id)[:64])

    async def records(self, tenant_id: str) -> list[AuditRecord]:
        """What is held of the tenant's chain, oldest first. Raises AuditError."""
        records: list[AuditRecord] = []
        while True:
            first = records[-1].sequence + 1 if records else 0
            page = await self._owner.do(partial(HeldRecords.chain, tenant_id=tenant_id, first=first, limit=_PAGE))
            records += await decoded(page)
            if len(page) < _PAGE:
                return records

    async def oldest(self, limit: int) -> list[AuditRecord]:
        """Up to `limit` of the records held, in the order in which they were appended. Raises AuditError."""
        if not self.pending and not self._owner.ended:  # a drain asks often; an idle spool costs it nothing
            return []
        return await decoded(await self._owner.do(partial(HeldRecords.oldest, limit=limit)))

    async def sealed(self, limit: int) -> SealedBatch | None:
        """The batch that is sealed and was not released, else one of up to `limit` of the oldest records, sealed now;
        None when nothing is held. Raises AuditError."""
        if not self.pending and not self._owner.ended:  # a drain asks often; an idle spool costs it nothing
            return None
        while True:
            found = await self._owner.do(partial(HeldRecords.next_batch, limit=limit))
            if found is None:
                return None
            records, damaged = await read(found.rows)
            if damaged:
                await self._owner.do(partial(HeldRecords.quarantine_damaged, damaged=damaged))
                continue
            if found.statement is not None:
                batch = as_sealed(found, records)
                if batch is not None:
                    return batch
                await self._owner.do(HeldRecords.unseal)
                continue
            batch, sealing = self._sealed(found, records)
            if await self._owner.do(partial(HeldRecords.seal, number=found.number, sealing=sealing)):
                return batch

    def _sealed(self, found: NextBatch, records: Sequence[AuditRecord]) -> tuple[SealedBatch, Sealing]:
        batch = seal(records, self._writer_id, found.number, found.previous, now_us(), self._signer)
        return batch, Sealing(batch.statement, batch.signature, found.last_position, len(records))

    async def ahead(self, batch: SealedBatch, limit: int) -> SealedBatch | None:
        """The batch that is sealed behind `batch`, else one of the `limit` oldest records behind it, sealed now. None
        when there are fewer, one of them cannot be read, or `batch` is not what is sealed. Raises AuditError."""
        if self.pending <= len(batch.records):
            return None
        before = batch.statement
        found = await self._owner.do(lambda held: held.batches.behind(before, limit))
        if found is None:
            return None
        records, damaged = await read(found.rows)
        if damaged:  # whoever asks for it once it is next puts them out of the way
            return None
        if found.statement is not None:
            return as_sealed(found, records)
        following, sealing = self._sealed(found, records)
        could_be = await self._owner.do(partial(HeldRecords.seal_ahead, before=before, sealing=sealing))
        return following if could_be else None

    async def release(self, batch: SealedBatch) -> None:
        """Let go of the records of `batch`, which a store now keeps, if that is what is sealed; what is sealed behind
        it is next. Raises AuditError."""
        await self._owner.do(partial(HeldRecords.release, statement=batch.statement))

    async def go_on(self, number: int, previous: bytes) -> None:
        """The next batch is `number`, behind the one with the hash `previous`. Raises AuditError."""
        await self._owner.do(partial(HeldRecords.go_on, number=number, previous=previous))

    async def quarantine(self, records: Sequence[AuditRecord], reason: str) -> None:
        """Put `records` out of the way; what is sealed is sealed anew. Raises AuditError."""
        await self._owner.do(partial(HeldRecords.quarantine, records=records, reason=reason))

    async def in_quarantine(self, limit: int = 100) -> list[tuple[AuditRecord | None, str]]:
        """Up to `limit` of what was put out of the way, with why; None for what cannot be read. Raises AuditError."""
        found = await self._owner.do(partial(HeldRecords.in_quarantine, limit=limit))
        return [(record_or_none(row), reason) for row, reason in found]

    async def put_back(self) -> int:
        """Offer again what is in quarantine and was in a chain; how many records that were. Raises AuditError."""
        return await self._owner.do(HeldRecords.put_back)

    async def discard(self, records: Sequence[AuditRecord]) -> None:
        """Let go of `records`; those that are not held are passed over. Raises AuditError; some may be gone then."""
        own = [record for record in records if record.event.writer_id == self._writer_id]
        for start in range(0, len(own), _DISCARDED):
            part = own[start : start + _DISCARDED]
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


_open_spools: weakref.WeakSet[SqliteAuditSpool] = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_open_spools):
        spool._abandon()  # noqa: SLF001  the module's own class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
