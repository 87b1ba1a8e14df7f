"""Reading the trail of a tenant as it grows."""

from __future__ import annotations

from typing import Protocol

from axonflow.audit.tail import TailedEvent, TailPosition

__all__ = ["AuditTail"]


class AuditTail(Protocol):
    """What an AuditStore keeps, of all writers, in the order of each."""

    async def later(self, tenant_id: str, position: TailPosition, limit: int) -> list[TailedEvent]:
        """Up to `limit` events behind `position`: those of each chain without a gap, and of all chains by event id as
        far as that allows. Raises AuditError."""
