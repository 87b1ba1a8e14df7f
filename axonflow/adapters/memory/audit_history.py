"""The history in an audit store in memory."""

from __future__ import annotations

from axonflow.adapters.memory.audit_store import MemoryAuditStore
from axonflow.audit import AuditQuery

__all__ = ["MemoryAuditHistory"]


class MemoryAuditHistory:
    """An AuditHistory."""

    def __init__(self, store: MemoryAuditStore) -> None:
        self._store = store

    async def newest(self, query: AuditQuery, limit: int) -> list[tuple[str, bytes]]:
        found = [
            (record.event.event_id, record.canonical)
            for _, writer_id in await self._store.chains(query.tenant_id)
            for record in await self._store.chain(query.tenant_id, writer_id, 0, 2**63 - 1)
            if query.covers(record.event)
        ]
        return sorted(found, reverse=True)[:limit]
