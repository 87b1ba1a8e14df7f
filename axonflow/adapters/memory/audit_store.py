"""An audit store in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from axonflow.audit import MAX_TOTAL, AuditPage, AuditQuery, AuditRecord, ChainHead, SealedBatch, WriterKey, batch_hash
from axonflow.errors import AuditConflict, BatchConflict

__all__ = ["MemoryAuditStore"]


class MemoryAuditStore:
    """Keeps all that is written to it, for as long as the process lives."""

    def __init__(self) -> None:
        self._chains: dict[tuple[str, str], dict[int, AuditRecord]] = {}
        self._places: dict[tuple[str, str], tuple[str, int]] = {}
        self._cuts: dict[tuple[str, str], ChainHead] = {}
        self._batches: dict[str, dict[int, SealedBatch]] = {}
        self._keys: dict[tuple[str, int], WriterKey] = {}
        self._lock = threading.Lock()

    async def write(self, records: Sequence[AuditRecord]) -> None:
        with self._lock:
            self._keep(records)

    async def write_batch(self, batch: SealedBatch) -> None:
        with self._lock:
            said = batch.said
            batches = self._batches.setdefault(said.writer_id, {})
            if said.number in batches:
                newest = max(batches)
                if batches[said.number].statement != batch.statement:
                    raise BatchConflict(
                        "another batch has this number", number=newest, digest=batch_hash(batches[newest].statement),
                        at=f"batch {said.number} of writer {said.writer_id}",
                    )  # fmt: skip
                return
            self._keep(batch.records)
            batches[said.number] = batch

    async def register(self, key: WriterKey) -> None:
        with self._lock:
            if self._keys.setdefault((key.writer_id, key.number), key) != key:
                raise AuditConflict("another key is registered", at=f"batch {key.number} of writer {key.writer_id}")

    def _keep(self, records: Sequence[AuditRecord]) -> None:
        for record in records:
            self._check_place(record)
        for record in records:
            event = record.event
            self._chains.setdefault((event.tenant_id, event.writer_id), {})[record.sequence] = record
            self._places[event.tenant_id, event.event_id] = (event.writer_id, record.sequence)

    def _check_place(self, record: AuditRecord) -> None:
        event = record.event
        there = self._chains.get((event.tenant_id, event.writer_id), {}).get(record.sequence)
        place = self._places.get((event.tenant_id, event.event_id))
        if (there is not None and there != record) or (
            place is not None and place != (event.writer_id, record.sequence)
        ):
            raise AuditConflict(
                "another record holds this place",
                expected=f"the record of event {event.event_id}, or none",
                found="a different one",
                at=f"sequence {record.sequence} of writer {event.writer_id}",
                hint="Two histories claim one place: a spool was copied or put back. Nothing of the batch was kept.",
            )

    async def search(self, query: AuditQuery) -> AuditPage:
        with self._lock:
            events = [
                record.event
                for chain in self._chains.values()
                for record in chain.values()
                if query.covers(record.event)
            ]
        events.sort(key=lambda event: event.event_id, reverse=True)
        return AuditPage(tuple(events[query.offset : query.offset + query.limit]), min(len(events), MAX_TOTAL + 1))

    async def chains(self, tenant_id: str | None = None) -> list[tuple[str, str]]:
        with self._lock:
            return sorted(key for key in self._chains if tenant_id in (None, key[0]))

    async def chain(self, tenant_id: str, writer_id: str, first: int, limit: int) -> list[AuditRecord]:
        with self._lock:
            chain = self._chains.get((tenant_id, writer_id), {})
            return [chain[number] for number in sorted(chain) if number >= first][:limit]

    def cut(self, tenant_id: str, writer_id: str, records: int) -> None:
        """Remove what is before the sequence number `records`, which is past its time."""
        with self._lock:
            chain = self._chains[tenant_id, writer_id]
            self._cuts[tenant_id, writer_id] = ChainHead.of(chain[records - 1])
            for number in [number for number in chain if number < records]:
                del self._places[tenant_id, chain.pop(number).event.event_id]
            if not chain:
                del self._chains[tenant_id, writer_id]
