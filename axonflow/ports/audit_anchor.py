"""A place of another owner, to which heads of the audit trail go."""

from __future__ import annotations

from typing import Protocol

__all__ = ["AuditAnchor"]


class AuditAnchor(Protocol):
    """Keeps objects by name, and never lets one be changed. Names are words, digits, hyphens, dots and slashes.

    All methods raise AuditError when the place does not answer or refuses.
    """

    async def put(self, name: str, data: bytes) -> bool:
        """Keep `data` under `name`, durably. False when something is kept there already: it stays as it is."""

    async def get(self, name: str) -> bytes | None:
        """What is kept under `name`; None when nothing is."""

    async def close(self) -> None:
        """Let go of connections."""
