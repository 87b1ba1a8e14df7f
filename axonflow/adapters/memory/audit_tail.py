"""The tail of an audit store in memory."""

from __future__ import annotations

import heapq
from itertools import islice

from axonflow.adapters.memory.audit_store import MemoryAuditStore
from axonflow.audit import AuditRecord
from axonflow.audit.tail import TailedEvent, TailPosition

__all__ = ["MemoryAuditTail"]


class MemoryAuditTail:
    """An AuditTail."""

    def __init__(self, store: MemoryAuditStore) -> None:
        self._store = store

    async def later(self, tenant_id: str, position: TailPosition, limit: int) -> list[TailedEvent]:
        chains = []
        for _, writer_id in await self._store.chains(tenant_id):
            records = await self._store.chain(tenant_id, writer_id, 0, 2**63 - 1)
            start = position.next.get(writer_id)
            start = _behind(records, position.after) if start is None else start
            chains.append([record for record in records if record.sequence >= start])
        merged = heapq.merge(*chains, key=lambda record: record.event.event_id)
        return [TailedEvent(record.sequence, record.event) for record in islice(merged, limit)]


def _behind(records: list[AuditRecord], after: str) -> int:
    """The sequence number behind the last of `records` that has an event id up to `after`."""
    return max((record.sequence + 1 for record in records if record.event.event_id <= after), default=0)
