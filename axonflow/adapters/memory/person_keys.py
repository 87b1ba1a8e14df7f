"""Keys of persons in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from axonflow.audit.persons import KeptKey
from axonflow.errors import TenancyConflict

__all__ = ["MemoryPersonKeys"]

_MAX_OF_PERSON: Final = 1_000


class MemoryPersonKeys:
    """A PersonKeyStore. Nothing of the tenants in `held` is destroyed."""

    def __init__(self, held: Iterable[str] = ()) -> None:
        self._keys: dict[tuple[str, str], KeptKey | None] = {}
        self.held = set(held)

    async def keep(self, keys: Sequence[KeptKey]) -> None:
        for key in keys:
            self._keys.setdefault((key.tenant_id, key.key_id), key)

    async def of_person(self, tenant_id: str, tag: bytes) -> list[str]:
        return [key.key_id for key in sorted(self._having(tenant_id, tag), key=_age)][:_MAX_OF_PERSON]

    async def wrapped(self, tenant_id: str, key_ids: Iterable[str]) -> dict[str, bytes]:
        found = {key_id: self._keys.get((tenant_id, key_id)) for key_id in key_ids}
        return {key_id: key.wrapped for key_id, key in found.items() if key is not None}

    async def newest(self, tenant_id: str, limit: int) -> dict[str, bytes]:
        own = [key for key in self._keys.values() if key is not None and key.tenant_id == tenant_id]
        return {key.key_id: key.wrapped for key in sorted(own, key=_age)[:limit]}

    async def destroy(self, tenant_id: str, tag: bytes, destroyed_us: int) -> list[str]:
        del destroyed_us
        if tenant_id in self.held:
            raise TenancyConflict(
                "everything of the tenant is kept", expected="a tenant that is not held", at=tenant_id
            )
        gone = self._having(tenant_id, tag)
        for key in gone:
            self._keys[tenant_id, key.key_id] = None
        return [key.key_id for key in sorted(gone, key=_age)]

    def _having(self, tenant_id: str, tag: bytes) -> list[KeptKey]:
        return [key for key in self._keys.values() if key is not None and (key.tenant_id, key.tag) == (tenant_id, tag)]


def _age(key: KeptKey) -> tuple[int, str]:
    """The newest first."""
    return -key.created_us, key.key_id
