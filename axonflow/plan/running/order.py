"""Which of the steps that are ready goes first, where not all may run at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Final

from axonflow.plan.running.wiring import Wiring, path_lengths

__all__ = ["Order"]


class Order:
    """A heap of ready steps. `durations_us` says how long each step will take; it is asked only when it matters, and
    anew when the plan has grown."""

    __slots__ = ("_durations_us", "_lengths", "_wiring", "heap")

    def __init__(self, wiring: Wiring, durations_us: Callable[[Wiring], Sequence[int]]) -> None:
        self._wiring = wiring
        self._durations_us = durations_us
        self._lengths: list[int] = []
        self.heap: Final[list[tuple[int, int, int]]] = []

    def urgency(self, step: int) -> tuple[int, int]:
        """What sorts steps that are ready: first by priority, then by the length of the path that hangs on them."""
        if len(self._lengths) < len(self._wiring.steps):
            self._lengths = path_lengths(self._wiring, self._durations_us(self._wiring))
        return -self._wiring.steps[step].priority, -self._lengths[step]

    def push(self, step: int) -> None:
        """The step is ready."""
        heappush(self.heap, (*self.urgency(step), step))

    def pop(self) -> int:
        """The step that goes first; it is here no more. Raises IndexError when there is none."""
        return heappop(self.heap)[2]
