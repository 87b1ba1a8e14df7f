"""Where the records of all writers end up, to be searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from axonflow.audit import AuditPage, AuditQuery, AuditRecord, SealedBatch, WriterKey

__all__ = ["AuditStore"]


class AuditStore(Protocol):
    """Append-only; one chain for each tenant and writer. All methods raise AuditError when the store cannot answer."""

    async def write(self, records: Sequence[AuditRecord]) -> None:
        """Keep `records`, of any tenants. Writing one again changes nothing, so a batch may be repeated.

        Raises AuditConflict, and then keeps none of them, when another record already stands at the place
        (tenant, writer, sequence) or under the event id of one: two histories claim the same place, and a person has
        to look. The same for a record that this store can never keep, such as text that its database refuses. Any
        other failure (unreachable, full, a timeout) is a plain AuditError: the batch is tried again as it is, whereas
        after an AuditConflict it is bisected, so that one record never holds up the others.
        """

    async def write_batch(self, batch: SealedBatch) -> None:
        """Keep a batch: its records, its segments and what was signed, all or nothing. Again changes nothing.

        Raises AuditConflict as `write` does, and BatchConflict, which says what the writer's newest batch is, when its
        number is taken by another.
        """

    async def register(self, key: WriterKey) -> None:
        """Keep the public half of what a writer signs with. Again changes nothing. Raises AuditConflict for another
        key at the same place."""

    async def search(self, query: AuditQuery) -> AuditPage:
        """The events of one tenant that `query` covers, newest first (by event id)."""
