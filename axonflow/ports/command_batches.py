"""What was signed by command, to be told to an anchor."""

from __future__ import annotations

from typing import Protocol

from axonflow.audit.stored import StoredBatch, StoredWriter

__all__ = ["CommandBatches"]


class CommandBatches(Protocol):
    """Batches of the machines that run commands. All methods raise AuditError when the store cannot answer."""

    async def newest(self) -> dict[str, int]:
        """The number of the newest batch of each of those writers."""

    async def writer(self, writer_id: str) -> StoredWriter:
        """One of them, with its keys."""

    async def stored_batches(self, writer_id: str, first: int, limit: int) -> list[StoredBatch]:
        """Up to `limit` of its batches in the order of their numbers, from `first` on; of what they sealed, nothing."""
