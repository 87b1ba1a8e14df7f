"""Where API keys are kept: their hashes, never the keys."""

from __future__ import annotations

from typing import Protocol

from axonflow.tenancy import KeyRecord, StoredKey

__all__ = ["KeyLookup", "KeyStore"]


class KeyStore(Protocol):
    """Of one tenant at a time. All methods raise TenancyUnavailable when the store cannot answer."""

    async def add(self, key: KeyRecord, key_hmac: bytes, old_expires_us: int | None = None) -> None:
        """Keep a new one. Where it comes in the place of another (`rotated_from`), that one ends at `old_expires_us` or
        at its own time, whichever is sooner, in the same step.

        Raises TenancyConflict when its id or hash is taken, the tenant has as many active keys as it may, or is being
        deleted; TenancyMissing when there is no such tenant, or no active key that it comes in the place of.
        """

    async def get(self, tenant_id: str, key_id: str) -> KeyRecord | None:
        """The one of this id, if this tenant has it."""

    async def page(self, tenant_id: str, before: tuple[int, str] | None, limit: int) -> list[KeyRecord]:
        """Up to `limit`, newest first; those older than `before`, the time and id of the last one seen."""

    async def revoke(self, tenant_id: str, key_id: str, revoked_us: int, revoked_by: str) -> bool:
        """End it. False when this tenant has no such key, or it was revoked before."""

    async def used(self, tenant_id: str, key_id: str, used_us: int) -> None:
        """Note when it was last used."""


class KeyLookup(Protocol):
    """Of all tenants: whose is a key that was presented? Raises TenancyUnavailable."""

    async def find(self, key_hmac: bytes) -> StoredKey | None:
        """The key with this hash, its tenant, and what its roles mean there."""
