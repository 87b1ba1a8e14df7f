"""Where enforced decisions are recorded."""

from __future__ import annotations

from typing import Protocol

from axonflow.audit import AuditEvent, AuditRecord

__all__ = ["AuditLog"]


class AuditLog(Protocol):
    """Append-only, chained per tenant and writer."""

    @property
    def writer_id(self) -> str:
        """Names this writer's chains; unique among all that write to one store."""

    async def append(self, event: AuditEvent) -> AuditRecord:
        """Record `event`; when this returns, it is as durable as this log makes anything. Raises AuditError."""

    async def records(self, tenant_id: str) -> list[AuditRecord]:
        """What this writer still holds of the tenant's chain, oldest first."""
