"""An audit store in memory that can be verified, and gives proofs."""

from __future__ import annotations

import itertools

from axonflow.adapters.memory.audit_store import MemoryAuditStore
from axonflow.audit import AuditEvent, AuditRecord, SealedBatch, Segment
from axonflow.audit.merkle import leaf_hash
from axonflow.audit.stored import StoredBatch, StoredChain, StoredPlace, StoredRecord, StoredSegment, StoredWriter
from axonflow.errors import AuditError

__all__ = ["MemoryAuditProofs"]


class MemoryAuditProofs(MemoryAuditStore):
    """A MemoryAuditStore that is an AuditProofs and an AuditPlaces as well."""

    async def stored_writers(self) -> list[StoredWriter]:
        keys = [key for _, key in sorted(self._keys.items())]
        by_writer = {name: tuple(some) for name, some in itertools.groupby(keys, lambda key: key.writer_id)}
        return [StoredWriter(name, by_writer.get(name, ())) for name in sorted({*by_writer, *self._batches})]

    async def stored_batches(self, writer_id: str, first: int, limit: int) -> list[StoredBatch]:
        batches = self._batches.get(writer_id, {})
        numbers = [number for number in sorted(batches) if number >= first][:limit]
        return [_stored_batch(number, batches[number]) for number in numbers]

    async def stored_chains(self, tenant_id: str | None = None) -> list[StoredChain]:
        found = {*self._chains, *self._cuts}
        for writer_id, batches in self._batches.items():
            found |= {(segment.tenant_id, writer_id) for batch in batches.values() for segment in batch.segments}
        return [StoredChain(*one, self._cuts.get(one)) for one in sorted(found) if tenant_id in (None, one[0])]

    async def stored_segments(
        self, tenant_id: str, writer_id: str, after: tuple[int, int], limit: int
    ) -> list[StoredSegment]:
        cut = self._cuts.get((tenant_id, writer_id))
        found = [
            StoredSegment(segment, number, position, _removed(batch, segment, cut.records if cut else 0))
            for number, batch in self._batches.get(writer_id, {}).items()
            for position, segment in enumerate(batch.segments)
            if segment.tenant_id == tenant_id and (segment.first, number) > after
        ]
        return sorted(found, key=lambda one: (one.segment.first, one.number))[:limit]

    async def stored_records(self, tenant_id: str, writer_id: str, first: int, limit: int) -> list[StoredRecord]:
        chain = self._chains.get((tenant_id, writer_id), {})
        numbers = [number for number in sorted(chain) if number >= first][:limit]
        return [_stored_record(tenant_id, writer_id, chain[number]) for number in numbers]

    async def stored_places(self, event_id: str, tenant_id: str | None = None) -> list[StoredPlace]:
        return [
            StoredPlace(tenant, *place)
            for (tenant, event), place in sorted(self._places.items())
            if event == event_id and tenant_id in (None, tenant)
        ]


def _stored_batch(number: int, batch: SealedBatch) -> StoredBatch:
    leaves = b"".join(leaf_hash(segment.canonical()) for segment in batch.segments)
    return StoredBatch(number, batch.statement, batch.signature, leaves)


def _removed(batch: SealedBatch, segment: Segment, records: int) -> bytes:
    """The hashes of what is gone of a segment in `batch`: what stands before the sequence number `records`."""
    return b"".join(
        one.hash for one in batch.records
        if one.event.tenant_id == segment.tenant_id and segment.first <= one.sequence < min(segment.end, records)
    )  # fmt: skip


def _stored_record(tenant_id: str, writer_id: str, record: AuditRecord) -> StoredRecord:
    event = record.event
    altered = _altered(event, record.canonical)
    if not altered and (event.tenant_id, event.writer_id) != (tenant_id, writer_id):
        altered = "its chain"
    return StoredRecord(record.sequence, record.previous, record.hash, record.canonical, event.event_id, altered)


def _altered(event: AuditEvent, canonical: bytes) -> str:
    if event.canonical() == canonical:
        return ""
    try:
        hashed = AuditEvent.from_canonical(canonical)
    except AuditError:
        return "canonical"
    return next((name for name in AuditEvent.__struct_fields__ if getattr(hashed, name) != getattr(event, name)), "")
