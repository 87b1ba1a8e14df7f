"""Results of steps that are kept to be used again."""

from __future__ import annotations

from typing import Protocol

__all__ = ["StepCache"]


class StepCache(Protocol):
    """Values by key. A cache that cannot answer has nothing: it raises nothing, and the step is called."""

    async def get(self, key: str) -> bytes | None:
        """The value of `key`, unless its time is over or its room was needed."""

    async def put(self, key: str, value: bytes, ttl_ms: int) -> None:
        """Keep `value` under `key`, in place of what is there, for at most so long; one that is too large is not."""
