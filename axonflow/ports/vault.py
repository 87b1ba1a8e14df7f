"""Where values stay that were replaced by labels of style ``vault``, until somebody may see them again."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Vault"]


class Vault(Protocol):
    """All methods raise VaultError when the vault cannot answer; callers deny. Values never get into its messages."""

    async def put(self, tenant_id: str, label: str, value: str) -> None:
        """Keep `value` behind `label`. The same again changes nothing; another value for it is a VaultError.

        When this returns, it is as durable as this vault makes anything. May be called from several event loops and
        threads at once.
        """

    async def get(self, tenant_id: str, label: str) -> str | None:
        """What this tenant keeps behind `label`, if it is there."""
