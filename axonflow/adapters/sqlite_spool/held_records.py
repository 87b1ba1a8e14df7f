"""The records that a spool file holds: appended, read, discarded. Synchronous; for one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from axonflow.adapters.sqlite_spool import statements
from axonflow.adapters.sqlite_spool.batches import Batches, NextBatch, Sealing
from axonflow.adapters.sqlite_spool.held_keys import HeldKeys
from axonflow.adapters.sqlite_spool.mark import Mark, Reached
from axonflow.adapters.sqlite_spool.reserve import Reserve
from axonflow.adapters.sqlite_spool.rows import Entry, Row, end_of_chain, linked
from axonflow.adapters.sqlite_spool.shedding import runs, shed_event
from axonflow.adapters.sqlite_spool.transactions import Transactions
from axonflow.audit import AuditRecord
from axonflow.audit.persons import KeptKey
from axonflow.errors import AuditError

__all__ = ["RECORD_BYTES", "HeldRecords"]

RECORD_BYTES: Final = 200
"""What a record takes beside its canonical bytes (measured: 145 to 185): hashes, keys, index, room left in pages."""
_BATCH_BYTES: Final = 8 << 20
"""Of one transaction; what is more goes into the next."""
_MAX_HEADS: Final = 10_000
_SHED_SHARE: Final = 16
"""When there is no room, as much of the whole goes at once: else each append would have to make room again."""
_MAX_SHED: Final = 100_000

_Stored = tuple[int, str, int, bytes, bytes, bytes, bool]


class HeldRecords:
    """`pending` records are held, of `pending_bytes` (about what they take on the disk). The oldest event's time is
    `oldest_us` (None: nothing is held); `quarantined` are out of the way, and `shed` went since the start, for want of
    room. These may be read by any thread. Methods raise sqlite3.Error, and then nothing has changed.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        writer_id: str,
        max_bytes: int,
        reserve: Reserve,
        mark: Mark,
        *,
        sheds: bool = False,
    ) -> None:
        self._connection = connection
        self._writer_id = writer_id
        self._transactions = Transactions(connection, reserve)
        self._mark = mark
        self.max_bytes = max_bytes
        self._sheds = sheds
        self.keys = HeldKeys(connection)
        self.batches = Batches(connection)
        self._heads: dict[str, AuditRecord] = {}  # by last append, longest ago first
        self._refused_at_bytes: int | None = None
        self.shed = 0
        self.pending = 0
        self.pending_bytes = 0
        self.oldest_us: int | None = None
        self._reached: int = connection.execute(statements.REACHED).fetchone()[0]
        self.quarantined: int = connection.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        self._recount()

    @property
    def is_full(self) -> bool:
        """Whether something was refused for want of room, and there is no more of it since."""
        refused_at_bytes = self._refused_at_bytes
        return refused_at_bytes is not None and self.held_bytes >= refused_at_bytes

    @property
    def held_bytes(self) -> int:
        """What `max_bytes` limits: the records, and the keys of persons that wait with them."""
        return self.pending_bytes + self.keys.size_bytes

    def append(self, entries: Sequence[Entry]) -> list[AuditRecord | AuditError]:
        """The records of the first of `entries` (as many as make one batch), durable; or why one was not recorded."""
        outcomes: list[AuditRecord | AuditError] = []
        rows: list[_Stored] = []
        heads: dict[str, AuditRecord] = {}
        added_bytes = 0
        self.keys.begin()
        for entry in entries:
            tenant_id = entry.event.tenant_id
            outcome = linked(entry, heads.get(tenant_id) or self._head_of(tenant_id), self.keys)
            if isinstance(outcome, AuditRecord):
                size_bytes = len(outcome.canonical) + RECORD_BYTES
                excess = self.held_bytes + added_bytes + size_bytes - self.max_bytes
                if entry.canonical is None and excess > 0:
                    if rows and self._sheds:
                        break  # room can be made between two transactions
                    outcome = self._without_room(entry, excess)
            if isinstance(outcome, AuditRecord):
                added_bytes += size_bytes
                heads[tenant_id] = outcome
                rows.append(self._stored(outcome, len(rows), may_go=entry.may_go))
            outcomes.append(outcome)
            if added_bytes > _BATCH_BYTES:
                break
        if rows:
            with self._heads_certain():
                self._transactions.commit(lambda: self._insert(rows))
            self.keys.added()
            self._appended(rows, heads, added_bytes)
            if self.oldest_us is None:
                self.oldest_us = next(one.event.time_us for one in outcomes if isinstance(one, AuditRecord))
        return outcomes

    def _stored(self, record: AuditRecord, place: int, *, may_go: bool = False) -> _Stored:
        position = self._reached + 1 + place
        return (
            position, record.event.tenant_id, record.sequence, record.previous, record.hash, record.canonical, may_go
        )  # fmt: skip

    def _appended(self, rows: Sequence[_Stored], heads: dict[str, AuditRecord], added_bytes: int) -> None:
        self._remember(heads)
        self._reached = rows[-1][0]
        self._refused_at_bytes = None
        self.pending += len(rows)
        self.pending_bytes += added_bytes
        self._note()

    def _without_room(self, entry: Entry, excess_bytes: int) -> AuditRecord | AuditError:
        """The event in its chain, once others have gone; else why it cannot be recorded."""
        before_bytes = self.pending_bytes
        if self._sheds:
            self._shed(max(excess_bytes, self.max_bytes // _SHED_SHARE))
        if before_bytes - self.pending_bytes < excess_bytes:
            self._refused_at_bytes = self.held_bytes
            return self._full()
        return linked(entry, self._head_of(entry.event.tenant_id), self.keys)

    def _shed(self, needed_bytes: int) -> None:
        """Let go of the oldest of what may go, as much as is needed if there is so much, and say so in its chains."""
        found = runs(self._connection.execute(statements.MAY_GO, (_MAX_SHED,)), needed_bytes)
        heads: dict[str, AuditRecord] = {}
        rows: list[_Stored] = []
        for run in found:
            event = shed_event(run, self._writer_id)
            record = linked(Entry(event), heads.get(run.tenant_id) or self._head_of(run.tenant_id), self.keys)
            assert isinstance(record, AuditRecord), "made of what is recorded already"
            heads[run.tenant_id] = record
            rows.append(self._stored(record, len(rows)))
        if not rows:
            return
        gone = [position for run in found for position in run.positions]

        def exchange() -> None:
            self._connection.executemany("DELETE FROM records WHERE position = ?", ((one,) for one in gone))
            self._insert(rows)

        self._change(exchange)
        self.keys.added()
        self._appended(rows, heads, 0)
        self.shed += len(gone)
        self._recount()

    def oldest(self, limit: int) -> list[Row]:
        """Up to `limit` records in the order in which they were appended."""
        return [Row(*row) for row in self._connection.execute(statements.OLDEST, (limit,))]

    def chain(self, tenant_id: str, first: int, limit: int) -> list[Row]:
        """Up to `limit` of the tenant's records in order, from sequence `first` on."""
        return [Row(*row) for row in self._connection.execute(statements.CHAIN, (tenant_id, first, limit))]

    def next_batch(self, limit: int) -> NextBatch | None:
        """The batch that is sealed, or else up to `limit` of the oldest records, to be sealed; None without any."""
        found = self.batches.next(limit)
        if found is None and self.pending:  # somebody else has taken them out of the file
            self._recount()
        return found

    def seal(self, number: int, sealing: Sealing) -> bool:
        """Seal the batch `number`, durably. Whether it still could be."""
        sealed: list[bool] = []
        self._change(lambda: sealed.append(self.batches.seal(number, sealing)))
        return sealed[-1]

    def seal_ahead(self, before: bytes, sealing: Sealing) -> bool:
        """Seal the batch behind the one with the statement `before`, durably. Whether it still could be."""
        sealed: list[bool] = []
        self._change(lambda: sealed.append(self.batches.seal_ahead(before, sealing)))
        return sealed[-1]

    def unseal(self) -> None:
        """Whatever is sealed is no longer."""
        self._change(self.batches.unseal)

    def go_on(self, number: int, previous: bytes) -> None:
        """What comes next is batch `number`, behind the one with the hash `previous`; nothing is sealed."""
        self._change(lambda: self.batches.go_on(number, previous))

    def release(self, statement: bytes) -> None:
        """Let go of the records of the batch that is sealed, if this is its statement; the one ahead is next."""
        last = self.batches.last_position(statement)
        if last is None:
            return
        count, size_bytes = self._connection.execute(statements.SIZE_UP_TO, (last,)).fetchone()

        def let_go() -> None:
            self._connection.execute(statements.KEEP_HEADS, (last,))
            self._connection.execute(statements.KEEP_REACHED)
            self._connection.execute("DELETE FROM records WHERE position <= ?", (last,))
            self.batches.advance(statement)

        self._change(let_go)
        self._let_go_of(count, size_bytes)

    def quarantine(self, records: Sequence[AuditRecord], reason: str) -> None:
        """Put `records` out of the way, and whatever is sealed is no longer."""
        moved: list[int] = []

        def move() -> None:
            moved.clear()
            self.batches.unseal()
            self._connection.execute(statements.KEEP_REACHED)
            for one in records:
                key = (one.event.tenant_id, one.sequence, one.hash)
                self._connection.execute(statements.KEEP_HEAD, key)
                moved.append(self._connection.execute(statements.QUARANTINE, (reason, *key)).rowcount)
                self._connection.execute("DELETE FROM records WHERE tenant_id = ? AND sequence = ? AND hash = ?", key)

        self._change(move)
        self.quarantined += sum(moved)
        self._recount()

    def quarantine_damaged(self, damaged: Sequence[tuple[int, str]]) -> None:
        """Put the records at these positions out of the way, each with its reason: they cannot be read. Whatever is
        sealed is no longer."""

        def move() -> None:
            self.batches.unseal()
            self._connection.execute(statements.KEEP_REACHED)
            for position, reason in damaged:
                self._connection.execute(statements.KEEP_HEAD_AT, (position,))
                self._connection.execute(statements.QUARANTINE_AT, (reason, position))
                self._connection.execute("DELETE FROM records WHERE position = ?", (position,))

        self._change(move)
        self.quarantined += len(damaged)
        self._heads.clear()
        self._recount()

    def quarantine_event(self, tenant_id: str, canonical: bytes, reason: str) -> None:
        """Keep what was taken and cannot be recorded, for a person to look at; where persons are sealed, that it was:
        what could not be sealed is not written down as it is."""
        canonical = b"" if self.keys.key_of is not None else canonical
        self._change(lambda: self._connection.execute(statements.QUARANTINE_EVENT, (tenant_id, canonical, reason)))
        self.quarantined += 1

    def put_back(self) -> int:
        """Hold again what is in quarantine and was in a chain; how many records that were."""
        before = self.quarantined
        self._change(self._exchange_quarantine)
        self.quarantined = self._connection.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        self._reached = self._connection.execute(statements.REACHED).fetchone()[0]
        self._recount()
        return before - self.quarantined

    def _exchange_quarantine(self) -> None:
        self._connection.execute(statements.KEEP_REACHED)
        self._connection.execute(statements.PUT_BACK, (self._reached,))
        self._connection.execute(statements.FORGET_PUT_BACK)

    def in_quarantine(self, limit: int) -> list[tuple[Row, str]]:
        """Up to `limit` of those that are out of the way, the first first, each with its reason."""
        return [(Row(*row[:6]), row[6]) for row in self._connection.execute(statements.QUARANTINED, (limit,))]

    def discard(self, records: Sequence[AuditRecord]) -> None:
        """Let go of those of `records` that are held, and keep the ends of their chains."""
        keys = [(record.event.tenant_id, record.sequence, record.hash) for record in records]
        latest = {tenant_id: (tenant_id, sequence, digest) for tenant_id, sequence, digest in sorted(keys)}
        gone_bytes: list[int] = []

        def delete() -> None:
            gone_bytes.clear()
            self._connection.executemany(statements.KEEP_HEAD, latest.values())
            self._connection.execute(statements.KEEP_REACHED)
            for key in keys:
                gone_bytes.extend(size for (size,) in self._connection.execute(statements.DELETE, key))

        self._change(delete)
        self._let_go_of(len(gone_bytes), sum(gone_bytes))

    def release_keys(self, keys: Sequence[KeptKey]) -> int:
        """Let go of `keys`, which a store now keeps; how many of them were held."""
        self._change(lambda: self.keys.remove(keys))
        return self.keys.removed()

    def _let_go_of(self, count: int, size_bytes: int) -> None:
        self.pending -= count
        self.pending_bytes -= size_bytes + RECORD_BYTES * count
        self._note()
        self._find_oldest()
        self._transactions.give_back_space()
        if not self.pending:
            self._transactions.take_reserve()

    def _recount(self) -> None:
        # 1 GiB: .4 s, or 2.5 s when nothing of it is in memory
        count, size_bytes = self._connection.execute(statements.PENDING).fetchone()
        self.pending, self.pending_bytes = count, size_bytes + count * RECORD_BYTES
        self._note()
        self._find_oldest()

    def _note(self) -> None:
        self._mark.note(Reached(self._writer_id, self._reached, self.pending))

    def _change(self, change: Callable[[], object]) -> None:
        """Commit what frees space, or soon lets some be freed."""
        with self._heads_certain():
            self._transactions.commit_from_reserve(change)

    @contextmanager
    def _heads_certain(self) -> Iterator[None]:
        try:
            yield
        except BaseException:  # whatever it was, and it goes on up
            self._heads.clear()  # what the disk holds counts, not what we meant to write
            raise

    def close(self) -> None:
        """Write what is in the log into the file, as far as that is possible, and let go of both."""
        self._transactions.checkpoint()
        self._connection.close()
        self._mark.close()

    def _insert(self, rows: Sequence[_Stored]) -> None:
        self.keys.add_needed()
        start = 0
        for count, statement in statements.INSERTS:
            while len(rows) - start >= count:
                self._connection.execute(statement, list(chain.from_iterable(rows[start : start + count])))
                start += count

    def _head_of(self, tenant_id: str) -> AuditRecord | None:
        known = self._heads.get(tenant_id)
        if known is None:
            row = self._connection.execute(statements.HEAD, (tenant_id,)).fetchone()
            known = end_of_chain(*row) if row else None
        return known

    def _remember(self, heads: dict[str, AuditRecord]) -> None:
        for tenant_id, record in heads.items():
            self._heads.pop(tenant_id, None)
            self._heads[tenant_id] = end_of_chain(record.sequence, record.hash)
        while len(self._heads) > _MAX_HEADS:
            del self._heads[next(iter(self._heads))]

    def _find_oldest(self) -> None:
        """Damage is told to whoever reads the record, not here, where it would keep others from being recorded."""
        self.oldest_us = None
        for row in self.oldest(1):
            with suppress(AuditError):
                self.oldest_us = row.record().event.time_us

    def _full(self) -> AuditError:
        since = "an unknown time"
        with suppress(ArithmeticError, ValueError, OSError):  # a time that a caller made up may be beyond any calendar
            since = datetime.fromtimestamp((self.oldest_us or 0) / 1_000_000, UTC).isoformat(timespec="seconds")
        return AuditError(
            "the audit spool is full", expected=f"at most {self.max_bytes} bytes waiting for the database",
            found=f"{self.pending} records, {self.held_bytes} bytes",
            hint=f"The database has not taken records since {since}. When it takes them again, recording goes on.",
        )  # fmt: skip
