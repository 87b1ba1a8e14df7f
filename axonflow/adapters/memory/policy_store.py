"""A store of published policies in memory, and the feed of what is in force in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from axonflow.errors import PolicyStoreError
from axonflow.policy.publication import (
    Activation,
    InForce,
    PolicyHistory,
    PolicyVersion,
    SetState,
    changed_meanwhile,
)

__all__ = ["MemoryPolicyFeed", "MemoryPolicyStore"]


class MemoryPolicyStore:
    """Keeps what is published for as long as the process lives. `organizations` are those of tenants that have one."""

    def __init__(self, organizations: Mapping[str, str] | None = None) -> None:
        self._organizations = dict(organizations or {})
        self._versions: dict[tuple[str, str], list[PolicyVersion]] = {}
        self._activations: dict[tuple[str, str], list[Activation]] = {}
        self._lock = threading.Lock()
        self._watchers: list[Callable[[], None]] = []

    async def publish(self, version: PolicyVersion) -> PolicyVersion:
        with self._lock:
            versions = self._versions.setdefault((version.tenant_id, version.set_name), [])
            for known in versions:
                if (known.digest, known.key_id) == (version.digest, version.key_id):
                    return known
            versions.append(replace(version, version=len(versions) + 1))
            return versions[-1]

    async def activate(self, activation: Activation, known: Sequence[SetState]) -> SetState:
        place = (activation.tenant_id, activation.set_name)
        with self._lock:
            now = self._sets(activation.tenant_id)
            if list(known) != now or activation.sequence != self._state(place).sequence + 1:
                raise changed_meanwhile(activation)
            if activation.version is not None and self._version(place, activation.version) is None:
                raise PolicyStoreError("there is no such version", found=f"{activation.set_name} {activation.version}")
            self._activations.setdefault(place, []).append(activation)
            state = self._state(place)
            for wake in self._watchers:
                wake()
        return state

    async def sets(self, tenant_id: str) -> list[SetState]:
        with self._lock:
            return self._sets(tenant_id)

    async def version(self, tenant_id: str, set_name: str, version: int) -> PolicyVersion | None:
        with self._lock:
            return self._version((tenant_id, set_name), version)

    async def history(self, tenant_id: str, set_name: str, limit: int) -> PolicyHistory:
        place = (tenant_id, set_name)
        with self._lock:
            versions = [one.head for one in reversed(self._versions.get(place, []))]
            activations = list(reversed(self._activations.get(place, [])))
        return PolicyHistory(tuple(versions[:limit]), tuple(activations[:limit]))

    def in_force(self) -> InForce:
        """What is in force everywhere."""
        with self._lock:
            scopes = {tenant_id for tenant_id, _ in self._versions}
            active = {scope: tuple([one for one in self._sets(scope) if one.version]) for scope in scopes}
        return InForce({scope: sets for scope, sets in active.items() if sets}, dict(self._organizations))

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each activation, in whichever thread that is made."""
        self._watchers.append(wake)

    def _sets(self, tenant_id: str) -> list[SetState]:
        return [self._state(place) for place in sorted(self._versions) if place[0] == tenant_id]

    def _state(self, place: tuple[str, str]) -> SetState:
        activations = self._activations.get(place)
        if not activations:
            return SetState(place[1])
        last = activations[-1]
        active = None if last.version is None else self._version(place, last.version)
        return SetState(place[1], last.sequence, last.version, active.digest if active else None)

    def _version(self, place: tuple[str, str], number: int) -> PolicyVersion | None:
        versions = self._versions.get(place, [])
        return versions[number - 1] if 0 < number <= len(versions) else None


class MemoryPolicyFeed:
    """The feed of one agent in this process."""

    def __init__(self, store: MemoryPolicyStore) -> None:
        self._store = store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        store.watch(self._wake)

    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    async def in_force(self) -> InForce:
        self._loop = asyncio.get_running_loop()
        self._woken.clear()
        return self._store.in_force()

    async def bundle(self, tenant_id: str, set_name: str, version: int) -> bytes:
        found = await self._store.version(tenant_id, set_name, version)
        if found is None:
            raise PolicyStoreError("there is no such version", at=f"{tenant_id}: {set_name}", found=str(version))
        return found.bundle

    async def changed(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True
