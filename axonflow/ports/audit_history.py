"""Reading many events of the audit trail as they were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from axonflow.audit import AuditQuery

__all__ = ["AuditHistory"]


class AuditHistory(Protocol):
    """What an AuditStore keeps, for who reads more of it than any page holds and decodes it as they like."""

    async def newest(self, query: AuditQuery, limit: int) -> Sequence[tuple[str, bytes]]:
        """Up to `limit` of the newest events that `query` covers, newest first: the id of each, and the bytes that were
        hashed. The query's own limit and offset do not count. Raises AuditError."""
