"""What has changed, in memory."""

from __future__ import annotations

import asyncio

from axonflow.adapters.memory.tenants import MemoryTenants
from axonflow.ports import Announced, Standing

__all__ = ["MemoryTenantFeed"]


class MemoryTenantFeed:
    """A TenantFeed."""

    def __init__(self, tenants: MemoryTenants) -> None:
        self._tenants = tenants
        self._announced: set[Announced] = set()
        self._woken = asyncio.Event()
        tenants.listeners.append(self._hear)

    async def standing(self) -> Standing:
        return Standing(await self._tenants.inactive(), self._tenants.audit_modes())

    async def heard(self, timeout_s: float) -> frozenset[Announced]:
        if not self._announced:
            self._woken.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._woken.wait()
            except TimeoutError:
                return frozenset()
        announced, self._announced = frozenset(self._announced), set()
        return announced

    def close(self) -> None:
        if self._hear in self._tenants.listeners:
            self._tenants.listeners.remove(self._hear)

    def _hear(self, kind: str, tenant_id: str) -> None:
        self._announced.add(Announced(kind, tenant_id))
        self._woken.set()
