"""A place of another owner, to which heads of the audit trail go, and who is told of its cuts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from axonflow.audit import ChainHead

__all__ = ["AuditAnchor", "CutWitness"]


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


class CutWitness(Protocol):
    """Is told of each cut of a chain before its records go. All methods raise ConfigurationError when it cannot be."""

    async def check(self, standing: Sequence[ChainHead]) -> None:
        """These were cut before; to be asked once, ahead of all else. Raises ConfigurationError also for those that it
        was not told of."""

    async def announce(self, cuts: Sequence[ChainHead]) -> None:
        """These are about to be cut: what they name may go afterwards, and what is before it in its chain."""
