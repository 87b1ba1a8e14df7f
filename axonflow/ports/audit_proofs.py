"""What verification and proofs read of a trail, wherever that is kept."""

from __future__ import annotations

from typing import Protocol

from axonflow.audit.stored import StoredBatch, StoredChain, StoredPlace, StoredRecord, StoredSegment, StoredWriter

__all__ = ["AuditPlaces", "AuditProofs"]


class AuditProofs(Protocol):
    """Everything as it is stored, also what makes no sense: nothing is left out, mended or refused.

    A batch, its segments and its records appear together. All methods raise AuditError when the store cannot answer.
    """

    async def stored_writers(self) -> list[StoredWriter]:
        """Every writer of which there is a key or a batch, sorted by id."""

    async def stored_batches(self, writer_id: str, first: int, limit: int) -> list[StoredBatch]:
        """Up to `limit` batches of a writer in the order of their numbers, from `first` on."""

    async def stored_chains(self, tenant_id: str | None = None) -> list[StoredChain]:
        """Every chain of which there is a record, a segment or a cut, sorted by tenant, then writer; of one tenant when
        it is named."""

    async def stored_segments(
        self, tenant_id: str, writer_id: str, after: tuple[int, int], limit: int
    ) -> list[StoredSegment]:
        """Up to `limit` segments of a chain, sorted by the sequence number of their first record, then the number of
        their batch; those for which the pair of both is greater than `after`."""

    async def stored_records(self, tenant_id: str, writer_id: str, first: int, limit: int) -> list[StoredRecord]:
        """Up to `limit` records of a chain in order, from sequence `first` on."""


class AuditPlaces(AuditProofs, Protocol):
    """Knows in addition where an event stands."""

    async def stored_places(self, event_id: str, tenant_id: str | None = None) -> list[StoredPlace]:
        """Where the events with this id stand: in one chain at most of each tenant. Raises AuditError."""
