"""A ledger in memory. A lock makes looking and taking one step, for callers in several event loops and threads."""

from __future__ import annotations

import threading
from typing import Final

from axonflow.errors import LedgerError
from axonflow.ids import new_id
from axonflow.ports.ledger import Quota, Reservation

__all__ = ["MemoryLedger"]

_SLICES: Final = 60
_MAX_COUNTERS: Final = 100_000


class _Counter:
    """A sliding window in 60 slices. The oldest slice counts in full until it has passed entirely, so the window is
    up to one slice longer than asked for and a limit is never exceeded by the rounding."""

    __slots__ = ("slice_us", "slices")

    def __init__(self, window_s: int) -> None:
        self.slice_us = max(1, window_s * 1_000_000 // _SLICES)
        self.slices: dict[int, int] = {}

    def used(self, time_us: int) -> int:
        oldest = time_us // self.slice_us - _SLICES
        for passed in [number for number in self.slices if number < oldest]:
            del self.slices[passed]
        return sum(self.slices.values())

    def add(self, amount: int, time_us: int) -> None:
        number = time_us // self.slice_us
        left = self.slices.get(number, 0) + amount
        if left > 0:
            self.slices[number] = left
        else:
            self.slices.pop(number, None)


class MemoryLedger:
    def __init__(self, max_counters: int = _MAX_COUNTERS) -> None:
        self._counters: dict[Quota, _Counter] = {}
        self._open: dict[str, Reservation] = {}
        self._max_counters = max_counters
        self._lock = threading.Lock()

    async def reserve(self, quota: Quota, amount: int, time_us: int) -> Reservation | None:
        if amount < 0:
            raise LedgerError("wrong amount", expected="0 or more", found=str(amount))
        with self._lock:
            counter = self._counter(quota, time_us)
            if counter.used(time_us) + amount > quota.maximum:
                return None
            counter.add(amount, time_us)
            reservation = Reservation(new_id(time_us), quota, amount, time_us)
            self._open[reservation.reservation_id] = reservation
            return reservation

    async def settle(self, reservation: Reservation, actual: int) -> None:
        with self._lock:
            if self._open.pop(reservation.reservation_id, None) is not None and reservation.quota in self._counters:
                self._counters[reservation.quota].add(actual - reservation.amount, reservation.time_us)

    async def release(self, reservation: Reservation) -> None:
        await self.settle(reservation, 0)

    async def usage(self, quota: Quota, time_us: int) -> int:
        with self._lock:
            counter = self._counters.get(quota)
            return counter.used(time_us) if counter else 0

    def _counter(self, quota: Quota, time_us: int) -> _Counter:
        counter = self._counters.get(quota)
        if counter is None:
            if len(self._counters) >= self._max_counters:
                self._forget_idle(time_us)
            counter = self._counters[quota] = _Counter(quota.window_s)
        return counter

    def _forget_idle(self, time_us: int) -> None:
        for quota in [quota for quota, counter in self._counters.items() if not counter.used(time_us)]:
            del self._counters[quota]
        if len(self._counters) >= self._max_counters:
            raise LedgerError(
                "the memory ledger is full", expected=f"at most {self._max_counters} counters", found="one more"
            )
