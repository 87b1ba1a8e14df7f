"""What was signed by command, of an audit store in memory."""

from __future__ import annotations

import sys

from axonflow.adapters.memory.audit_proofs import MemoryAuditProofs
from axonflow.audit.commands import is_command_writer
from axonflow.audit.stored import StoredBatch, StoredWriter

__all__ = ["MemoryCommandBatches"]


class MemoryCommandBatches:
    """A CommandBatches over `store`."""

    def __init__(self, store: MemoryAuditProofs) -> None:
        self._store = store

    async def newest(self) -> dict[str, int]:
        names = [one.writer_id for one in await self._store.stored_writers() if is_command_writer(one.writer_id)]
        batches = {name: await self._store.stored_batches(name, 0, sys.maxsize) for name in names}
        return {name: some[-1].number for name, some in batches.items() if some}

    async def writer(self, writer_id: str) -> StoredWriter:
        there = {one.writer_id: one for one in await self._store.stored_writers()}
        return there.get(writer_id, StoredWriter(writer_id))

    async def stored_batches(self, writer_id: str, first: int, limit: int) -> list[StoredBatch]:
        return await self._store.stored_batches(writer_id, first, limit)
