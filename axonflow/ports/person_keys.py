"""Where the keys of persons are kept, until they are destroyed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from axonflow.audit.persons import KeptKey

__all__ = ["PersonKeyStore"]


class PersonKeyStore(Protocol):
    """Keeps keys of any tenants. A key that was destroyed stays known by its id, so that it never comes back.

    All methods raise AuditError when the store cannot answer.
    """

    async def keep(self, keys: Sequence[KeptKey]) -> None:
        """Keep `keys`. Again changes nothing, also of one that was destroyed meanwhile. Raises AuditConflict when there
        is one that it can never keep; then it has kept none."""

    async def of_person(self, tenant_id: str, tag: bytes) -> list[str]:
        """The ids of the keys of the tenant that have this tag, the newest first: as many as anybody would search
        by, 1,000."""

    async def wrapped(self, tenant_id: str, key_ids: Iterable[str]) -> dict[str, bytes]:
        """By their ids, those of these keys that the tenant has and that were not destroyed."""

    async def newest(self, tenant_id: str, limit: int) -> dict[str, bytes]:
        """By their ids, the newest `limit` of the keys that the tenant has and that were not destroyed."""

    async def destroy(self, tenant_id: str, tag: bytes, destroyed_us: int) -> list[str]:
        """Destroy all keys of the tenant that have this tag, and return their ids.

        Raises TenancyConflict while everything of the tenant is kept (a legal hold).
        """
