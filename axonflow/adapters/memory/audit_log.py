"""An audit log in memory: chained like any other, gone with the process."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from axonflow.audit import AuditEvent, AuditRecord, link
from axonflow.errors import AuditError
from axonflow.ids import new_id, now_us

__all__ = ["MemoryAuditLog"]

DEFAULT_CAPACITY: Final = 10_000


class MemoryAuditLog:
    """Keeps the newest `capacity` records of each tenant; `evicted` counts what is gone.

    Each chain goes on across evictions, so what is left still verifies, from its first kept record on. The number of
    tenants is bounded too: a tenant too many is refused, for its events could not be kept.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY, max_tenants: int = 10_000) -> None:
        self._capacity = capacity
        self._max_tenants = max_tenants
        self._chains: dict[str, deque[AuditRecord]] = {}
        self._writer_id = new_id(now_us())
        self._lock = threading.Lock()  # callers may be in several event loops and threads; the chain has one end
        self.evicted = 0

    @property
    def writer_id(self) -> str:
        return self._writer_id

    async def append(self, event: AuditEvent) -> AuditRecord:
        if event.writer_id != self._writer_id:
            raise AuditError("an event of another writer", expected=self._writer_id, found=event.writer_id[:64])
        with self._lock:
            chain = self._chains.get(event.tenant_id)
            if chain is None:
                if len(self._chains) >= self._max_tenants:
                    raise AuditError(
                        "the memory audit log is full",
                        expected=f"at most {self._max_tenants} tenants",
                        found="one more",
                    )
                chain = self._chains[event.tenant_id] = deque(maxlen=self._capacity)
            record = link(event, chain[-1] if chain else None)
            self.evicted += len(chain) == self._capacity
            chain.append(record)
            return record

    async def records(self, tenant_id: str) -> list[AuditRecord]:
        with self._lock:
            return list(self._chains.get(tenant_id, ()))
