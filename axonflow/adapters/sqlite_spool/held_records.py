"""The records that a spool file holds: appended, read, discarded. Synchronous; for one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Final, NamedTuple

from axonflow.adapters.sqlite_spool.reserve import Reserve
from axonflow.audit import AuditEvent, AuditRecord, link
from axonflow.errors import AuditError

__all__ = ["MAX_EVENT_BYTES", "HeldRecords", "NextBatch", "Row"]

MAX_EVENT_BYTES: Final = 256 << 10
"""Of one event, canonical. A drain reads hundreds of records at once, so this also bounds its memory."""
RECORD_BYTES: Final = 200
"""What a record takes beside its canonical bytes (measured: 145 to 185): hashes, keys, index, room left in pages."""
_BATCH_BYTES: Final = 8 << 20
"""Of one transaction; what is more goes into the next."""
_MAX_HEADS: Final = 10_000
_VACUUM_FROM_PAGES: Final = 4_096  # 16 MiB
_VACUUM_PAGES: Final = 512

_INSERT: Final = "INSERT INTO records (tenant_id, sequence, previous, hash, canonical) VALUES "
_INSERTS: Final = [(count, _INSERT + ", ".join(["(?, ?, ?, ?, ?)"] * count)) for count in (128, 64, 32, 16, 8, 4, 2, 1)]
"""Many rows in one statement: at each one the interpreter's lock is let go and fought for again, and an event loop that
is busy keeps it for up to 5 ms. Row by row, 64 waiters got half as far."""
_HEAD: Final = """
SELECT sequence, hash FROM (
    SELECT * FROM (SELECT sequence, hash FROM records WHERE tenant_id = ?1 ORDER BY sequence DESC LIMIT 1)
    UNION ALL SELECT sequence, hash FROM heads WHERE tenant_id = ?1
) ORDER BY sequence DESC LIMIT 1"""
_OLDEST: Final = "SELECT sequence, previous, hash, canonical FROM records ORDER BY position LIMIT ?"
_CHAIN: Final = """
SELECT sequence, previous, hash, canonical FROM records
WHERE tenant_id = ? AND sequence >= ? ORDER BY sequence LIMIT ?"""
_KEEP_HEAD: Final = """
INSERT INTO heads (tenant_id, sequence, hash)
SELECT tenant_id, sequence, hash FROM records WHERE tenant_id = ? AND sequence = ? AND hash = ?
ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
WHERE excluded.sequence > heads.sequence"""
_DELETE: Final = "DELETE FROM records WHERE tenant_id = ? AND sequence = ? AND hash = ? RETURNING length(canonical)"
_PENDING: Final = "SELECT count(*), coalesce(sum(length(canonical)), 0) FROM records"
_BATCH: Final = "SELECT number, previous, statement, signature, last_position FROM batch"
_UP_TO: Final = "SELECT sequence, previous, hash, canonical FROM records WHERE position <= ? ORDER BY position"
_LAST_POSITION: Final = "SELECT max(position) FROM (SELECT position FROM records ORDER BY position LIMIT ?)"
_SEAL: Final = "UPDATE batch SET statement = ?, signature = ?, last_position = ? WHERE number = ? AND statement IS NULL"
_UNSEAL: Final = "UPDATE batch SET statement = NULL, signature = NULL, last_position = NULL"
_NEXT: Final = """
UPDATE batch SET number = ?, previous = ?, statement = NULL, signature = NULL, last_position = NULL"""
_KEEP_HEADS: Final = """
INSERT INTO heads (tenant_id, sequence, hash)
SELECT tenant_id, max(sequence), hash FROM records WHERE position <= ? GROUP BY tenant_id
ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
WHERE excluded.sequence > heads.sequence"""
_SIZE_UP_TO: Final = "SELECT count(*), coalesce(sum(length(canonical)), 0) FROM records WHERE position <= ?"
_QUARANTINE: Final = """
INSERT INTO quarantine (tenant_id, sequence, previous, hash, canonical, reason)
SELECT tenant_id, sequence, previous, hash, canonical, ? FROM records
WHERE tenant_id = ? AND sequence = ? AND hash = ?"""

_NO_EVENT: Final = AuditEvent(
    event_id="", tenant_id="", writer_id="", time_us=0, kind="", decision_id="", policy_digest="", principal="",
    action="", resource="", effect="", allowed=False, policies=(), reasons=(),
)  # fmt: skip


class NextBatch(NamedTuple):
    """The batch that comes next: its number, the hash of the one before, its records, and how it was sealed, if it was
    (`statement` and `signature`, else None). `last_position` is what it is told by when it is sealed."""

    number: int
    previous: bytes
    statement: bytes | None
    signature: bytes | None
    last_position: int
    rows: list[Row]


class Row(NamedTuple):
    """A record as it is stored. Its event is decoded elsewhere, so that this thread is soon free for appends."""

    sequence: int
    previous: bytes
    hash: bytes
    canonical: bytes

    def record(self) -> AuditRecord:
        """Raises AuditError when the bytes are no event: the file was damaged or changed."""
        return AuditRecord(*self, AuditEvent.from_canonical(self.canonical))


def _head(sequence: int, digest: bytes) -> AuditRecord:
    """The end of a chain, as much of it as its successor is linked to."""
    return AuditRecord(sequence, b"", digest, b"", _NO_EVENT)


class HeldRecords:
    """`pending` records are held, of `pending_bytes` (about what they take on the disk). The oldest event's time is
    `oldest_us` (None: nothing is held); `quarantined` are out of the way. These may be read by any thread. Methods
    raise sqlite3.Error, and then nothing has changed.
    """

    def __init__(self, connection: sqlite3.Connection, max_bytes: int, reserve: Reserve) -> None:
        self._connection = connection
        self._reserve = reserve
        self._max_bytes = max_bytes
        self._heads: dict[str, AuditRecord] = {}  # by last append, longest ago first
        count, size = connection.execute(_PENDING).fetchone()  # 1 GiB: .4 s, or 2.5 s when nothing of it is in memory
        self.pending: int = count
        self.pending_bytes: int = size + count * RECORD_BYTES
        self.quarantined: int = connection.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        self.oldest_us: int | None = None
        self._find_oldest()

    def append(self, events: Sequence[AuditEvent]) -> list[AuditRecord | AuditError]:
        """The records of the first of `events` (as many as make one batch), durable; or why one was not recorded."""
        outcomes: list[AuditRecord | AuditError] = []
        rows: list[tuple[str, int, bytes, bytes, bytes]] = []
        heads: dict[str, AuditRecord] = {}
        added_bytes = 0
        for event in events:
            tenant_id = event.tenant_id
            outcome = _linked(event, heads.get(tenant_id) or self._head_of(tenant_id))
            if isinstance(outcome, AuditRecord):
                size_bytes = len(outcome.canonical) + RECORD_BYTES
                if self.pending_bytes + added_bytes + size_bytes > self._max_bytes:
                    outcome = self._full()
                else:
                    added_bytes += size_bytes
                    heads[tenant_id] = outcome
                    rows.append((tenant_id, outcome.sequence, outcome.previous, outcome.hash, outcome.canonical))
            outcomes.append(outcome)
            if added_bytes > _BATCH_BYTES:
                break
        if rows:
            self._commit(lambda: self._insert(rows))
            self._remember(heads)
            self.pending += len(rows)
            self.pending_bytes += added_bytes
            if self.oldest_us is None:
                self.oldest_us = next(one.event.time_us for one in outcomes if isinstance(one, AuditRecord))
        return outcomes

    def oldest(self, limit: int) -> list[Row]:
        """Up to `limit` records in the order in which they were appended."""
        return [Row(*row) for row in self._connection.execute(_OLDEST, (limit,))]

    def chain(self, tenant_id: str, first: int, limit: int) -> list[Row]:
        """Up to `limit` of the tenant's records in order, from sequence `first` on."""
        return [Row(*row) for row in self._connection.execute(_CHAIN, (tenant_id, first, limit))]

    def next_batch(self, limit: int) -> NextBatch | None:
        """The batch that is sealed, or else up to `limit` of the oldest records, to be sealed; None without any."""
        number, previous, statement, signature, last = self._connection.execute(_BATCH).fetchone()
        if statement is None:
            (last,) = self._connection.execute(_LAST_POSITION, (limit,)).fetchone()
        if last is None:
            return None
        rows = [Row(*row) for row in self._connection.execute(_UP_TO, (last,))]
        return NextBatch(number, previous, statement, signature, last, rows)

    def next_number(self) -> int:
        """The number of the first batch that is not sealed."""
        number, _, statement, *_ = self._connection.execute(_BATCH).fetchone()
        return int(number) + (statement is not None)

    def seal(self, batch: NextBatch, statement: bytes, signature: bytes) -> bool:
        """Make `batch` what comes next, durably. Whether it still could be: nothing else was sealed meanwhile."""
        changed: list[int] = []

        def note() -> None:
            values = (statement, signature, batch.last_position, batch.number)
            changed.append(self._connection.execute(_SEAL, values).rowcount)

        self._change(note)
        return changed[-1] == 1

    def go_on(self, number: int, previous: bytes) -> None:
        """What comes next is batch `number`, behind the one with the hash `previous`; nothing of it is sealed."""
        self._change(lambda: self._connection.execute(_NEXT, (number, previous)))

    def release(self, number: int, digest: bytes) -> None:
        """Let go of the records of the sealed batch `number`, whose hash is `digest`, if it is that which is sealed."""
        found, _, statement, _, last = self._connection.execute(_BATCH).fetchone()
        if found != number or statement is None:
            return
        count, size_bytes = self._connection.execute(_SIZE_UP_TO, (last,)).fetchone()

        def let_go() -> None:
            self._connection.execute(_KEEP_HEADS, (last,))
            self._connection.execute("DELETE FROM records WHERE position <= ?", (last,))
            self._connection.execute(_NEXT, (number + 1, digest))

        self._change(let_go)
        self._let_go_of(count, size_bytes)

    def quarantine(self, records: Sequence[AuditRecord], reason: str) -> None:
        """Put `records` out of the way, and whatever is sealed is no longer."""
        moved: list[int] = []

        def move() -> None:
            moved.clear()
            self._connection.execute(_UNSEAL)
            for one in records:
                key = (one.event.tenant_id, one.sequence, one.hash)
                self._connection.execute(_KEEP_HEAD, key)
                moved.append(self._connection.execute(_QUARANTINE, (reason, *key)).rowcount)
                self._connection.execute("DELETE FROM records WHERE tenant_id = ? AND sequence = ? AND hash = ?", key)

        self._change(move)
        self.quarantined += sum(moved)
        self._recount()

    def in_quarantine(self, limit: int) -> list[tuple[Row, str]]:
        """Up to `limit` of those that are out of the way, the first first, each with its reason."""
        found = self._connection.execute(
            "SELECT sequence, previous, hash, canonical, reason FROM quarantine ORDER BY position LIMIT ?", (limit,)
        )
        return [(Row(*row[:4]), row[4]) for row in found]

    def discard(self, records: Sequence[AuditRecord]) -> None:
        """Let go of those of `records` that are held, and keep the ends of their chains."""
        keys = [(record.event.tenant_id, record.sequence, record.hash) for record in records]
        latest = {tenant_id: (tenant_id, sequence, digest) for tenant_id, sequence, digest in sorted(keys)}
        gone_bytes: list[int] = []

        def delete() -> None:
            gone_bytes.clear()
            self._connection.executemany(_KEEP_HEAD, latest.values())
            for key in keys:
                gone_bytes.extend(size for (size,) in self._connection.execute(_DELETE, key))

        self._change(delete)
        self._let_go_of(len(gone_bytes), sum(gone_bytes))

    def _let_go_of(self, count: int, size_bytes: int) -> None:
        self.pending -= count
        self.pending_bytes -= size_bytes + RECORD_BYTES * count
        self._find_oldest()
        self._give_back_space()
        if not self.pending and not self._reserve.held:
            self._checkpoint()
            self._reserve.take()

    def _recount(self) -> None:
        count, size_bytes = self._connection.execute(_PENDING).fetchone()
        self.pending, self.pending_bytes = count, size_bytes + count * RECORD_BYTES
        self._find_oldest()

    def _change(self, change: Callable[[], object]) -> None:
        """Commit what frees space, or soon lets some be freed, also on a disk that is full."""
        try:
            self._commit(change)
        except sqlite3.Error:
            if not self._reserve.release():
                raise
            self._checkpoint()
            self._commit(change)

    def close(self) -> None:
        """Write what is in the log into the file, as far as that is possible, and let go of both."""
        self._checkpoint()
        self._connection.close()

    def _checkpoint(self) -> None:
        with suppress(sqlite3.Error):  # all of it is durable where it is
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _insert(self, rows: Sequence[tuple[str, int, bytes, bytes, bytes]]) -> None:
        start = 0
        for count, statement in _INSERTS:
            while len(rows) - start >= count:
                self._connection.execute(statement, list(chain.from_iterable(rows[start : start + count])))
                start += count

    def _commit(self, change: Callable[[], object]) -> None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            change()
            connection.execute("COMMIT")
        except BaseException:
            self._heads.clear()  # what the disk holds counts, not what we meant to write
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise

    def _head_of(self, tenant_id: str) -> AuditRecord | None:
        known = self._heads.get(tenant_id)
        if known is None:
            row = self._connection.execute(_HEAD, (tenant_id,)).fetchone()
            known = _head(*row) if row else None
        return known

    def _remember(self, heads: dict[str, AuditRecord]) -> None:
        for tenant_id, record in heads.items():
            self._heads.pop(tenant_id, None)
            self._heads[tenant_id] = _head(record.sequence, record.hash)
        while len(self._heads) > _MAX_HEADS:
            del self._heads[next(iter(self._heads))]

    def _find_oldest(self) -> None:
        """Damage is told to whoever reads the record, not here, where it would keep others from being recorded."""
        self.oldest_us = None
        for row in self.oldest(1):
            with suppress(AuditError):
                self.oldest_us = row.record().event.time_us

    def _give_back_space(self) -> None:
        """Discarded pages are used again; after an outage, when most are free, the file also shrinks step by step."""
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        if free > _VACUUM_FROM_PAGES and free * 2 > pages:
            # execute() steps a statement without columns once, and so gives back one page
            self._connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")

    def _full(self) -> AuditError:
        since = "an unknown time"
        with suppress(ArithmeticError, ValueError, OSError):  # a time that a caller made up may be beyond any calendar
            since = datetime.fromtimestamp((self.oldest_us or 0) / 1_000_000, UTC).isoformat(timespec="seconds")
        return AuditError(
            "the audit spool is full", expected=f"at most {self._max_bytes} bytes waiting for the database",
            found=f"{self.pending} records, {self.pending_bytes} bytes",
            hint=f"The database has not taken records since {since}. When it takes them again, recording goes on.",
        )  # fmt: skip


def _linked(event: AuditEvent, after: AuditRecord | None) -> AuditRecord | AuditError:
    """`event` in its chain, or why it cannot be. What does not read back as it was written would stand in the way of
    all behind it: Structs are not validated when they are made, so that is done here, before anything is promised.
    """
    try:
        canonical = event.recordable()
    except AuditError as error:
        return error
    except AttributeError:
        return AuditError("not an event", expected="an AuditEvent", found=type(event).__name__)
    if len(canonical) > MAX_EVENT_BYTES:
        return AuditError(
            "the event is too large to be recorded", expected=f"at most {MAX_EVENT_BYTES} bytes",
            found=f"{len(canonical)} bytes", at=f"event {event.event_id[:64]}",
        )  # fmt: skip
    return link(event, after, canonical)
