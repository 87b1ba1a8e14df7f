"""Where enforced decisions are recorded, and how they move on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from axonflow.audit import AuditEvent, AuditRecord

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

    async def records(self, tenant_id: str) -> list[AuditRecord]:
        """What this writer still holds of the tenant's chain, oldest first."""


class AuditSpool(AuditLog, Protocol):
    """A log that holds records until an `AuditStore` has them. Chains go on behind what was discarded."""

    async def oldest(self, limit: int) -> list[AuditRecord]:
        """Up to `limit` of the records held, of all tenants, in the order in which they were appended."""

    async def discard(self, records: Sequence[AuditRecord]) -> None:
        """Let go of `records`, which a store now keeps. Those that are not held (any more) are passed over."""
