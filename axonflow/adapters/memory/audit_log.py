"""An audit log in memory: chained like any other, gone with the process."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from axonflow.audit import GENESIS, AuditEvent, AuditRecord, BatchSigner, SealedBatch, batch_hash, link, seal
from axonflow.errors import AuditError
from axonflow.ids import new_id, now_us

__all__ = ["MemoryAuditLog"]

DEFAULT_CAPACITY: Final = 10_000


class MemoryAuditLog:
    """Keeps the newest `capacity` records of each tenant; `evicted` counts what is gone.

    Each chain goes on across evictions, so what is left still verifies, from its first kept record on. The number of
    tenants is bounded too: a tenant too many is refused, for its events could not be kept. It is a spool as well: what
    a store has taken can be discarded.
    """

    def __init__(
        self, capacity: int = DEFAULT_CAPACITY, max_tenants: int = 10_000, signer: BatchSigner | None = None
    ) -> None:
        self._capacity = capacity
        self._max_tenants = max_tenants
        self._chains: dict[str, deque[tuple[int, AuditRecord]]] = {}
        self._heads: dict[str, AuditRecord] = {}
        self._numbers = itertools.count()
        self._writer_id = new_id(now_us())
        self._lock = threading.Lock()  # callers may be in several event loops and threads; the chain has one end
        self._signer = signer
        self._next = (0, GENESIS)
        self._sealed: SealedBatch | None = None
        self._ahead: SealedBatch | None = None
        self._quarantine: list[tuple[AuditRecord, str]] = []
        self.evicted = 0

    @property
    def writer_id(self) -> str:
        return self._writer_id

    async def append(self, event: AuditEvent) -> AuditRecord:
        if event.writer_id != self._writer_id:
            raise AuditError("an event of another writer", expected=self._writer_id, found=event.writer_id[:64])
        canonical = event.recordable()
        with self._lock:
            chain = self._chains.get(event.tenant_id)
            if chain is None:
                if len(self._chains) >= self._max_tenants:
                    raise AuditError(
                        "the memory audit log is full",
                        expected=f"at most {self._max_tenants} tenants",
                        found="one more",
                    )
                chain = self._chains[event.tenant_id] = deque(maxlen=self._capacity)
            record = self._heads[event.tenant_id] = link(event, self._heads.get(event.tenant_id), canonical)
            self.evicted += len(chain) == self._capacity
            chain.append((next(self._numbers), record))
            return record

    def append_later(self, event: AuditEvent) -> bool:
        """Never: an append does not wait for anything here."""
        del event
        return False

    async def records(self, tenant_id: str) -> list[AuditRecord]:
        with self._lock:
            return [record for _, record in self._chains.get(tenant_id, ())]

    async def oldest(self, limit: int) -> list[AuditRecord]:
        with self._lock:
            held = [entry for chain in self._chains.values() for entry in itertools.islice(chain, limit)]
        return [record for _, record in sorted(held, key=lambda entry: entry[0])[:limit]]

    @property
    def quarantined(self) -> int:
        return len(self._quarantine)

    async def in_quarantine(self, limit: int = 100) -> list[tuple[AuditRecord, str]]:
        """Up to `limit` of what was put out of the way, with why."""
        return self._quarantine[:limit]

    async def sealed(self, limit: int) -> SealedBatch | None:
        if self._sealed is None:
            records = await self.oldest(limit)
            if records:
                self._sealed = seal(records, self._writer_id, *self._next, now_us(), self._signer)
        return self._sealed

    async def ahead(self, batch: SealedBatch, limit: int) -> SealedBatch | None:
        if not self._is_next(batch):
            return None
        if self._ahead is None:
            sealed = {record.hash for record in batch.records}
            held = [one for one in await self.oldest(len(sealed) + limit) if one.hash not in sealed][:limit]
            if len(held) == limit:
                following = (batch.said.number + 1, batch_hash(batch.statement))
                self._ahead = seal(held, self._writer_id, *following, now_us(), self._signer)
        return self._ahead

    async def release(self, batch: SealedBatch) -> None:
        if self._is_next(batch):
            await self.discard(batch.records)
            self._next = (batch.said.number + 1, batch_hash(batch.statement))
            self._sealed, self._ahead = self._ahead, None

    def _is_next(self, batch: SealedBatch) -> bool:
        return self._sealed is not None and self._sealed.statement == batch.statement

    async def go_on(self, number: int, previous: bytes) -> None:
        self._next = (number, previous)
        self._sealed = self._ahead = None

    async def quarantine(self, records: Sequence[AuditRecord], reason: str) -> None:
        self._sealed = self._ahead = None
        self._quarantine += [(record, reason) for record in records]
        await self.discard(records)

    async def discard(self, records: Sequence[AuditRecord]) -> None:
        gone = {(record.event.tenant_id, record.sequence, record.hash) for record in records}
        with self._lock:
            for tenant_id in {record.event.tenant_id for record in records}:
                chain = self._chains.get(tenant_id)
                if chain is not None:
                    kept = [entry for entry in chain if (tenant_id, entry[1].sequence, entry[1].hash) not in gone]
                    chain.clear()
                    chain.extend(kept)
