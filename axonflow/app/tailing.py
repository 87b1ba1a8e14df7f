"""Following the audit trail as it grows: what is looked at, and when to look again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from axonflow.audit import AuditQuery
from axonflow.audit.tail import TailPosition
from axonflow.flows.tail_audit import TailLook, tail_audit
from axonflow.ports import AuditTail

if TYPE_CHECKING:  # it needs cryptography, and there may be none
    from axonflow.app.persons import AuditPersons

__all__ = ["TailLook", "Tailing"]


class Tailing:
    """The trail of a store, of all its writers. `arrival` gives what is set once this process has brought more there:
    that of others is found by looking now and then. What tells of persons is opened where `persons` are given."""

    def __init__(
        self,
        tail: AuditTail,
        arrival: Callable[[], asyncio.Event] = asyncio.Event,
        persons: AuditPersons | None = None,
    ) -> None:
        self._tail = tail
        self._arrival = arrival
        self._persons = persons

    @property
    def arrival(self) -> asyncio.Event:
        """Whoever takes it before a look, and waits for it behind that, misses nothing of this process."""
        return self._arrival()

    async def look(self, query: AuditQuery, position: TailPosition) -> TailLook:
        """What there is behind `position`; see :func:`axonflow.flows.tail_audit.tail_audit`. Raises AuditError."""
        persons = self._persons
        if persons is None:
            return await tail_audit(self._tail, query, position)
        look = await tail_audit(self._tail, await persons.asked(query), position)
        opened = await persons.opened(query.tenant_id, [event for _, event in look.events])
        places = (place for place, _ in look.events)
        return TailLook(tuple(zip(places, opened, strict=True)), look.position, look.is_last)
