"""An anchor in memory."""

from __future__ import annotations

__all__ = ["MemoryAuditAnchor"]


class MemoryAuditAnchor:
    """Keeps `objects` for as long as the process lives."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put(self, name: str, data: bytes) -> bool:
        return name not in self.objects and self.objects.setdefault(name, data) is data

    async def get(self, name: str) -> bytes | None:
        return self.objects.get(name)

    async def close(self) -> None:
        """Nothing is held."""
