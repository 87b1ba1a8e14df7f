"""How often a tenant may call this process: a token bucket for each that has a limit.

A bucket holds a minute's worth and fills steadily. So the limit holds on average, and after a quiet minute there may be
twice as many calls in one.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

__all__ = ["RequestRates"]

MAX_BUCKETS: Final = 10_000
MINUTE_S: Final = 60.0


class RequestRates:
    """Bound to one thread. Costs some 350 ns a call, and nothing for tenants without a limit: they are never asked
    about."""

    def __init__(self, clock_s: Callable[[], float] = monotonic, max_buckets: int = MAX_BUCKETS) -> None:
        self._clock_s = clock_s
        self._max_buckets = max_buckets
        self._buckets: dict[str, list[float]] = {}  # how many calls are left, as of when

    def wait_s(self, tenant_id: str, per_minute: int) -> float:
        """0 when the call may be answered, which is then counted; else in how many seconds one may. It never may at 0 a
        minute; then that is a minute."""
        now_s = self._clock_s()
        bucket = self._buckets.get(tenant_id)
        if bucket is None:
            bucket = self._new_bucket(tenant_id, per_minute, now_s)
        left = bucket[0] + (now_s - bucket[1]) * per_minute / MINUTE_S
        if left > per_minute:  # noqa: PLR1730  min() would take a quarter of the time that all of this takes
            left = per_minute
        bucket[1] = now_s
        if left >= 1:
            bucket[0] = left - 1
            return 0.0
        bucket[0] = left
        return (1 - left) * MINUTE_S / per_minute if per_minute else MINUTE_S

    def _new_bucket(self, tenant_id: str, per_minute: int, now_s: float) -> list[float]:
        """A full one, in place of the oldest where there are too many."""
        if len(self._buckets) >= self._max_buckets:
            del self._buckets[next(iter(self._buckets))]
        bucket = self._buckets[tenant_id] = [per_minute, now_s]
        return bucket
