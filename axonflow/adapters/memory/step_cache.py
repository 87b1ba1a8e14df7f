"""Results of steps in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple

from cachetools import TLRUCache

__all__ = ["MemoryStepCache"]

MAX_BYTES: Final = 64 * 1024 * 1024
_ENTRY_BYTES: Final = 400
"""Of what keeps one value beside the value, about."""


class _Kept(NamedTuple):
    value: bytes
    ttl_s: float


class MemoryStepCache:
    """Holds `max_bytes` together; what was not asked for longest goes first. Safe to share between threads."""

    def __init__(self, max_bytes: int = MAX_BYTES, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._kept: TLRUCache[str, _Kept] = TLRUCache(
            max_bytes, ttu=lambda _key, kept, now_s: now_s + kept.ttl_s, timer=clock_s, getsizeof=_size_bytes
        )

    async def get(self, key: str) -> bytes | None:
        with self._lock:
            kept = self._kept.get(key)
        return None if kept is None else kept.value

    async def put(self, key: str, value: bytes, ttl_ms: int) -> None:
        kept = _Kept(value, ttl_ms / 1000)
        with self._lock:
            self._kept.pop(key, None)
            if _size_bytes(kept) <= self._max_bytes:
                self._kept[key] = kept


def _size_bytes(kept: _Kept) -> int:
    return len(kept.value) + _ENTRY_BYTES
