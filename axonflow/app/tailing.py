"""Following the audit trail as it grows: what is looked at, and when to look again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from axonflow.audit import AuditQuery
from axonflow.audit.tail import TailPosition
from axonflow.flows.tail_audit import TailLook, tail_audit
from axonflow.ports import AuditTail

__all__ = ["TailLook", "Tailing"]


class Tailing:
    """The trail of a store, of all its writers. `arrival` gives what is set once this process has brought more there:
    that of others is found by looking now and then."""

    def __init__(self, tail: AuditTail, arrival: Callable[[], asyncio.Event] = asyncio.Event) -> None:
        self._tail = tail
        self._arrival = arrival

    @property
    def arrival(self) -> asyncio.Event:
        """Whoever takes it before a look, and waits for it behind that, misses nothing of this process."""
        return self._arrival()

    async def look(self, query: AuditQuery, position: TailPosition) -> TailLook:
        """What there is behind `position`; see :func:`axonflow.flows.tail_audit.tail_audit`. Raises AuditError."""
        return await tail_audit(self._tail, query, position)
