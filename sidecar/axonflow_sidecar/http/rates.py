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
    """Bound to one thread. Costs some 200 ns a call, and nothing for tenants without a limit: they are never asked
    about."""

    def __init__(self, clock_s: Callable[[], float] = monotonic, max_buckets: int = MAX_BUCKETS) -> None:
        self._clock_s = clock_s
        self._max_buckets = max_buckets
        self._buckets: dict[str, tuple[float, float]] = {}  # how many calls are left, as of when

    def wait_s(self, tenant_id: str, per_minute: int) -> float:
        """0 when the call may be answered, which is then counted; else in how many seconds one may. It never may at 0 a
        minute; then that is a minute."""
        now_s = self._clock_s()
        left, at_s = self._buckets.pop(tenant_id, (per_minute, now_s))
        left = min(left + (now_s - at_s) * per_minute / MINUTE_S, per_minute)
        is_answered = left >= 1
        self._buckets[tenant_id] = (left - 1 if is_answered else left, now_s)
        if len(self._buckets) > self._max_buckets:  # who has not called for the longest has the fullest bucket
            del self._buckets[next(iter(self._buckets))]
        if is_answered:
            return 0.0
        return (1 - left) * MINUTE_S / per_minute if per_minute else MINUTE_S
