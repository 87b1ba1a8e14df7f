"""Where enforced decisions are recorded, and how they move on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from axonflow.audit import AuditEvent, AuditRecord, SealedBatch

__all__ = ["AuditLog", "AuditSpool"]


class AuditLog(Protocol):
    """Append-only, chained per tenant and writer."""

    @property
    def writer_id(self) -> str:
        """Names this writer's chains; unique among all that write to one store."""

    async def append(self, event: AuditEvent) -> AuditRecord:
        """Record `event`; when this returns, it is as durable as this log makes anything. Raises AuditError.

        May be called from several event loops and threads at once.
        """

    def append_later(self, event: AuditEvent) -> bool:
        """Take `event`, to be recorded within moments, and return at once; or False: append it, and wait.

        Only where the operator has chosen so for its tenant, and while there is room: what is taken may be lost when
        the process ends at once. Raises AuditError for an event that cannot be recorded. May be called from any thread.
        """

    async def records(self, tenant_id: str) -> list[AuditRecord]:
        """What this writer still holds of the tenant's chain, oldest first."""


class AuditSpool(AuditLog, Protocol):
    """A log that holds records until an `AuditStore` has them. Chains go on behind what was let go of.

    Records move in sealed batches, numbered from 0 on, each naming the hash of the one before. One batch may be sealed
    ahead of the one that is next, to be offered while that is let go of. A batch is the same whenever it is asked for,
    also by a later process, until it is released or sealed anew.
    """

    async def sealed(self, limit: int) -> SealedBatch | None:
        """The batch that is next: sealed, and not released. Without one, up to `limit` of the oldest records are sealed
        now. None when nothing is held."""

    async def ahead(self, batch: SealedBatch, limit: int) -> SealedBatch | None:
        """The batch behind `batch`, which is next. Without one, the `limit` oldest records behind `batch` are sealed
        now. None when there are fewer, which are gathered into one batch later, and when something else is next."""

    async def release(self, batch: SealedBatch) -> None:
        """Let go of the records of `batch`, which a store now keeps, if that is next: then the one behind it is."""

    async def go_on(self, number: int, previous: bytes) -> None:
        """Seal anew all that is held, as batch `number` behind the one with the hash `previous`."""

    async def quarantine(self, records: Sequence[AuditRecord], reason: str) -> None:
        """Put `records` out of the way for a person to look at, and seal all others anew."""
