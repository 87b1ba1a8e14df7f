"""What is to be looked at later, and when whoever keeps the time is to say so."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

__all__ = ["Timers"]


class Timers:
    """A heap of alarms: each of a kind, for a step, as of so many tries of it."""

    __slots__ = ("_wakes_at_us", "heap")

    def __init__(self) -> None:
        self.heap: Final[list[tuple[int, int, int, int]]] = []
        self._wakes_at_us = 0  # 0: nobody was asked to wake us

    def set(self, at_us: int, kind: int, step: int, tries: int) -> None:
        """Look at the step then."""
        heappush(self.heap, (at_us, kind, step, tries))

    def due(self, time_us: int) -> Iterator[tuple[int, int, int]]:
        """Kind, step and tries of each alarm that is due, the earliest first; each is told once."""
        self._wakes_at_us = 0
        while self.heap and self.heap[0][0] <= time_us:
            yield heappop(self.heap)[1:]

    def wake_at_us(self) -> int | None:
        """When to be woken; None when there is nothing to ask for, or it was asked for already."""
        if not self.heap or 0 < self._wakes_at_us <= self.heap[0][0]:
            return None
        self._wakes_at_us = self.heap[0][0]
        return self._wakes_at_us
